"""Recognises GroupNormalization: an InstanceNormalization between two Reshapes, its factors and offsets behind them."""

from __future__ import annotations

import numpy as np

from .. import shapes
from ..attributes import real
from ..ir import FREE, Array, Graph, Node
from .matching import Matcher


def run(graph: Graph) -> bool:
    """True if any was recognised."""
    if not any(node.op == "InstanceNormalization" for node in graph.nodes):
        return False
    matcher = Matcher(graph)
    _, symbols = shapes.infer(graph)
    for norm in list(graph.nodes):
        if norm.op == "InstanceNormalization":
            _recognise(matcher, norm, symbols)
    return matcher.clean()


def _recognise(matcher: Matcher, norm: Node, symbols: dict[str, shapes.Symbolic]) -> None:
    before, after = matcher.made_by(norm.inputs[0], "Reshape"), matcher.only_user(norm.outputs[0])
    parameters = matcher.constants_of(norm)
    if before is None or after is None or after.op != "Reshape" or parameters is None:
        return
    x, grouped = before.inputs[0], symbols.get(before.outputs[0], ())
    shape = symbols.get(x, ())
    if len(shape) < 3 or len(grouped) < 3 or shape[0] is None or grouped[0] != shape[0]:
        return
    channels, groups = shape[1], grouped[1]
    if not isinstance(channels, int) or not isinstance(groups, int) or channels % groups:
        return
    if not _gives_back(matcher, after, x, symbols):
        return
    scale, bias = (np.repeat(array.astype(np.float64), channels // groups) for array in parameters)
    last, factor = _parameter(matcher, after, "Mul", channels, len(shape))
    last, offset = _parameter(matcher, last, "Add", channels, len(shape))
    scale, bias = scale * factor if factor is not None else scale, bias * factor if factor is not None else bias
    bias = bias + offset if offset is not None else bias
    dtype, result = parameters[0].dtype, last.outputs[0]
    whole = (("scale", scale), ("bias", bias))
    inputs = [x, *(matcher.add_constant(f"{result}.{what}", array.astype(dtype)) for what, array in whole)]
    matcher.become(last, "GroupNormalization", inputs, num_groups=groups, epsilon=real(norm, "epsilon", 1e-5))


def _gives_back(matcher: Matcher, after: Node, x: str, symbols: dict[str, shapes.Symbolic]) -> bool:
    """Whether the second Reshape gives the shape of x."""
    shape_of = matcher.made_by(after.inputs[1], "Shape")
    if shape_of is not None and shape_of.inputs[0] == x and not shape_of.attributes:
        return True
    shape = symbols[x]
    wanted = matcher.constant(after.inputs[1])
    if wanted is not None and wanted.size == len(shape):  # one free dimension follows from the others
        left = [(a, int(b)) for a, b in zip(shape, wanted, strict=True) if a != int(b)]
        return not left or (len(left) == 1 and left[0][1] == FREE)
    return None not in shape and symbols.get(after.outputs[0]) == shape


def _parameter(matcher: Matcher, last: Node, op: str, channels: int, rank: int) -> tuple[Node, Array | None]:
    """The node that takes in a constant of one number a channel, and the constant."""
    user, array = matcher.constant_behind(last, op) or (last, None)
    if array is None or array.ndim > rank:
        return last, None
    full = (1,) * (rank - array.ndim) + array.shape
    if any(size != 1 for axis, size in enumerate(full) if axis != 1) or full[1] not in (1, channels):
        return last, None
    return user, np.broadcast_to(array.reshape(-1).astype(np.float64), (channels,))
