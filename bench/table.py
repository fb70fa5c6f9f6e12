"""Prints what kernels_bench measured: a table for each kernel with a column for each target, then the predictions.

PYTHON bench/table.py build/bench.json
"""

from __future__ import annotations

import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

OFF = 2.0
"""A prediction that is off by more than this factor is listed."""
SLOWER = 1.1
"""As is a choice by prediction that costs more than this."""


@dataclass(frozen=True)
class Measured:
    """One benchmark: a way of doing one sample on one target."""

    group: str  # the operator; or gemm, pack
    target: str
    sample: str
    kernel: str  # where ways share a name, with @layout
    microseconds: float
    counters: dict[str, float]

    @property
    def share(self) -> str:
        """The percentage of the limit that is nearer: of computing, or of memory."""
        compute, memory = self.counters.get("percent_of_peak", 0.0), self.counters["percent_of_bandwidth"]
        return f"{compute:.0f} c" if compute >= memory else f"{memory:.0f} m"

    @property
    def ratio(self) -> float | None:
        """Predicted over measured time."""
        return self.counters.get("predicted_over_measured")


def measured(document: dict[str, Any]) -> list[Measured]:
    """Those of the document in its order; of peaks there is nothing to tell."""
    found = []
    for entry in document["benchmarks"]:
        parts = [part for part in entry["name"].split("/") if not part.startswith(("iterations:", "manual_time"))]
        if len(parts) != 4 or "percent_of_bandwidth" not in entry:
            continue
        assert entry["time_unit"] == "us", entry["name"]
        group, target, sample, kernel = parts
        counters = {key: float(value) for key, value in entry.items() if isinstance(value, float)}
        found.append(Measured(group, target, sample, kernel, float(entry["real_time"]), counters))
    return found


def off_by(ratio: float) -> float:
    """How many times too large or too small."""
    return max(ratio, 1 / ratio)


def framed(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)


def kernel_tables(all_of: list[Measured]) -> Iterable[Table]:
    """The rows of a table are samples; a cell is the share of the limit, then predicted over measured time."""
    targets = list(dict.fromkeys(one.target for one in all_of))
    kernels: dict[tuple[str, str], dict[str, dict[str, Measured]]] = defaultdict(lambda: defaultdict(dict))
    for one in all_of:
        name, _, layout = one.kernel.partition("@")
        title = (f"pack for {name}", "") if one.group == "pack" else (name, one.group)
        sample = one.sample + (f" {layout}" if layout else "")
        kernels[title][sample][one.target] = one
    for (kernel, group), rows in kernels.items():
        table = framed(f"{kernel} ({group})" if group not in ("", kernel) else kernel)
        table.add_column("sample", no_wrap=True)
        table.add_column(f"µs, {targets[0]}", justify="right", no_wrap=True)
        for target in targets:
            table.add_column(target, justify="right", no_wrap=True)
        for sample, cells in rows.items():
            time = f"{cells[targets[0]].microseconds:.1f}" if targets[0] in cells else ""
            table.add_row(sample, time, *(cell_of(cells.get(target)) for target in targets))
        yield table


def cell_of(one: Measured | None) -> str:
    if one is None:
        return ""
    return one.share + ("" if one.ratio is None else f" {one.ratio:4.1f}")


def predictions(all_of: list[Measured]) -> Table:
    """Of each kernel some of whose predictions are off by more than OFF, the worst first."""
    kinds: dict[tuple[str, str], list[Measured]] = defaultdict(list)
    for one in all_of:
        if one.ratio is not None:
            kinds[one.group, one.kernel.partition("@")[0]].append(one)
    table = framed(f"predicted over measured time, off by more than {OFF:g}")
    for column in ("operator", "kernel", "off / all", "least", "median", "most", "the worst"):
        table.add_column(column, justify="right" if column in ("off / all", "least", "median", "most") else "left")

    def ratios_of(ones: list[Measured]) -> list[float]:
        return [one.ratio for one in ones if one.ratio is not None]

    for (group, kernel), ones in sorted(kinds.items(), key=lambda kind: -max(map(off_by, ratios_of(kind[1])))):
        ratios = ratios_of(ones)
        if max(map(off_by, ratios)) <= OFF:
            continue
        worst = max(ones, key=lambda one: off_by(one.ratio or 1))
        wrong = sum(off_by(ratio) > OFF for ratio in ratios)
        figures = (f"{figure:.2f}" for figure in (min(ratios), statistics.median(ratios), max(ratios)))
        table.add_row(group, kernel, f"{wrong} / {len(ratios)}", *figures, f"{worst.target} {worst.sample}")
    return table


def choices(all_of: list[Measured]) -> Table:
    """Samples that another way does faster than the one that is predicted to be the fastest, the worst first."""
    ways: dict[tuple[str, str, str], list[Measured]] = defaultdict(list)
    for one in all_of:
        if one.ratio is not None:
            ways[one.group, one.target, one.sample].append(one)
    table = framed(f"chosen by prediction, but more than {SLOWER:g} times slower")
    for column in ("operator", "target", "sample", "chosen", "fastest", "slower"):
        table.add_column(column, justify="right" if column == "slower" else "left")
    found = []
    for key, ones in ways.items():
        chosen = min(ones, key=lambda one: (one.ratio or 0) * one.microseconds)
        fastest = min(ones, key=lambda one: one.microseconds)
        found.append((chosen.microseconds / fastest.microseconds, key, chosen.kernel, fastest.kernel))
    for slower, key, chosen_kernel, fastest_kernel in sorted(found, reverse=True):
        if slower > SLOWER:
            table.add_row(*key, chosen_kernel, fastest_kernel, f"{slower:.2f}")
    return table


def main() -> int:
    """Prints all tables of the file."""
    text = Path(sys.argv[1]).read_text(encoding="utf-8")
    document = json.loads(text) if text.strip() else {"benchmarks": []}  # nothing matched a filter
    all_of = measured(document)
    if not all_of:
        print("nothing was measured that has a limit")
        return 1
    console = Console(width=200, highlight=False)
    print(f"""one core of {document["context"].get("cpu", "an unknown CPU")}
A cell is a percentage, and predicted over measured time. c: of the measured peak, multiply-adds being those of the
direct form; m: of the measured bandwidth of the cache, or the memory, that holds all that the kernel touches.
""")
    for table in (*kernel_tables(all_of), predictions(all_of), choices(all_of)):
        if table.row_count:
            console.print(table)
    if ratios := [one.ratio for one in all_of if one.ratio is not None]:
        print(f"median of predicted over measured time: {statistics.median(ratios):.2f}, of {len(ratios)} steps")
    return 0


if __name__ == "__main__":
    sys.exit(main())
