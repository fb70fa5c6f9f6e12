"""Computes in integers what stands between DequantizeLinear and QuantizeLinear: Conv, MatMul and Gemm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..attributes import integer, real
from ..ir import Graph, Node
from .grids import Grid, Quantized, Weights

COARSEST = 1 / 64
"""A bias is rounded to what integer sums count in, which may be this part of a step of the output at most."""

_FLOAT = 1e-6  # relative; the file rounded scales and biases to float32


def run(graph: Graph) -> bool:
    """True if any operator became one of integers."""
    quantized = Quantized(graph)
    for node in list(graph.nodes):
        rule = _RULES.get(node.op)
        if rule is not None and "activation" not in node.attributes:
            rule(quantized, node)
    return quantized.clean()


@dataclass
class _Output:
    """The QuantizeLinear behind an operator, and the limits that Relu and Clip between them set."""

    nodes: list[Node]
    grid: Grid
    low: int
    high: int


def _output(quantized: Quantized, node: Node) -> _Output | None:
    """Rounding never decreases, so limits may be set after it as well."""
    nodes: list[Node] = []
    low, high = -np.inf, np.inf
    value = node.outputs[0]
    while (user := quantized.only_user(value)) is not None and user.op in ("Relu", "Clip"):
        limits = [quantized.numbers(name) if name else None for name in [*user.inputs[1:], "", ""][:2]]
        unknown = any(name and limit is None for name, limit in zip(user.inputs[1:], limits, strict=False))
        if unknown or "activation" in user.attributes:
            return None
        least, most = (0.0 if user.op == "Relu" else -np.inf), np.inf
        if limits[0] is not None:
            least = float(limits[0].reshape(-1)[0])
        if limits[1] is not None:
            most = float(limits[1].reshape(-1)[0])
        low, high = min(max(low, least), most), min(max(high, least), most)
        nodes.append(user)
        value = user.outputs[0]
    rounding = quantized.rounding(value)
    if rounding is None:
        return None
    last, grid = rounding
    return _Output([*nodes, last], grid, grid.of(low), grid.of(high))


def _conv(quantized: Quantized, node: Node) -> None:
    x, weights, output = _operands(quantized, node)
    if x is None or weights is None or output is None or not weights.along(0) or len(node.inputs) > 3:
        return
    name, grid = x
    bias = _bias(quantized, node, weights, grid, output.grid) if len(node.inputs) > 2 and node.inputs[2] else []
    if bias is not None:
        inputs = [name, *quantized.parameters(grid), *_named(quantized, node, weights)]
        _replace(quantized, node, output, "QLinearConv", [*inputs, *quantized.parameters(output.grid), *bias])


def _matmul(quantized: Quantized, node: Node) -> None:
    a, weights, output = _operands(quantized, node)
    b = quantized.integers(node.inputs[1])
    if a is None or output is None:
        return
    inputs = [a[0], *quantized.parameters(a[1])]
    if b is not None:
        inputs += [b[0], *quantized.parameters(b[1])]
    elif weights is not None and weights.integers.ndim == 2 and weights.along(1):
        inputs += _named(quantized, node, weights)
    else:
        return
    _replace(quantized, node, output, "QLinearMatMul", [*inputs, *quantized.parameters(output.grid)])


def _gemm(quantized: Quantized, node: Node) -> None:
    """A bias makes it a convolution of one position, as a product of matrices has none in integers."""
    a, weights, output = _operands(quantized, node)
    if a is None or weights is None or output is None or integer(node, "transA", 0) or len(node.inputs) > 3:
        return
    if integer(node, "transB", 0):
        weights = Weights(weights.integers.T.copy(), weights.scale, weights.zero, 1 - weights.axis)
    if not weights.along(1):
        return
    weights.scale = (weights.scale * np.float32(real(node, "alpha", 1.0))).astype(np.float32)
    if not np.all(weights.scale > 0):
        return
    name, grid = a
    if len(node.inputs) < 3 or not node.inputs[2]:
        inputs = [name, *quantized.parameters(grid), *_named(quantized, node, weights)]
        _replace(quantized, node, output, "QLinearMatMul", [*inputs, *quantized.parameters(output.grid)])
        return
    filters = Weights(weights.integers.T[:, :, None].copy(), weights.scale, weights.zero, 0)
    bias = _bias(quantized, node, filters, grid, output.grid, real(node, "beta", 1.0))
    if bias is None:
        return
    last = quantized.add_constant(f"{node.outputs[0]}.axis", np.array([2], np.int64))
    column = Node("Unsqueeze", f"{node.name}.column", [name, last], [quantized.fresh(f"{name}.column")])
    quantized.insert_before(node, column)
    inputs = [column.outputs[0], *quantized.parameters(grid), *_named(quantized, node, filters)]
    _replace(quantized, node, output, "QLinearConv", [*inputs, *quantized.parameters(output.grid), *bias])
    made = node.outputs[0]
    columns = quantized.fresh(f"{made}.columns")
    quantized.set_outputs(node, [columns])
    quantized.insert_after(node, Node("Flatten", f"{node.name}.flatten", [columns], [made]))


def _operands(quantized: Quantized, node: Node) -> tuple[tuple[str, Grid] | None, Weights | None, _Output | None]:
    return quantized.integers(node.inputs[0]), quantized.weights(node.inputs[1]), _output(quantized, node)


def _named(quantized: Quantized, node: Node, weights: Weights) -> list[str]:
    """The weights as constants of the graph."""
    parts = {"weights": weights.integers, "scale": weights.scale, "zero": weights.zero}
    return [quantized.add_constant(f"{node.outputs[0]}.{key}", array) for key, array in parts.items()]


def _bias(
    quantized: Quantized, node: Node, weights: Weights, x: Grid, y: Grid, factor: float = 1.0
) -> list[str] | None:
    """The bias in what the sums count in, x.scale * weights.scale; None if that is too coarse or too fine for it."""
    bias, outputs = quantized.numbers(node.inputs[2]), weights.integers.shape[0]
    if bias is None or bias.size not in (1, outputs) or (bias.ndim > 1 and bias.shape[:-1] != (1,) * (bias.ndim - 1)):
        return None
    wanted = np.broadcast_to(bias.reshape(-1) * factor, (outputs,))
    unit = weights.scale.reshape(-1).astype(np.float64) * x.scale
    sums = np.rint(wanted / unit)
    error = np.abs(sums * unit - wanted) - _FLOAT * np.abs(wanted)
    if np.abs(sums).max(initial=0) >= 2**31 or error.max(initial=0) > COARSEST / 2 * y.scale:
        return None
    return [quantized.add_constant(f"{node.outputs[0]}.bias", sums.astype(np.int32))]


def _replace(quantized: Quantized, node: Node, output: _Output, op: str, inputs: list[str]) -> None:
    """Makes the node one of integers, and the end of what followed it."""
    kept = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides") if op == "QLinearConv" else ()
    attributes = {key: value for key, value in node.attributes.items() if key in kept and node.op == "Conv"}
    quantized.become(node, op, inputs, **attributes)
    for following in output.nodes:
        quantized.absorb_next(node, following)
    low, high = max(output.low, output.grid.least), min(output.high, output.grid.most)
    if (low, high) == (output.grid.least, output.grid.most):
        return
    made = node.outputs[0]
    whole = quantized.fresh(f"{made}.whole")
    limits = [quantized.add_constant(f"{made}.limit", output.grid.integer(limit)) for limit in (low, high)]
    quantized.set_outputs(node, [whole])
    quantized.insert_after(node, Node("Clip", f"{node.name}.clip", [whole, *limits], [made]))


_RULES = {"Conv": _conv, "Gemm": _gemm, "MatMul": _matmul}
