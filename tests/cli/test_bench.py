"""The benchmarks of kernels: what ./dev bench says, writes and prints. No time is looked at."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

TOP = Path(__file__).resolve().parents[2]
PROGRAM = TOP / "build" / "release" / "kernels_bench"
COUNTERS = {"percent_of_peak", "percent_of_bandwidth", "predicted_over_measured", "GB/s", "GFLOP/s"}


def run(*command: str | Path) -> str:
    return subprocess.run(command, cwd=TOP, check=True, capture_output=True, text=True, timeout=120).stdout


@pytest.fixture(scope="module")
def table() -> ModuleType:
    spec = importlib.util.spec_from_file_location("table", TOP / "bench" / "table.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["table"] = module
    spec.loader.exec_module(module)
    return module


def entry(name: str, microseconds: float, predicted: float) -> dict[str, Any]:
    return {
        "name": f"{name}/iterations:1/manual_time",
        "time_unit": "us",
        "real_time": microseconds,
        "percent_of_bandwidth": 40.0,
        "predicted_over_measured": predicted / microseconds,
    }


def test_help_says_how_to_filter_and_measures_nothing() -> None:
    text = run("sh", "dev", "bench", "--help")
    assert "--benchmark_filter" in text and "build/bench.json" in text and "MODEL.slip" in text


@pytest.mark.skipif(not PROGRAM.exists(), reason=f"{PROGRAM} is not built")
def test_the_json_holds_shares_of_limits_and_predictions_and_the_table_shows_them(tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    names = r"^(gemm/[a-z0-9_]+/512|InstanceNormalization/[a-z0-9_]+/1x48|pack/[a-z0-9_]+/197x192)"
    run(PROGRAM, f"--benchmark_filter={names}", f"--benchmark_out={out}", "--benchmark_out_format=json")
    found = json.loads(out.read_text())["benchmarks"]
    assert {one["name"].split("/")[0] for one in found} == {"gemm", "pack", "InstanceNormalization"}
    for one in found:
        group = one["name"].split("/")[0]
        lacking = {"gemm": set(), "pack": {"percent_of_peak", "GFLOP/s", "predicted_over_measured"}}
        assert one["time_unit"] == "us" and one["real_time"] > 0
        assert COUNTERS - one.keys() == lacking.get(group, {"percent_of_peak", "GFLOP/s"})
    text = run(sys.executable, TOP / "bench" / "table.py", out)
    assert "matmul (gemm)" in text and "pack for gemm" in text and "1x48x112x112" in text


def test_predictions_that_are_off_are_listed_worst_first(table: ModuleType) -> None:
    ways = [("Relu", 100.0, 700.0), ("Conv", 100.0, 30.0), ("Add", 100.0, 150.0)]
    document = {"benchmarks": [entry(f"{op}/avx2/1x8/{op}", took, said) for op, took, said in ways]}
    rows = table.predictions(table.measured(document))
    assert list(rows.columns[0].cells) == ["Relu", "Conv"]
    assert list(rows.columns[2].cells) == ["1 / 1", "1 / 1"]


def test_a_choice_that_another_way_beats_is_listed(table: ModuleType) -> None:
    ways = [("avx2/a/slow", 30.0, 10.0), ("avx2/a/fast", 20.0, 15.0), ("sse2/a/slow", 21.0, 10.0)]
    document = {"benchmarks": [entry(f"Conv/{name}", took, said) for name, took, said in ways]}
    rows = table.choices(table.measured(document))
    cells = [next(iter(column.cells)) for column in rows.columns]
    assert rows.row_count == 1 and cells == ["Conv", "avx2", "a", "slow", "fast", "1.50"]


def test_layouts_of_one_kernel_share_a_table(table: ModuleType) -> None:
    ways = ["Relu/avx3/1x8/Relu@planar", "Relu/avx2/1x8/Relu@planar", "Relu/avx3/1x8/Relu@channels-last"]
    document = {"benchmarks": [entry(name, 1.0, 1.0) for name in ways]}
    tables = list(table.kernel_tables(table.measured(document)))
    assert len(tables) == 1 and tables[0].row_count == 2
    assert [column.header for column in tables[0].columns] == ["sample", "µs, avx3", "avx3", "avx2"]
    assert list(tables[0].columns[3].cells) == ["40 m  1.0", ""]
