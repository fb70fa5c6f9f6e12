"""Makes operators.txt from the compiled engine."""

from __future__ import annotations

from . import _engine
from .operators import LISTED


def main() -> None:
    """Writes it."""
    LISTED.write_text("".join(f"{name}\n" for name in sorted(_engine.operators())), encoding="ascii")


if __name__ == "__main__":
    main()
