"""Writes docs/NETWORKS.md from results.json, what zoo.py saw of each network.

python tests/zoo/networks_page.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypedDict

from catalogue import NETWORKS

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
PAGE = HERE.parents[1] / "docs" / "NETWORKS.md"

LARGEST_ERROR = 1e-4
"""Relative L2, against onnxruntime."""

EXPORTERS = {
    "script13": "TorchScript, opset 13",
    "script17": "TorchScript, opset 17",
    "dynamo18": "dynamo, opset 18",
    "dynamo-newest": "dynamo, opset 23",
}
SIZES = ("fixed", "free")
WAYS = len(NETWORKS) * len(EXPORTERS) * len(SIZES)


class Row(TypedDict, total=False):
    """As comparison.py prints it; or a problem alone, which says why there are no numbers."""

    error: float
    """Relative L2, the largest over outputs and sizes."""
    nodes_in: int
    nodes_out: int
    steps: int
    """Of the first size's plan."""
    slow: dict[str, int]
    """How many steps run at reference speed, by operator."""
    recognised: dict[str, int]
    left: dict[str, int]
    problem: str


ABOUT = """\
# Networks

Networks with seeded weights, exported by torch, converted, run, and compared with ONNX Runtime on a seeded input. This
page is made by `tests/zoo/zoo.py`; catalogue.py beside it says what each network is.

- Sizes: `fixed` as exported; `free` where the export leaves batch, and for most networks rows, columns and slices, to
  the caller: then two sizes are run, one of them with another batch and unlike sides.
- Error: relative L2, the largest of all outputs and sizes; {largest:g} is allowed.
- Nodes: of the exported file, and of the converted one. Recognised: what exporters write in several nodes and is one
  afterwards. Left: what folds where it can. A BatchNormalization that reads a Concat or a sum has nothing to fold into;
  shape arithmetic of free sizes is done when planning.
- Steps: of the plan; at reference speed: those without a kernel of their own.

{agree} of {whole} exports (28 networks, 4 exporters, 2 kinds of sizes) agree; {slow} have a step at reference speed.
"""


def key(network: str, exporter: str, sizes: str) -> str:
    """The name of a row, and of the export's file."""
    return f"{network}.{exporter}" + (".free" if sizes == "free" else "")


def passed(row: Row) -> bool:
    """Whether the answers agree."""
    return "problem" not in row and row["error"] <= LARGEST_ERROR


def page(results: Mapping[str, Row]) -> str:
    """The whole document."""
    agree = sum(passed(row) for row in results.values())
    slow = sum(bool(row.get("slow")) for row in results.values())
    about = ABOUT.format(largest=LARGEST_ERROR, agree=agree, slow=slow or "none", whole=WAYS)
    return "\n".join([about, *_tables(results)])


def _tables(results: Mapping[str, Row]) -> Iterator[str]:
    for exporter, title in EXPORTERS.items():
        rows = {name: row for name, row in sorted(results.items()) if name.split(".")[1] == exporter}
        if not rows:
            continue
        yield f"## {title}\n"
        yield "| Network | Sizes | Error | Nodes in | out | Steps | At reference speed | Recognised | Left |"
        yield "|---|---|--:|--:|--:|--:|---|---|---|"
        yield from (_line(name, row) for name, row in rows.items())
        yield ""


def _line(name: str, row: Row) -> str:
    network, sizes = name.split(".")[0], SIZES[name.endswith(".free")]
    if "problem" in row:
        return f"| {network} | {sizes} | {row['problem'].replace('|', '/')} | | | | | | |"
    numbers = [f"{row['error']:.1e}", str(row["nodes_in"]), str(row["nodes_out"]), str(row["steps"])]
    lists = [_listed(row["slow"]) or "none", _listed(row["recognised"]), _listed(row["left"])]
    return f"| {' | '.join([network, sizes, *numbers, *lists])} |"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


if __name__ == "__main__":
    PAGE.write_text(page(json.loads(RESULTS.read_text(encoding="utf-8"))), encoding="utf-8")
