"""Checks how much the API includes, that impl.hpp in two .cpp or a big-endian CPU is an error, and C++ in documents."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
THIRD_PARTY = ROOT / "build" / "third_party" / "usr"
COMPILER = [os.environ.get("CXX", "c++"), "-std=c++20", "-ffp-contract=off", f"-I{ROOT / 'include'}"]
# What a file with the API alone comes to once preprocessed: it compiles in under 0.5 CPU seconds then. A count, since
# seconds depend on what else the machine does.
LIMIT_LINES = 70_000
# What the linker's message must contain: it tells the user what is wrong.
TOLD = "impl_hpp_belongs_in_exactly_one_cpp"


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


def twice_problem(folder: Path) -> str | None:
    """Links a program with impl.hpp in two translation units; they are alike, so compiling one is enough."""
    source, first, second = folder / "impl.cpp", folder / "first.o", folder / "second.o"
    source.write_text("#include <coverslip/impl.hpp>\nint main() {}\n", encoding="utf-8")
    scalar = [
        "-DHWY_COMPILE_ONLY_SCALAR",
        f"-isystem{THIRD_PARTY / 'include'}",
        f"-isystem{THIRD_PARTY / 'include/stb'}",
    ]
    subprocess.run([*COMPILER, *scalar, "-O0", "-c", str(source), "-o", str(first)], check=True)
    second.write_bytes(first.read_bytes())
    link = subprocess.run(
        [*COMPILER, str(first), str(second), "-o", str(folder / "program")], capture_output=True, text=True
    )
    if link.returncode == 0:
        return "a program with impl.hpp in two .cpp links: two copies of the engine could run code for the wrong CPU"
    if TOLD not in link.stderr:
        return f"the link error for impl.hpp in two .cpp does not mention {TOLD}"
    return None


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
    checks = (api_problem, twice_problem, big_endian_problem, documents_problem)
    with tempfile.TemporaryDirectory() as name:
        problems = [problem for check in checks if (problem := check(Path(name)))]
    print("\n".join(problems))
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
