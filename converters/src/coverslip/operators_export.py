"""Makes operators.txt from the compiled engine; `--check`: is it fresh?"""

from __future__ import annotations

import sys

from . import _engine
from .operators import LISTED


def main() -> int:
    """Writes or checks. Returns 1 where the file is old."""
    text = "".join(f"{name}\n" for name in sorted(_engine.operators()))
    if "--check" not in sys.argv[1:]:
        LISTED.write_text(text, encoding="ascii")
        return 0
    if LISTED.is_file() and LISTED.read_text(encoding="ascii") == text:
        return 0
    print(f"{LISTED} is old: python -m coverslip.operators_export", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
