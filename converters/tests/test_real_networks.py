"""Both real networks, converted, answer as Keras does: its own numbers on tiles and crops of the real picture.

The files are those of the demo (examples/blood_smear_models.py build/demo); without them these tests are skipped.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from networks import Array
from PIL import Image

from coverslip import engine, reader
from coverslip.to_onnx import to_onnx

DEMO = Path(__file__).parents[2] / "build" / "demo"
KERAS = json.loads((Path(__file__).parent / "data" / "ref_samples.json").read_text())
TOLERANCE = 1e-4
MARGIN, WINDOW = 44, 188
BEFORE, AFTER = 100, 300  # zeros around the picture, so that every tile has its surroundings

pytestmark = pytest.mark.skipif(not (DEMO / "densenet121.slip").exists(), reason="build/demo has no networks")

Run = Callable[[Array], dict[str, Array]]


def by_onnxruntime(name: str) -> Run:
    graph = reader.read(DEMO / f"{name}.slip")
    session = ort.InferenceSession(to_onnx(graph).SerializeToString())
    outputs = [value.name for value in graph.outputs]

    def run(x: Array) -> dict[str, Array]:
        return dict(zip(outputs, session.run(outputs, {graph.inputs[0].name: x}), strict=True))

    return run


def by_engine(name: str) -> Run:
    load = engine.loader()
    if load is None:
        pytest.skip("the engine is not installed")
    graph = reader.read(DEMO / f"{name}.slip")
    model = load(str(DEMO / f"{name}.slip"))

    def run(x: Array) -> dict[str, Array]:
        made: Any = model(x)
        return made if isinstance(made, dict) else {graph.outputs[0].name: made}

    return run


RUNNERS = {"onnxruntime": by_onnxruntime, "engine": by_engine}


@pytest.fixture(scope="module")
def pixels() -> Array:
    with Image.open(DEMO / "test.jpg") as picture:
        made: Array = np.asarray(picture.convert("RGB"), np.float32) / np.float32(255)
    return made


@pytest.mark.parametrize("runner", RUNNERS)
def test_red_cell_unet_answers_as_keras(runner: str, pixels: Array) -> None:
    run = RUNNERS[runner]("rbc")
    padded = np.pad(pixels[..., ::-1], [(BEFORE, AFTER), (BEFORE, AFTER), (0, 0)])
    assert len(KERAS["rbc_tiles"]) == 3
    for tile in KERAS["rbc_tiles"]:
        top, left = (BEFORE + tile[axis] - MARGIN for axis in ("row", "col"))
        window = padded[top : top + WINDOW, left : left + WINDOW]
        mask = run(np.ascontiguousarray(window.transpose(2, 0, 1))[None])["mask"]
        rows, columns, expected = map(np.array, zip(*tile["samples"], strict=True))
        assert len(rows) == 64
        assert np.abs(mask[0, 0, rows, columns] - expected).max() <= TOLERANCE


@pytest.mark.parametrize("runner", RUNNERS)
def test_cell_classifier_answers_as_keras(runner: str, pixels: Array) -> None:
    run = RUNNERS[runner]("densenet121")
    assert len(KERAS["densenet121_crops"]) == 3
    for crop in KERAS["densenet121_crops"]:
        x = np.ascontiguousarray(pixels[crop["row"] : crop["row"] + 224, crop["col"] : crop["col"] + 224])[None]
        (probabilities,) = run(x).values()
        assert probabilities.shape == (1, 24)
        assert np.abs(probabilities[0] - np.array(crop["probabilities"])).max() <= TOLERANCE


@pytest.mark.parametrize("name", ["rbc", "wbc", "plt", "densenet121"])
def test_the_golden_case_holds_in_the_engine(name: str) -> None:
    load = engine.loader()
    if load is None:
        pytest.skip("the engine is not installed")
    model: Any = load(str(DEMO / f"{name}.slip"))
    found = model.verify()
    assert found.passed and found.samples >= 24, found


def test_the_classifier_knows_its_labels_and_pixels() -> None:
    graph = reader.read(DEMO / "densenet121.slip")
    assert graph.labels[16:] == [
        "basophil",
        "eosinophil",
        "erythroblast",
        "immature granulocytes",
        "lymphocyte",
        "monocyte",
        "neutrophil",
        "platelet",
    ]
    assert graph.preprocess is not None and graph.inputs[0].shape == (-1, 224, 224, 3)
    assert (graph.preprocess.layout, graph.preprocess.color) == ("NHWC", "RGB")
    assert abs(graph.preprocess.scale - 1 / 255) < 1e-9
