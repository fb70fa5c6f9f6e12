"""Checks that the folders of include/coverslip include each other only downwards."""

import re
import sys
from pathlib import Path

INCLUDE = Path(__file__).resolve().parent.parent / "include"
ALLOWED: dict[str, list[str]] = {
    "core": [],
    "kernels": [],
    "graph": ["core"],
    "image": ["core"],
    "io": ["core", "graph"],
    "ops": ["core", "graph", "kernels"],
    "plan": ["core", "graph", "ops", "kernels"],
    "run": ["core", "graph", "io", "ops", "plan", "kernels"],
    "c": [],
}
# The public API and the whole engine stand above the folders.
TOP = {"coverslip.hpp": ["core", "graph", "image"], "impl.hpp": [*ALLOWED]}
# What only some folders may see: Highway stays in the kernels, threads in run, pictures in image.
EXTERNAL = {"hwy/": {"kernels"}, "tbb/": {"run"}, "oneapi/": {"run"}, "stb_": {"image"}}
INCLUDED = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')


def wrong_include(layer: str, allowed: list[str], included: str) -> str | None:
    """Says why a file of a layer may not include something, or None."""
    if included.startswith("coverslip/"):
        rest = included.removeprefix("coverslip/")
        target = rest.split("/")[0] if "/" in rest else rest
        # Code behind the API may see the API.
        if target in (layer, *allowed) or (target == "coverslip.hpp" and layer in ("run", "c", "impl.hpp")):
            return None
        return f"{layer} may include {', '.join(allowed) or 'no other folder'}, not {target}"
    for prefix, layers in EXTERNAL.items():
        if included.startswith(prefix) and layer not in layers:
            return f"only {', '.join(sorted(layers))} may include {included}"
    return None


def problems_of(path: Path) -> list[str]:
    """The wrong includes of one header, as file:line: reason."""
    parts = path.relative_to(INCLUDE / "coverslip").parts
    layer = parts[0]
    allowed = ALLOWED.get(layer, TOP.get(layer))
    if allowed is None:
        return [f"{path}: no layer is named {layer}; add it to .ci/check_layers.py"]
    problems = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if found := INCLUDED.match(line):
            reason = wrong_include(layer, allowed, found[1])
            if reason:
                problems.append(f"{path}:{number}: {reason}")
    return problems


def main() -> int:
    """Checks every header."""
    problems = [p for path in sorted((INCLUDE / "coverslip").rglob("*.h*")) for p in problems_of(path)]
    print("\n".join(problems))
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
