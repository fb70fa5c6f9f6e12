"""Recognises LayerNormalization and RMSNormalization in the means, squares and roots that exporters write for them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import dtypes
from ..attributes import integer
from ..ir import Array, Graph, Node
from .matching import Matcher, fits, tail


class _Norm(NamedTuple):
    """(x - mean) / sqrt(var + epsilon), the mean only of a LayerNormalization."""

    op: str
    x: str
    sizes: tuple[int, ...]
    epsilon: float
    last: Node


def run(graph: Graph) -> bool:
    """True if any was recognised."""
    matcher = Matcher(graph)
    for root in list(graph.nodes):
        norm = _norm(matcher, root) if root.op == "Sqrt" else None
        if norm is not None:
            _replace(matcher, norm)
    return matcher.clean()


def _norm(matcher: Matcher, root: Node) -> _Norm | None:
    add = matcher.made_by(root.inputs[0], "Add")
    for squares, other in (add.inputs, add.inputs[::-1]) if add is not None else ():
        epsilon = matcher.scalar(other)
        mean = _mean(matcher, squares)
        base = _squared(matcher, mean[0]) if mean is not None else None
        if epsilon is None or mean is None or base is None or not matcher.is_float(base):
            continue
        last = _quotient(matcher, base, root.outputs[0])
        if last is None:
            return None
        difference = matcher.made_by(base, "Sub")
        centre = _mean(matcher, difference.inputs[1]) if difference is not None else None
        if difference is not None and centre == (difference.inputs[0], mean[1]):
            return _Norm("LayerNormalization", difference.inputs[0], mean[1], epsilon, last)
        return _Norm("RMSNormalization", base, mean[1], epsilon, last)
    return None


def _mean(matcher: Matcher, value: str) -> tuple[str, tuple[int, ...]] | None:
    """What a mean over the last axes is taken of, and the sizes of these."""
    node = matcher.made_by(value, "ReduceMean", "GlobalAveragePool")
    shape = matcher.shape(node.inputs[0]) if node is not None else None
    if node is None or shape is None or not integer(node, "keepdims", 1):
        return None
    axes: list[int] = list(range(2, len(shape)))
    if node.op == "ReduceMean":
        given = matcher.constant(node.inputs[1]) if len(node.inputs) > 1 else None
        axes = [] if given is None else [int(axis) for axis in given]
    sizes = tail(shape, axes) if axes else None
    return None if sizes is None else (node.inputs[0], sizes)


def _squared(matcher: Matcher, value: str) -> str | None:
    node = matcher.made_by(value, "Pow", "Mul")
    if node is None or (node.op == "Mul" and node.inputs[0] != node.inputs[1]):
        return None
    return node.inputs[0] if node.op == "Mul" or matcher.scalar(node.inputs[1]) == 2 else None


def _quotient(matcher: Matcher, base: str, root: str) -> Node | None:
    """The node that divides the base by the root, or multiplies it by the root's inverse."""
    for user in matcher.users(root):
        if "activation" in user.attributes:
            continue
        if user.op == "Div" and user.inputs == [base, root]:
            return user
        inverse = user.outputs[0]
        one = user.op == "Reciprocal" or (user.op == "Div" and matcher.scalar(user.inputs[0]) == 1)
        for product in matcher.users(inverse) if one else []:
            plain = product.op == "Mul" and "activation" not in product.attributes
            if plain and sorted(product.inputs) == sorted((base, inverse)):
                return product
    return None


def _replace(matcher: Matcher, norm: _Norm) -> None:
    scale, last = _parameter(matcher, norm, norm.last, "Mul")
    bias: Array | None = None
    if norm.op == "LayerNormalization":
        bias, last = _parameter(matcher, norm, last, "Add")
    result = last.outputs[0]
    inputs = [norm.x, _whole(matcher, norm, f"{result}.scale", scale, 1.0)]
    if bias is not None:
        inputs.append(_whole(matcher, norm, f"{result}.bias", bias, 0.0))
    matcher.become(last, norm.op, inputs, axis=-len(norm.sizes), epsilon=norm.epsilon)


def _parameter(matcher: Matcher, norm: _Norm, last: Node, op: str) -> tuple[Array | None, Node]:
    """The constant that follows, if it fits and adds no axes, and the node that takes it in."""
    user, array = matcher.constant_behind(last, op) or (last, None)
    taken = fits(array, norm.sizes) and matcher.same_shape(user.outputs[0], norm.x)
    return (array, user) if taken else (None, last)


def _whole(matcher: Matcher, norm: _Norm, name: str, array: Array | None, default: float) -> str:
    """A constant of the type of x and of the normalized sizes."""
    sizes, dtype = norm.sizes, dtypes.NUMPY[matcher.dtype(norm.x)]
    given = np.full(sizes, default) if array is None else array.reshape(array.shape[max(array.ndim - len(sizes), 0) :])
    return matcher.add_constant(name, np.ascontiguousarray(np.broadcast_to(given, sizes), dtype))
