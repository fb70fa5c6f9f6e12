"""Checks how much the API includes, that a big-endian CPU is an error, and C++ in documents."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMPILER = [os.environ.get("CXX", "c++"), "-std=c++20", "-ffp-contract=off", f"-I{ROOT / 'include'}"]
# What a file with the API alone comes to once preprocessed: it compiles in under 0.5 CPU seconds then. A count, since
# seconds depend on what else the machine does.
LIMIT_LINES = 70_000


def api_problem(folder: Path) -> str | None:
    """Preprocesses a file that includes the API alone, after checking that it compiles."""
    source = folder / "api.cpp"
    source.write_text("#include <coverslip/coverslip.hpp>\n", encoding="utf-8")
    subprocess.run([*COMPILER, "-fsyntax-only", str(source)], check=True)
    text = subprocess.run([*COMPILER, "-E", str(source)], check=True, capture_output=True, text=True).stdout
    lines = text.count("\n")
    if lines < LIMIT_LINES:
        return None
    return f"coverslip.hpp comes to {lines} lines once preprocessed, limit {LIMIT_LINES}: what does it include?"


def big_endian_problem(folder: Path) -> str | None:
    """Compiles the API as for a big-endian CPU, which must stop with a sentence."""
    source = folder / "big_endian.cpp"
    source.write_text("#include <coverslip/coverslip.hpp>\n", encoding="utf-8")
    swapped = ["-U__BYTE_ORDER__", "-D__BYTE_ORDER__=__ORDER_BIG_ENDIAN__"]
    build = subprocess.run([*COMPILER, *swapped, "-fsyntax-only", str(source)], capture_output=True, text=True)
    if build.returncode != 0 and "little-endian CPUs only" in build.stderr:
        return None
    return "a build for a big-endian CPU does not stop with the sentence that says so"


def documents_problem(folder: Path) -> str | None:
    """Compiles every block of C++ in the documents; each must be a whole file."""
    source = folder / "document.cpp"
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        for block in re.findall(r"^```cpp\n(.*?)^```", document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
            source.write_text(block, encoding="utf-8")
            if subprocess.run([*COMPILER, "-fsyntax-only", str(source)]).returncode != 0:
                return f"{document}: a block of C++ does not compile"
    return None


def main() -> int:
    """Runs all checks."""
    checks = (api_problem, big_endian_problem, documents_problem)
    with tempfile.TemporaryDirectory() as name:
        problems = [problem for check in checks if (problem := check(Path(name)))]
    print("\n".join(problems))
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
