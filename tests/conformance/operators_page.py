"""Writes docs/OPERATORS.md from what the engine tells of itself and what ONNX's node tests show of the converter.

PYTHON tests/conformance/operators_page.py            after ./dev build, and after ledger.py
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import node_tests
import onnx

TOP = Path(__file__).parents[2]
SLIP = TOP / "build" / "release" / "slip"
PAGE = TOP / "docs" / "OPERATORS.md"

TYPES = ("f32", "f16", "bf16", "i8", "u8", "i32", "i64", "bool")
SPEEDS = {"fast": "+", "partly": "±", "reference": "r"}

ABOUT = """\
# Operators

What the engine runs, by ONNX's names and with ONNX's meaning. This page is made by
`tests/conformance/operators_page.py` from `slip info --operators --json`: an operator is listed with an element type
or a rank only if a test runs it so, on every instruction set, and compares it with a reference in double.

- `+` runs on kernels of every instruction set: x86 SSE2, SSE4, AVX2, AVX3, AVX3_DL, AVX3_ZEN4, AVX3_SPR; ARM NEON,
  NEON_BF16; and without SIMD. `±`: some of its forms do, others run at reference speed. `r`: reference speed, which is
  right, but slow. Blank: no test runs it; mostly it is refused by name when the model is loaded.
- Element types and ranks are those of the first input (of Where the condition). Images have two axes before their
  spatial ones, so ranks 3, 4 and 5 are one, two and three dimensions. 16-bit floats are computed in float32, and
  rounded once.
- Opsets 13 to {newest}; the converter raises older ones. Training forms are refused.
- An index that comes from data and lies outside of its axis is moved to the nearest place inside, as there is no error
  that a running network could act on; one that is known when the model is loaded is refused.
"""

BY_CONVERTER = """\
## Written out by the converter

ONNX's own functions are expanded, and what constants decide is folded. If and Loop are settled where branch and number
of turns depend on constants and known shapes, else refused by name:

{names}.
"""

REFUSED = """\
## Refused

These ONNX operators are refused by name, with what can be done instead:

{names}.
"""


def abilities(slip: Path = SLIP) -> dict[str, Any]:
    """Each operator's group, types and ranks, from the tool."""
    done = subprocess.run([slip, "info", "--operators", "--json"], check=True, capture_output=True, text=True)
    operators: dict[str, Any] = json.loads(done.stdout)["operators"]
    return operators


def converted(known: Sequence[str]) -> list[str]:
    """Operators that the engine lacks, and models with them are answered all the same."""
    refused = node_tests.refused()
    answered = {
        node.op_type
        for name, case in node_tests.cases().items()
        if name not in refused
        for node in case.model.graph.node
        if node.domain in ("", "ai.onnx")
    }
    return sorted((answered | CONTROL_FLOW).difference(known))


CONTROL_FLOW = {"If", "Loop"}
"""Settled by the converter, where they can be."""


def onnx_names() -> set[str]:
    """ONNX's own operators, of this and older opsets."""
    return {schema.name for schema in onnx.defs.get_all_schemas() if not schema.domain}


def ranks(numbers: Sequence[int]) -> str:
    """ "0-2, 4" of [0, 1, 2, 4]."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def tables(operators: Mapping[str, Any]) -> Iterator[str]:
    """One table for each group."""
    for group in sorted({operator["group"] for operator in operators.values()}):
        yield f"## {group.capitalize()}\n"
        yield f"| Operator | {' | '.join(TYPES)} | ranks |"
        yield "|---|" + ":-:|" * len(TYPES) + "---|"
        for name, operator in operators.items():
            if operator["group"] == group:
                marks = [SPEEDS[operator["types"][kind]] if kind in operator["types"] else "" for kind in TYPES]
                yield f"| {name} | {' | '.join(marks)} | {ranks(operator['ranks'])} |"
        yield ""


def wrapped(names: Sequence[str]) -> str:
    """Names between commas, in lines of 120 columns at most."""
    lines = [""]
    for name in names:
        word = name if name == names[-1] else f"{name},"
        lines = [*lines, word] if len(lines[-1]) + len(word) > 118 else [*lines[:-1], f"{lines[-1]} {word}".strip()]
    return "\n".join(lines)


def page(operators: Mapping[str, Any]) -> str:
    """The whole document."""
    others = converted(list(operators))
    refused = sorted(onnx_names().difference(operators, others))
    return "\n".join(
        [
            ABOUT.format(newest=onnx.defs.onnx_opset_version()),
            *tables(operators),
            BY_CONVERTER.format(names=wrapped(others)),
            REFUSED.format(names=wrapped(refused)),
        ]
    )


def main() -> int:
    """Writes the page."""
    PAGE.write_text(page(abilities()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
