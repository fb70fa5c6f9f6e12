"""How far rounding to integers may move each output of a network: one step of the scale that it was rounded to."""

from __future__ import annotations

import numpy as np

from .attributes import integer
from .ir import Array, Graph, Node

_ROUNDED = ("DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul", "QuantizeLinear")
"""Whose output is an integer that may be one more or less: a sum that lies between two is rounded to either."""

_KEEPING = frozenset(
    [
        "Abs",
        "AveragePool",
        "Clip",
        "Concat",
        "DepthToSpace",
        "Elu",
        "Expand",
        "Flatten",
        "Gather",
        "GlobalAveragePool",
        "GlobalMaxPool",
        "HardSigmoid",
        "Identity",
        "LeakyRelu",
        "Max",
        "MaxPool",
        "Min",
        "Neg",
        "PRelu",
        "Pad",
        "ReduceMax",
        "ReduceMean",
        "ReduceMin",
        "Relu",
        "Reshape",
        "Resize",
        "Sigmoid",
        "Slice",
        "Softmax",
        "SpaceToDepth",
        "Split",
        "Squeeze",
        "Tanh",
        "Tile",
        "Transpose",
        "Unsqueeze",
        "Where",
    ]
)
"""Operators that move no two numbers farther apart than they were."""


_SAME_ANYWHERE = frozenset(
    [
        *_ROUNDED,
        *("Abs", "Add", "Cast", "Clip", "Concat", "ConvInteger", "DepthToSpace", "DequantizeLinear", "Div", "Expand"),
        *(
            "Flatten",
            "Gather",
            "GlobalMaxPool",
            "Identity",
            "LeakyRelu",
            "MatMulInteger",
            "Max",
            "MaxPool",
            "Min",
            "Mul",
        ),
        *("Neg", "PRelu", "Pad", "ReduceMax", "ReduceMin", "Relu", "Reshape", "Slice", "SpaceToDepth", "Split"),
        *("Squeeze", "Sub", "Tile", "Transpose", "Unsqueeze", "Where"),
    ]
)
"""Operators of integers, or of floats with one rounding at most: no order of sums changes their answer."""


def part(graph: Graph) -> bool:
    """Whether roundings follow one of a number that depends on the order of sums: a step there moves all of those."""
    depends: set[str] = set()  # values that do
    moved: set[str] = set()  # values that may be a step off for it
    for node in graph.nodes:
        if node.op in _ROUNDED and moved.intersection(node.inputs):
            return True
        if node.op in _ROUNDED and depends.intersection(node.inputs):
            moved.update(node.outputs)
        elif node.op not in _SAME_ANYWHERE or "activation" in node.attributes or depends.intersection(node.inputs):
            depends.update(node.outputs)
        if moved.intersection(node.inputs):
            moved.update(node.outputs)
    return False


def of_outputs(graph: Graph) -> dict[str, float]:
    """By name; 0 where nothing is rounded, or where what follows the rounding has no such bound."""
    reach: dict[str, float] = {}
    for node in graph.nodes:
        moved = _moved(node, graph, [reach.get(name, 0.0) for name in node.inputs])
        reach |= dict.fromkeys(node.outputs, moved)
    return {value.name: reach.get(value.name, 0.0) for value in graph.outputs}


def _moved(node: Node, graph: Graph, given: list[float]) -> float:
    """The largest change of an output's number, if each input's change by as much as is given."""
    if node.op in _ROUNDED:
        return 1.0
    constants = [graph.constants.get(name) for name in node.inputs]
    if node.op == "DequantizeLinear" and constants[1] is not None:
        return given[0] * float(np.abs(constants[1]).max(initial=0.0))
    if node.op in _KEEPING:
        return max(given, default=0.0)
    if node.op in ("Add", "Sub", "Sum"):
        return sum(given)
    for i in (0, 1):
        other = constants[1 - i] if len(node.inputs) > 1 else None
        if other is not None and given[i]:
            return given[i] * _gain(node, other, i) + sum(given[3:])
    return 0.0


def _gain(node: Node, constant: Array, index: int) -> float:
    """By how much a product with constants magnifies a change of all numbers of the other input."""
    size = np.abs(constant.astype(np.float64))
    if node.op == "Mul":
        return float(size.max(initial=0.0))
    if index or not size.ndim or node.op not in ("Conv", "Gemm", "MatMul"):
        return 0.0
    if node.op == "Conv":
        return float(size.reshape(size.shape[0], -1).sum(axis=1).max(initial=0.0))
    turned = node.op == "Gemm" and integer(node, "transB", 0)
    return float(size.sum(axis=-1 if turned or size.ndim < 2 else -2).max(initial=0.0))
