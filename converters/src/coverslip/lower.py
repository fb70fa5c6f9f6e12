"""Rewrites operators that the engine does not have into those that it has."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .attributes import integer, integers, text
from .ir import FREE, Array, Graph, Node, Value

Rule = Callable[[Node, "Lowering"], "list[Node] | None"]
"""The nodes that do the same, or None where this one cannot be rewritten (it is then listed as unsupported)."""


class Lowering:
    """What rules may ask about the graph, and the constants that they add."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._known = {value.name: value for value in [*graph.inputs, *graph.outputs, *graph.values.values()]}

    def shape(self, name: str) -> tuple[int, ...] | None:
        """The shape of a value, if its rank is known."""
        if name in self.graph.constants:
            return self.graph.constants[name].shape
        value: Value | None = self._known.get(name)
        return None if value is None else value.shape

    def integers(self, name: str) -> list[int] | None:
        """A constant list of integers."""
        array = self.graph.constants.get(name)
        return None if array is None else [int(item) for item in np.asarray(array).reshape(-1)]

    def constant(self, node: Node, what: str, array: Array) -> str:
        """Adds a constant that belongs to a node."""
        name = f"{node.outputs[0]}.{what}"
        self.graph.constants[name] = array
        return name


def run(graph: Graph) -> None:
    """Applies the rules to every node, once."""
    lowering = Lowering(graph)
    nodes: list[Node] = []
    for node in graph.nodes:
        while len(node.outputs) > 1 and not node.outputs[-1]:
            node.outputs.pop()
        rule = _RULES.get(node.op)
        lowered = rule(node, lowering) if rule else None
        nodes += [node] if lowered is None else lowered
    graph.nodes = nodes


def _dropout(node: Node, lowering: Lowering) -> list[Node] | None:
    used = {name for other in lowering.graph.nodes for name in other.inputs}
    if any(name in used for name in node.outputs[1:]):
        return None
    return [Node("Identity", node.name, node.inputs[:1], node.outputs[:1])]


def _hard_swish(node: Node, _: Lowering) -> list[Node]:
    gate = f"{node.outputs[0]}.gate"
    return [
        Node("HardSigmoid", f"{node.name}.gate", list(node.inputs), [gate], {"alpha": 1.0 / 6.0, "beta": 0.5}),
        Node("Mul", node.name, [node.inputs[0], gate], list(node.outputs)),
    ]


def _as_reshape(node: Node, lowering: Lowering) -> list[Node] | None:
    """Squeeze and Unsqueeze, whose result's shape is known but for one dimension."""
    shape = lowering.shape(node.outputs[0])
    if shape is None or sum(dim == FREE for dim in shape) > 1:
        return None
    if 0 in shape:
        return None
    wanted = lowering.constant(node, "shape", np.array(shape, np.int64))
    return [Node("Reshape", node.name, [node.inputs[0], wanted], list(node.outputs))]


def _reduce_mean(node: Node, lowering: Lowering) -> list[Node] | None:
    """A mean over all spatial axes is a global pool."""
    shape = lowering.shape(node.inputs[0])
    axes = lowering.integers(node.inputs[1]) if len(node.inputs) > 1 else integers(node, "axes", [])
    if shape is None or axes is None or len(shape) < 3:
        return None
    if sorted(axis % len(shape) for axis in axes) != list(range(2, len(shape))):
        return None
    if integer(node, "keepdims", 1):
        return [Node("GlobalAveragePool", node.name, node.inputs[:1], list(node.outputs))]
    pooled = f"{node.outputs[0]}.pooled"
    return [
        Node("GlobalAveragePool", f"{node.name}.pool", node.inputs[:1], [pooled]),
        Node("Flatten", node.name, [pooled], list(node.outputs), {"axis": 1}),
    ]


def _subtract(node: Node, lowering: Lowering) -> list[Node] | None:
    array = lowering.graph.constants.get(node.inputs[1])
    if array is None or array.dtype.kind != "f":
        return None
    negative = lowering.constant(node, "negative", np.negative(np.asarray(array, np.float32)))
    return [Node("Add", node.name, [node.inputs[0], negative], list(node.outputs))]


def _divide(node: Node, lowering: Lowering) -> list[Node] | None:
    array = lowering.graph.constants.get(node.inputs[1])
    if array is None or array.dtype.kind != "f" or not np.all(array):
        return None
    inverse = lowering.constant(node, "inverse", (1.0 / np.asarray(array, np.float64)).astype(np.float32))
    return [Node("Mul", node.name, [node.inputs[0], inverse], list(node.outputs))]


def _pad(node: Node, lowering: Lowering) -> list[Node] | None:
    """Padding of some axes, as padding of all."""
    if len(node.inputs) < 4 or not node.inputs[3]:
        node.inputs = node.inputs[:3] if len(node.inputs) > 2 and node.inputs[2] else node.inputs[:2]
        return [node]
    shape, pads, axes = lowering.shape(node.inputs[0]), *map(lowering.integers, (node.inputs[1], node.inputs[3]))
    if shape is None or pads is None or axes is None:
        return None
    full = [0] * (2 * len(shape))
    for i, axis in enumerate(axes):
        full[axis % len(shape)] = pads[i]
        full[axis % len(shape) + len(shape)] = pads[i + len(axes)]
    inputs = [
        node.inputs[0],
        lowering.constant(node, "pads", np.array(full, np.int64)),
        *filter(None, [node.inputs[2]]),
    ]
    return [Node("Pad", node.name, inputs, list(node.outputs), node.attributes)]


def _resize(node: Node, lowering: Lowering) -> list[Node] | None:
    """Without region of interest, which only cropping reads; sizes or scales of all axes; no empty input."""
    shape = lowering.shape(node.inputs[0])
    inputs = [*node.inputs, "", "", ""][:4]
    inputs[1] = ""
    for i in (2, 3):
        if inputs[i] and lowering.shape(inputs[i]) == (0,):
            inputs[i] = ""
    axes = integers(node, "axes", [])
    if axes:
        given = lowering.graph.constants.get(inputs[3] or inputs[2])
        if shape is None or given is None or (inputs[3] and FREE in shape):
            return None
        full = np.array(shape, np.int64) if inputs[3] else np.ones(len(shape), np.float32)
        full[axes] = given
        inputs[3 if inputs[3] else 2] = lowering.constant(node, "axes", full)
        del node.attributes["axes"]
    while not inputs[-1]:
        inputs.pop()
    if text(node, "mode", "nearest") != "nearest":
        node.attributes.pop("nearest_mode", None)
    return [Node("Resize", node.name, inputs, list(node.outputs), node.attributes)]


_RULES: dict[str, Rule] = {
    "Div": _divide,
    "Dropout": _dropout,
    "HardSwish": _hard_swish,
    "Pad": _pad,
    "ReduceMean": _reduce_mean,
    "Resize": _resize,
    "Squeeze": _as_reshape,
    "Sub": _subtract,
    "Unsqueeze": _as_reshape,
}
