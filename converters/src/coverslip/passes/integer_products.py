"""Sums in integers the products of quantized values behind which floats are wanted: ConvInteger and MatMulInteger."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..attributes import real
from ..ir import Array, Attribute, Graph, Node
from .grids import Grid, Quantized, Weights
from .integer_operators import WINDOW, gemm_weights


def run(graph: Graph) -> bool:
    """True if any operator became one of integers."""
    return Quantized(graph).rewrite(_RULES)


def _conv(quantized: Quantized, node: Node) -> None:
    x, weights, bias = quantized.integers(node.inputs[0]), quantized.weights(node.inputs[1]), _bias(quantized, node)
    if x is None or weights is None or bias is None or not weights.along(0) or len(node.inputs) > 3:
        return
    column = [-1, *[1] * (weights.integers.ndim - 2)]
    kept = {key: value for key, value in node.attributes.items() if key in WINDOW}
    scale = (weights.scale.reshape(-1) * np.float32(x[1].scale)).reshape(column)
    _sum(
        quantized, node, _inputs(quantized, node, x, weights), scale, bias.reshape(column) if bias.size else bias, kept
    )


def _matmul(quantized: Quantized, node: Node) -> None:
    a, b = (quantized.integers(name) for name in node.inputs)
    weights = quantized.weights(node.inputs[1])
    if a is not None and weights is not None and weights.integers.ndim == 2 and weights.along(1):
        _sum(quantized, node, _inputs(quantized, node, a, weights), weights.scale * np.float32(a[1].scale), _NONE, {})
    elif a is not None and b is not None:
        zeros = [quantized.parameters(grid)[1] for _, grid in (a, b)]
        scale = np.asarray(np.float32(a[1].scale) * np.float32(b[1].scale))
        _sum(quantized, node, [a[0], b[0], *zeros], scale, _NONE, {})


def _gemm(quantized: Quantized, node: Node) -> None:
    a, weights, bias = quantized.integers(node.inputs[0]), gemm_weights(quantized, node), _bias(quantized, node)
    if a is not None and weights is not None and bias is not None:
        scale = weights.scale * np.float32(a[1].scale)
        _sum(quantized, node, _inputs(quantized, node, a, weights), scale, bias * real(node, "beta", 1.0), {})


_NONE = np.zeros(0)


def _bias(quantized: Quantized, node: Node) -> Array | None:
    """The constant bias, of no elements where there is none."""
    return quantized.numbers(node.inputs[2]) if len(node.inputs) > 2 and node.inputs[2] else _NONE


def _inputs(quantized: Quantized, node: Node, a: tuple[str, Grid], weights: Weights) -> list[str]:
    result = node.outputs[0]
    names = [quantized.add_constant(f"{result}.weights", weights.integers), quantized.parameters(a[1])[1]]
    zeros = [quantized.add_constant(f"{result}.zero", weights.zero)] if np.any(weights.zero) else []
    return [a[0], *names, *zeros]


def _sum(
    quantized: Quantized, node: Node, inputs: list[str], scale: Array, bias: Array, attributes: dict[str, Attribute]
) -> None:
    """The node makes sums of 32 bits; behind it they become floats, get the bias, and the node's old name."""
    result = node.outputs[0]
    sums, floats, scaled = (quantized.fresh(f"{result}.{key}") for key in ("sums", "floats", "scaled"))
    factor = quantized.add_constant(f"{result}.factor", scale.astype(np.float32))
    made = [Node("Cast", f"{node.name}.cast", [sums], [floats], {"to": dtypes.ONNX["f32"]})]
    made.append(Node("Mul", f"{node.name}.scale", [floats, factor], [scaled if bias.size else result]))
    if bias.size:
        more = quantized.add_constant(f"{result}.bias", bias.astype(np.float32))
        made.append(Node("Add", f"{node.name}.bias", [scaled, more], [result]))
    quantized.become(node, "ConvInteger" if node.op == "Conv" else "MatMulInteger", inputs, **attributes)
    quantized.set_outputs(node, [sums])
    for following in reversed(made):
        quantized.insert_after(node, following)


_RULES = {"Conv": _conv, "Gemm": _gemm, "MatMul": _matmul}
