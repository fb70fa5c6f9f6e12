"""Recognises LayerNormalization that was multiplied out: x * r + (bias - mean * r), r = scale / sqrt(var + epsilon)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import dtypes
from ..ir import FREE, Array, Graph, Node
from .matching import Matcher, fits


@dataclass(frozen=True)
class _Factor:
    """What x is multiplied by, but for the scale that was taken into it."""

    x: str
    mean: str
    epsilon: float
    scale: Array | None


def run(graph: Graph) -> bool:
    """True if any was recognised."""
    matcher = Matcher(graph)
    for last in list(graph.nodes):
        if last.op == "Add" and "activation" not in last.attributes:
            any(_recognise(matcher, last, *pair) for pair in (last.inputs, last.inputs[::-1]))
    return matcher.clean()


def _recognise(matcher: Matcher, last: Node, product: str, shift: str) -> bool:
    """Whether the sum of the two was one."""
    scaled, moved = matcher.made_by(product, "Mul"), matcher.made_by(_plain(matcher, shift), "Sub")
    bias = matcher.constant(moved.inputs[0]) if moved is not None else None
    centre = matcher.made_by(_plain(matcher, moved.inputs[1]), "Mul") if moved is not None else None
    if scaled is None or centre is None or bias is None:
        return False
    for x, by in (scaled.inputs, scaled.inputs[::-1]):
        factor = _factor(matcher, by)
        if factor is None or factor.x != x or not matcher.same_shape(x, last.outputs[0]):
            continue
        parts = sorted(_plain(matcher, name) for name in centre.inputs)
        size = matcher.sizes(x)[-1]
        given = [array for array in (bias, factor.scale) if array is not None]
        if parts == sorted((factor.mean, _plain(matcher, by))) and all(fits(array, (size,)) for array in given):
            _replace(matcher, last, factor, bias, size)
            return True
    return False


def _replace(matcher: Matcher, last: Node, factor: _Factor, bias: Array, size: int) -> None:
    dtype, result = dtypes.NUMPY[matcher.dtype(factor.x)], last.outputs[0]
    inputs = [factor.x]
    for what, array in (("scale", np.ones(1) if factor.scale is None else factor.scale), ("bias", bias)):
        whole = np.ascontiguousarray(np.broadcast_to(array.reshape(-1), (size,)), dtype)
        inputs.append(matcher.add_constant(f"{result}.{what}", whole))
    matcher.become(last, "LayerNormalization", inputs, axis=-1, epsilon=factor.epsilon)


def _factor(matcher: Matcher, value: str) -> _Factor | None:
    """1 / sqrt(var + epsilon), or that times a constant."""
    value, scale = _plain(matcher, value), None
    product = matcher.made_by(value, "Mul")
    if product is not None:
        arrays = [matcher.constant(name) for name in product.inputs]
        if (arrays[0] is None) == (arrays[1] is None):
            return None
        value, scale = (product.inputs[0], arrays[1]) if arrays[0] is None else (product.inputs[1], arrays[0])
    inverse = matcher.made_by(_plain(matcher, value), "Reciprocal")
    root = matcher.made_by(_plain(matcher, inverse.inputs[0]), "Sqrt") if inverse is not None else None
    total = matcher.made_by(_plain(matcher, root.inputs[0]), "Add") if root is not None else None
    for variance, other in (total.inputs, total.inputs[::-1]) if total is not None else ():
        epsilon = matcher.scalar(other)
        found = _centred(matcher, variance) if epsilon is not None else None
        if epsilon is not None and found is not None:
            return _Factor(*found, epsilon, scale)
    return None


def _centred(matcher: Matcher, variance: str) -> tuple[str, str] | None:
    """Of what it is the variance over the last axis, and the mean that was taken away."""
    squares = matcher.made_by(_averaged(matcher, _plain(matcher, variance)) or "", "Mul")
    difference = matcher.made_by(squares.inputs[0], "Sub") if squares is not None else None
    if squares is None or difference is None or squares.inputs[0] != squares.inputs[1]:
        return None
    x, mean = difference.inputs[0], _plain(matcher, difference.inputs[1])
    return (x, mean) if _averaged(matcher, mean) == x and matcher.is_float(x) else None


def _averaged(matcher: Matcher, value: str) -> str | None:
    """What a mean over the last axis, and any of size 1, is taken of."""
    node = matcher.made_by(value, "ReduceMean")
    axes = matcher.constant(node.inputs[1]) if node is not None and len(node.inputs) > 1 else None
    shape = matcher.shape(node.inputs[0]) if node is not None else None
    if node is None or axes is None or not shape or shape[-1] == FREE:
        return None
    taken = {int(axis) % len(shape) for axis in axes}
    return node.inputs[0] if {axis for axis in taken if shape[axis] != 1} == {len(shape) - 1} else None


def _plain(matcher: Matcher, value: str) -> str:
    """The value before Reshapes that add or drop axes of size 1 alone."""
    while (node := matcher.made_by(value, "Reshape", "Squeeze", "Unsqueeze")) is not None:
        sides = [[size for size in matcher.sizes(name) if size != 1] for name in (node.inputs[0], value)]
        if sides[0] != sides[1]:
            break
        value = node.inputs[0]
    return value
