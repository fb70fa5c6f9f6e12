"""Small networks that the tests of the Python module and of the tool run, written as files."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest

from coverslip import reference
from coverslip.golden import golden_input
from coverslip.ir import FREE, GoldenCase, Graph, Node, Preprocess, Value
from coverslip.writer import write

SEED = 7
# A convolution of 27 terms and a mean of 64: below 1e-5 of values near 1 in f32, see the operators' own bounds.
TOLERANCE = 1e-5
Save: TypeAlias = Callable[..., Path]


def classifier(side: int = 8) -> Graph:
    """Conv, Relu and the mean of each of four channels."""
    random = np.random.default_rng(SEED)
    graph = Graph(
        inputs=[Value("x", "f32", (1, 3, side, side))],
        outputs=[Value("scores", "f32", (1, 4, 1, 1))],
        nodes=[
            Node("Conv", "first", ["x", "w", "b"], ["y"], {"pads": [1, 1, 1, 1], "activation": "Relu"}),
            Node("GlobalAveragePool", "mean", ["y"], ["scores"]),
        ],
        constants={
            "w": random.standard_normal((4, 3, 3, 3)).astype(np.float32),
            "b": random.standard_normal(4).astype(np.float32),
        },
        values={"y": Value("y", "f32", (1, 4, side, side))},
        labels=["red cell", "white cell", "platelet", "\u202edust"],
        preprocess=Preprocess(width=side, height=side, mean=[0.5] * 3, std=[0.25] * 3),
        meta={"title": "Classifier", "licence": "Apache-2.0"},
    )
    graph.golden = GoldenCase(SEED, -1.0, 1.0, [(1, 3, side, side)], [], TOLERANCE)
    feeds: dict[str, Any] = {"x": golden_input(graph.golden, 0, graph.inputs[0])}
    answers = reference.run(graph, feeds)["scores"].ravel()
    graph.golden.samples = [(0, i, float(np.float32(answer))) for i, answer in enumerate(answers)]
    return graph


def free() -> Graph:
    """Any number of pictures of any size; no golden case, no labels."""
    return Graph(
        inputs=[Value("x", "f32", (FREE, 3, FREE, FREE))],
        outputs=[Value("y", "f32", (FREE, 3, FREE, FREE))],
        nodes=[Node("LeakyRelu", "only", ["x"], ["y"], {"alpha": 0.5})],
    )


def two_by_two() -> Graph:
    """Two inputs, two outputs."""
    values = {name: Value(name, "f32", (2, 3)) for name in ("a", "b", "sum", "product")}
    return Graph(
        inputs=[values["a"], values["b"]],
        outputs=[values["sum"], values["product"]],
        nodes=[Node("Add", "add", ["a", "b"], ["sum"]), Node("Mul", "multiply", ["a", "b"], ["product"])],
    )


def unknown() -> Graph:
    """An operator that nobody has."""
    graph = free()
    graph.inputs = [Value("x", "f32", (1, 3, 4, 4))]
    graph.outputs = [Value("y", "f32", (1, 3, 4, 4))]
    graph.nodes = [Node("Frobnicate", "what", ["x"], ["y"])]
    return graph


def row(layers: int, kernel: int = 3) -> Graph:
    """Convolutions in a row, of 2.4e9 products each where the kernel is 3."""
    weights = np.full((64, 64, kernel, kernel), 1 / (64 * kernel**2), np.float32)
    names = ["x", *(f"v{i}" for i in range(layers))]
    values = {name: Value(name, "f32", (1, 64, 256, 256)) for name in names}
    return Graph(
        inputs=[values["x"]],
        outputs=[values[names[-1]]],
        nodes=[Node("Conv", to, [at, "w"], [to], {"pads": [kernel // 2] * 4}) for at, to in pairwise(names)],
        constants={"w": weights},
        values={name: values[name] for name in names[1:-1]},
    )


def endless() -> Graph:
    """2.4e13 products: many seconds on the fastest computer, minutes on most."""
    return row(layers=400, kernel=15)


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Writes a graph to a file of the test's own folder."""

    def saved(graph: Graph, name: str = "model.slip") -> Path:
        path = tmp_path / name
        write(graph, path)
        return path

    return saved


@pytest.fixture
def classifier_graph() -> Graph:
    """See classifier()."""
    return classifier()


@pytest.fixture
def graphs() -> dict[str, Callable[..., Graph]]:
    """The networks by name."""
    return {made.__name__: made for made in (classifier, free, two_by_two, unknown, row, endless)}
