"""Exports the networks of the zoo, compares each with onnxruntime, and writes docs/NETWORKS.md of what was seen.

  python tests/zoo/zoo.py --torch VENV/bin/python --work build/zoo          all, which takes hours
  python tests/zoo/zoo.py --network vit_tiny --exporter script17 --sizes fixed
  python tests/zoo/zoo.py --present                                         only the exports that are in build/zoo

Exports stay in the work folder and are not made again; what was seen is kept in results.json beside this file. The
networks are in catalogue.py; export.py runs in --torch, a Python that has what requirements.txt lists.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from catalogue import NETWORKS
from networks_page import EXPORTERS, PAGE, RESULTS, SIZES, Row, key, page, passed
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

HERE = Path(__file__).parent


def main() -> int:
    """Runs what is asked for; 1 if any network fails."""
    options = _parser().parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:40}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    wanted = _wanted(options)
    outcomes = Counter[str]()
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=len(wanted))
        for network, exporter, sizes in wanted:
            progress.update(task, description=key(network, exporter, sizes))
            row = _row(network, exporter, sizes, options)
            _keep(key(network, exporter, sizes), row, options.results)
            outcomes[_outcome(row)] += 1
            progress.advance(task)
            console.print(f"{key(network, exporter, sizes)}: {row}", markup=False, highlight=False, soft_wrap=True)
    print("zoo:", ", ".join(f"{outcomes[outcome]} {outcome}" for outcome in ("passed", "failed", "skipped")))
    return 1 if outcomes["failed"] else 0


def _outcome(row: Row) -> str:
    if row.get("problem", "").startswith("torch"):
        return "skipped"
    return "passed" if passed(row) and not row.get("slow") else "failed"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch", default=sys.executable, help="the Python that has torch and requirements.txt")
    parser.add_argument("--work", type=Path, default=Path("build/zoo"), help="where exports are, and go")
    parser.add_argument("--results", type=Path, default=RESULTS, help="what was seen; the page is made of the default")
    parser.add_argument("--network", action="append", choices=NETWORKS, help="only this one; may be repeated")
    parser.add_argument("--exporter", action="append", choices=EXPORTERS, help="only this one; may be repeated")
    parser.add_argument("--sizes", action="append", choices=SIZES, help="only inputs of fixed, or of free sizes")
    parser.add_argument("--present", action="store_true", help="only what is exported already")
    parser.add_argument("--missing", action="store_true", help="only what the results do not tell of yet")
    parser.add_argument("--seconds", type=int, default=1200, help="how long an export, or a comparison, may take")
    return parser


def _wanted(options: argparse.Namespace) -> list[tuple[str, str, str]]:
    known = _results(options.results)
    everything = [
        (network, exporter, sizes)
        for exporter in options.exporter or EXPORTERS
        for network in options.network or NETWORKS
        for sizes in options.sizes or SIZES
    ]
    return [
        what
        for what in everything
        if not (options.present and not (options.work / f"{key(*what)}.onnx").exists())
        and not (options.missing and key(*what) in known)
    ]


def _row(network: str, exporter: str, sizes: str, options: argparse.Namespace) -> Row:
    source = options.work / f"{key(network, exporter, sizes)}.onnx"
    if not source.exists():
        free = ["--free"] if sizes == "free" else []
        partial = source.with_suffix(".partial.onnx")
        made = _run([options.torch, HERE / "export.py", network, exporter, partial, *free], options.seconds)
        if isinstance(made, str):
            partial.unlink(missing_ok=True)
            return Row(problem=f"torch does not export it: {made}")
        partial.rename(source)
    arguments = [word for size in _sizes(network, sizes) for word in ("--size", ",".join(map(str, size)))]
    found = _run([sys.executable, HERE / "comparison.py", source, *arguments], options.seconds)
    return Row(problem=found) if isinstance(found, str) else found


def _sizes(network: str, sizes: str) -> list[list[int]]:
    """The input's own size, and where it is free, another: more pictures, fewer rows, more columns."""
    shape, free = list(NETWORKS[network].shape), NETWORKS[network].free
    if sizes == "fixed":
        return [shape]
    step = 32 if len(shape) == 4 else 16
    change = (1, 0, -step, step, 0)
    return [shape, [size + change[axis] * (axis in free) for axis, size in enumerate(shape)]]


def _run(command: Sequence[Any], seconds: int) -> Any:
    """The JSON that a program prints, None if it prints nothing, or a string: why it failed."""
    try:
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return f"not done in {seconds} s"
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"ended with status {done.returncode}"]
        return lines[-1][:200]
    return json.loads(done.stdout.splitlines()[-1]) if done.stdout.startswith("{") else None


def _results(path: Path) -> dict[str, Row]:
    known: dict[str, Row] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return known


def _keep(name: str, row: Row, path: Path) -> None:
    """Writes the results, and the page, anew."""
    results = _results(path) | {name: row}
    lines = [f"{json.dumps(name)}: {json.dumps(results[name])}" for name in sorted(results)]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    if path == RESULTS:
        PAGE.write_text(page(results), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
