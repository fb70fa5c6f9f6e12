"""Recognises Gelu, HardSigmoid, HardSwish, Swish, Softplus and Mish in what exporters write for them."""

from __future__ import annotations

import math

from ..attributes import real
from ..ir import Graph, Node
from .matching import Matcher, near


def run(graph: Graph) -> bool:
    """True if any was recognised."""
    matcher = Matcher(graph)
    for rule in (_hard_sigmoid, _softplus, _gelu, _gelu_by_tanh, _hard_swish, _hard_swish_by_clip, _mish, _swish):
        for node in list(graph.nodes):
            if "activation" not in node.attributes:
                rule(matcher, node)
    return matcher.clean()


def _gated(matcher: Matcher, x: str | None, gate: str, factor: float, op: str, **attributes: str | float) -> None:
    """What makes factor * x * gate becomes the operator."""
    last = matcher.product_of(x, gate, factor) if x is not None else None
    if x is not None and last is not None and matcher.same_shape(x, last.outputs[0]) and matcher.is_float(x):
        matcher.become(last, op, [x], **attributes)


def _gelu(matcher: Matcher, node: Node) -> None:
    """x / 2 * (1 + erf(x / sqrt(2)))"""
    if node.op == "Erf":
        x = matcher.variable(node.inputs[0], {1: math.sqrt(0.5)})
        for gate in _one_more(matcher, node):
            _gated(matcher, x, gate, 0.5, "Gelu")


def _gelu_by_tanh(matcher: Matcher, node: Node) -> None:
    """x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))"""
    if node.op == "Tanh":
        slope = math.sqrt(2 / math.pi)
        x = matcher.variable(node.inputs[0], {1: slope, 3: slope * 0.044715})
        for gate in _one_more(matcher, node):
            _gated(matcher, x, gate, 0.5, "Gelu", approximate="tanh")


def _one_more(matcher: Matcher, node: Node) -> list[str]:
    """Values that are one more than what a node makes."""
    made = node.outputs[0]
    adds = [user for user in matcher.users(made) if user.op == "Add" and "activation" not in user.attributes]
    return [add.outputs[0] for add in adds if matcher.polynomial(add.outputs[0], made) == {0: 1.0, 1: 1.0}]


def _relu6(matcher: Matcher, node: Node) -> str | None:
    """x, where the node is min(max(x + 3, 0), 6) of floats."""
    if node.op != "Clip" or len(node.inputs) < 3:
        return None
    low, high = (matcher.scalar(name) for name in node.inputs[1:3])
    plain = low == 0 and near(high, 6.0) and matcher.is_float(node.outputs[0])
    return matcher.variable(node.inputs[0], {0: 3.0, 1: 1.0}) if plain else None


def _hard_sigmoid(matcher: Matcher, node: Node) -> None:
    """clip(x + 3, 0, 6) / 6"""
    x = _relu6(matcher, node)
    for user in matcher.users(node.outputs[0]) if x is not None else []:
        found = matcher.polynomial(user.outputs[0], node.outputs[0], 1) if user.op in ("Mul", "Div") else None
        plain = "activation" not in user.attributes
        if x is not None and found and found.keys() == {1} and near(found[1], 1 / 6) and plain:
            matcher.become(user, "HardSigmoid", [x], alpha=1 / 6, beta=0.5)


def _hard_swish(matcher: Matcher, node: Node) -> None:
    """x * hard_sigmoid(x)"""
    if node.op == "HardSigmoid" and near(real(node, "alpha", 0.2), 1 / 6) and near(real(node, "beta", 0.5), 0.5):
        _gated(matcher, node.inputs[0], node.outputs[0], 1.0, "HardSwish")


def _hard_swish_by_clip(matcher: Matcher, node: Node) -> None:
    """x * clip(x + 3, 0, 6) / 6"""
    x = _relu6(matcher, node)
    _gated(matcher, x, node.outputs[0], 1 / 6, "HardSwish")


def _softplus(matcher: Matcher, node: Node) -> None:
    """log(1 + exp(x))"""
    add = matcher.made_by(node.inputs[0], "Add") if node.op == "Log" else None
    for name in add.inputs if add is not None else []:
        exp = matcher.made_by(name, "Exp")
        if add is not None and exp is not None and matcher.polynomial(add.outputs[0], name) == {0: 1.0, 1: 1.0}:
            matcher.become(node, "Softplus", [exp.inputs[0]])
            return


def _mish(matcher: Matcher, node: Node) -> None:
    """x * tanh(softplus(x))"""
    softplus = matcher.made_by(node.inputs[0], "Softplus") if node.op == "Tanh" else None
    if softplus is not None:
        _gated(matcher, softplus.inputs[0], node.outputs[0], 1.0, "Mish")


def _swish(matcher: Matcher, node: Node) -> None:
    """x * sigmoid(alpha * x)"""
    if node.op != "Sigmoid":
        return
    _gated(matcher, node.inputs[0], node.outputs[0], 1.0, "Swish", alpha=1.0)
    x, alpha = matcher.scaled(node.inputs[0])
    if x != node.inputs[0]:
        _gated(matcher, x, node.outputs[0], 1.0, "Swish", alpha=alpha)
