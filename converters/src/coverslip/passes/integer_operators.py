"""Computes in integers what stands between DequantizeLinear and QuantizeLinear: Conv, MatMul and Gemm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .. import reference_quantized
from ..attributes import integer, real
from ..ir import Graph, Node
from .grids import Grid, Quantized, Weights

COARSEST = 1 / 64
"""A bias is rounded to what integer sums count in, which may be this part of a step of the output at most."""

_FLOAT = 1e-6  # relative; the file rounded scales and biases to float32

WINDOW = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")
"""Attributes that a convolution of integers keeps."""


def run(graph: Graph) -> bool:
    """True if any operator became one of integers."""
    return Quantized(graph).rewrite(_RULES)


@dataclass
class _Output:
    """The QuantizeLinear behind an operator, and the limits that Relu and Clip between them set."""

    nodes: list[Node]
    grid: Grid
    scales: npt.NDArray[np.float64]  # one, or one for each channel, where the grid's own is 1
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
    return None if user is None else _rounding(quantized, [*nodes, user], low, high)


def _rounding(quantized: Quantized, nodes: list[Node], low: float, high: float) -> _Output | None:
    """What the last node rounds to, if all channels have the same integers as limits."""
    grid = quantized.grid(nodes[-1], "QuantizeLinear")
    found = quantized.channels(nodes[-1], "QuantizeLinear") if grid is None else (grid, np.array([grid.scale]))
    if found is None:
        return None
    grid, scales = found
    zero = grid.integer(grid.zero)
    limits = [reference_quantized.rounded(np.full(scales.shape, limit), scales, zero) for limit in (low, high)]
    if any(np.unique(limit).size != 1 for limit in limits):
        return None
    return _Output(nodes, grid, scales, int(limits[0][0]), int(limits[1][0]))


def _conv(quantized: Quantized, node: Node) -> None:
    weights, output = quantized.weights(node.inputs[1]), _output(quantized, node)
    if weights is None or output is None or not weights.along(0) or len(node.inputs) > 3:
        return
    if output.scales.size not in (1, weights.integers.shape[0]):
        return
    weights.axis = 0
    x, maker = quantized.integers(node.inputs[0]), quantized.maker(node.inputs[0])
    found = quantized.channels(maker, "DequantizeLinear")
    if x is None and maker is not None and found is not None:
        filters, channels = weights.integers.shape[:2]
        if channels != 1 or found[1].size != integer(node, "group", 1) or filters % found[1].size:
            return
        x, weights = (maker.inputs[0], found[0]), weights.scaled(found[1].repeat(filters // found[1].size))
    if x is None:
        return
    name, grid = x
    bias = _bias(quantized, node, weights, grid, output) if len(node.inputs) > 2 and node.inputs[2] else []
    if bias is None:
        return
    if output.scales.size > 1:
        weights = weights.scaled(1 / output.scales)
    inputs = [name, *quantized.parameters(grid), *_named(quantized, node, weights)]
    _replace(quantized, node, output, "QLinearConv", [*inputs, *quantized.parameters(output.grid), *bias])


def _matmul(quantized: Quantized, node: Node) -> None:
    a, b = (quantized.integers(name) for name in node.inputs)
    weights, output = quantized.weights(node.inputs[1]), _output(quantized, node)
    if a is None or output is None or output.scales.size > 1:
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
    a, output = quantized.integers(node.inputs[0]), _output(quantized, node)
    weights = gemm_weights(quantized, node)
    if a is None or weights is None or output is None or output.scales.size > 1:
        return
    name, grid = a
    if len(node.inputs) < 3 or not node.inputs[2]:
        inputs = [name, *quantized.parameters(grid), *_named(quantized, node, weights)]
        _replace(quantized, node, output, "QLinearMatMul", [*inputs, *quantized.parameters(output.grid)])
        return
    filters = Weights(weights.integers.T[:, :, None].copy(), weights.scale, weights.zero, 0)
    bias = _bias(quantized, node, filters, grid, output, real(node, "beta", 1.0))
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


def gemm_weights(quantized: Quantized, node: Node) -> Weights | None:
    """The weights of a Gemm, its alpha among their scales, with a column for each output."""
    weights, alpha = quantized.weights(node.inputs[1]), real(node, "alpha", 1.0)
    if weights is None or integer(node, "transA", 0) or len(node.inputs) > 3 or not alpha > 0:
        return None
    weights = weights.transposed() if integer(node, "transB", 0) else weights
    return weights.scaled(np.array([alpha])) if weights.along(1) else None


def _named(quantized: Quantized, node: Node, weights: Weights) -> list[str]:
    """The weights as constants of the graph."""
    parts = {"weights": weights.integers, "scale": weights.scale, "zero": weights.zero}
    return [quantized.add_constant(f"{node.outputs[0]}.{key}", array) for key, array in parts.items()]


def _bias(
    quantized: Quantized, node: Node, weights: Weights, x: Grid, y: _Output, factor: float = 1.0
) -> list[str] | None:
    """The bias in what the sums count in, x.scale * weights.scale; None if that is too coarse or too fine for it."""
    bias, outputs = quantized.numbers(node.inputs[2]), weights.integers.shape[0]
    if bias is None or bias.size not in (1, outputs) or (bias.ndim > 1 and bias.shape[:-1] != (1,) * (bias.ndim - 1)):
        return None
    wanted = np.broadcast_to(bias.reshape(-1) * factor, (outputs,))
    unit = weights.scale.reshape(-1).astype(np.float64) * x.scale
    sums = np.rint(wanted / unit)
    error = np.abs(sums * unit - wanted) - _FLOAT * np.abs(wanted)
    if np.abs(sums).max(initial=0) >= 2**31 or np.any(error > COARSEST / 2 * y.scales):
        return None
    return [quantized.add_constant(f"{node.outputs[0]}.bias", sums.astype(np.int32))]


def _replace(quantized: Quantized, node: Node, output: _Output, op: str, inputs: list[str]) -> None:
    """Makes the node one of integers, and the end of what followed it."""
    attributes = {key: value for key, value in node.attributes.items() if key in WINDOW and node.op == "Conv"}
    quantized.become(node, op, inputs, **attributes)
    for following in output.nodes:
        quantized.absorb_next(node, following)
    if (output.low, output.high) == (output.grid.least, output.grid.most):
        return
    made = node.outputs[0]
    whole = quantized.fresh(f"{made}.whole")
    numbers = (output.low, output.high)
    limits = [quantized.add_constant(f"{made}.limit", output.grid.integer(number)) for number in numbers]
    quantized.set_outputs(node, [whole])
    quantized.insert_after(node, Node("Clip", f"{node.name}.clip", [whole, *limits], [made]))


_RULES = {"Conv": _conv, "Gemm": _gemm, "MatMul": _matmul}
