"""Small graphs for the tests, and the ways to run them that the tests compare."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from coverslip import reference, shapes
from coverslip.dtypes import NUMPY
from coverslip.ir import Graph, Node, Value
from coverslip.to_onnx import to_onnx

Array = npt.NDArray[Any]


class Net:
    """Builds a graph node by node; weights are seeded normal numbers, of the element type of the input."""

    def __init__(self, *shape: int, dtype: str = "f32") -> None:
        self.graph = Graph(inputs=[Value("x", dtype, shape)])
        self.dtype = NUMPY[dtype]
        self._random = np.random.default_rng(7)
        self.last = "x"

    def weights(self, *shape: int, positive: bool = False) -> str:
        """A constant of normal numbers, or of numbers between a half and one and a half."""
        made = self._random.uniform(0.5, 1.5, shape) if positive else self._random.standard_normal(shape)
        return self.constant(made.astype(self.dtype))

    def constant(self, value: object, dtype: npt.DTypeLike | None = None) -> str:
        """A constant; integers as int64."""
        array = np.asarray(value) if dtype is None else np.asarray(value, dtype)
        name = f"c{len(self.graph.constants)}"
        self.graph.constants[name] = array.astype(np.float32) if array.dtype == np.float64 else array
        return name

    def scalar(self, number: float) -> str:
        """A constant of the input's type."""
        return self.constant(number, self.dtype)

    def add(self, op: str, *more: str, x: str | None = None, **attributes: Any) -> str:
        """A node on the last value, or on `x`. Returns its output."""
        name = f"{op.lower()}{len(self.graph.nodes)}"
        self.graph.nodes.append(Node(op, name, [self.last if x is None else x, *more], [name], dict(attributes)))
        self.last = name
        return name

    def conv(self, channels: int, filters: int, size: int = 3, bias: bool = True, **attributes: Any) -> str:
        """A convolution."""
        parts = [self.weights(filters, channels, size, size)] + ([self.weights(filters)] if bias else [])
        return self.add("Conv", *parts, **attributes)

    def norm(self, channels: int) -> str:
        """A BatchNormalization."""
        gamma, variance = self.weights(channels, positive=True), self.weights(channels, positive=True)
        return self.add(
            "BatchNormalization", gamma, self.weights(channels), self.weights(channels), variance, epsilon=1e-3
        )

    def done(self, *outputs: str) -> Graph:
        """The graph with these outputs, or the last value."""
        self.graph.outputs = [Value(name, "", ()) for name in outputs or (self.last,)]
        shapes.annotate(self.graph)
        return self.graph


def sample(graph: Graph, seed: int = 3) -> dict[str, Array]:
    """Normal inputs; free dimensions are 2."""
    random = np.random.default_rng(seed)
    shapes_of = {value.name: [2 if dim < 0 else dim for dim in value.shape] for value in graph.inputs}
    return {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes_of.items()}


def in_double(graph: Graph, feeds: dict[str, Array]) -> list[Array]:
    """The outputs in order, by the reference."""
    made = reference.run(graph, feeds)
    return [made[value.name] for value in graph.outputs]


def in_onnxruntime(graph: Graph, feeds: dict[str, Array]) -> list[Array]:
    """The outputs in order, by onnxruntime on the graph written back."""
    made: list[Array] = ort.InferenceSession(to_onnx(graph).SerializeToString()).run(None, feeds)
    return made


def ops(graph: Graph) -> list[str]:
    """The operators in order."""
    return [node.op for node in graph.nodes]
