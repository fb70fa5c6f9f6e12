"""The example programs for those who embed coverslip, run as a user would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from places import RELEASE, run

from coverslip.ir import FREE, Graph, Value
from coverslip.writer import write

Graphs = dict[str, Callable[..., Graph]]

pytestmark = pytest.mark.skipif(not (RELEASE / "batch").exists(), reason=f"{RELEASE} is not built")


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    random = np.random.default_rng(1)
    paths = [tmp_path / f"{i}.png" for i in range(5)]
    for path in paths:
        Image.fromarray(random.integers(0, 255, (8, 8, 3), np.uint8)).save(path)
    return paths


def test_a_model_comes_from_memory(model: Path) -> None:
    said = run(RELEASE / "from_memory", model)
    assert said.startswith(f"{model.stat().st_size} bytes, id ")
    assert "input x: f32 1x3x8x8\noutput scores: f32 1x4x1x1\n" in said
    model.write_bytes(model.read_bytes()[:100])
    assert "error: " in run(RELEASE / "from_memory", model, fails=True)


def test_threads_and_batches_give_one_answer(tmp_path: Path, graphs: Graphs, model: Path, pictures: list[Path]) -> None:
    graph = graphs["classifier"]()
    graph.inputs = [Value("x", "f32", (FREE, 3, 8, 8))]
    graph.outputs = [Value("scores", "f32", (FREE, 4, 1, 1))]
    graph.values = {"y": Value("y", "f32", (FREE, 4, 8, 8))}
    write(graph, tmp_path / "batch.slip")
    answers = run(RELEASE / "threads", "1", model, *pictures)
    assert answers.count("\n") == len(pictures)
    assert run(RELEASE / "threads", "4", model, *pictures) == answers
    assert run(RELEASE / "batch", tmp_path / "batch.slip", *pictures) == answers
    assert "error: " in run(RELEASE / "threads", "3", model, pictures[0], tmp_path / "none.png", fails=True)


def test_a_long_run_shows_progress_and_stops(tmp_path: Path, graphs: Graphs, model: Path) -> None:
    assert run(RELEASE / "cancel", model, "100").endswith("done\n")
    write(graphs["endless"](), tmp_path / "endless.slip")
    said = run(RELEASE / "cancel", tmp_path / "endless.slip", "1")
    assert said.endswith("; the Session may run again\n") and " %\n" in said


def test_c_classifies(model: Path) -> None:
    said = run(RELEASE / "from_c", model, "255")
    assert said.startswith("class ") and ", " in said
    assert run(RELEASE / "from_c", model.parent / "none.slip", fails=True).startswith("error: Io: ")
