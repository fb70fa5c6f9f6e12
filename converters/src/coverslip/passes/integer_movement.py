"""Moves integers in place of the floats that they stand for, through operators that compute nothing new."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .. import reference, reference_quantized
from ..attributes import integers, text
from ..ir import Graph, Node
from .grids import Grid, Quantized

_MOVES = (
    "DepthToSpace",
    "Expand",
    "Flatten",
    "Gather",
    "GatherElements",
    "GatherND",
    "Identity",
    "MaxPool",
    "Pad",
    "Relu",
    "Reshape",
    "Resize",
    "Slice",
    "SpaceToDepth",
    "Split",
    "Squeeze",
    "Tile",
    "Transpose",
    "Unsqueeze",
)
"""Operators that give back elements of their first input, or the largest of some."""


def run(graph: Graph) -> bool:
    """True if anything changed. Each DequantizeLinear sinks until floats are needed, or meets its QuantizeLinear."""
    quantized = Quantized(graph)
    for node in list(graph.nodes):
        if "activation" not in node.attributes:
            any(rule(quantized, node) for rule in _RULES.get(node.op, ()))
    return quantized.clean()


def _round_constant(quantized: Quantized, node: Node) -> bool:
    """Weights that are stored as floats and rounded in the graph."""
    constants = [quantized.constant(name) if name else None for name in node.inputs]
    given = all(array is not None for name, array in zip(node.inputs, constants, strict=True) if name)
    if not given or quantized.is_output(node.outputs[0]) or not reference_quantized.plain(node):
        return False
    array = reference.evaluate(node, constants)
    quantized.remove(node)
    quantized.graph.constants[node.outputs[0]] = array
    quantized.changed = True
    return True


def _cancel(quantized: Quantized, node: Node) -> bool:
    """Rounding gives back the integers that just were made floats."""
    grid, found, result = quantized.grid(node, "QuantizeLinear"), quantized.integers(node.inputs[0]), node.outputs[0]
    if grid is None or found is None or found[1] != grid:
        return False
    source, maker = found[0], quantized.maker(found[0])
    if not quantized.is_output(result):
        quantized.remove(node)
        quantized.redirect(result, source)
    elif maker is None or quantized.is_output(source):
        return False
    else:
        quantized.remove(node)
        quantized.set_outputs(maker, [result if name == source else name for name in maker.outputs])
        quantized.redirect(source, result)
    quantized.changed = True
    return True


def _sink(quantized: Quantized, node: Node) -> bool:
    """Moves first, then makes floats, where all data stands for floats in one way."""
    data = node.inputs if node.op == "Concat" else node.inputs[:1]
    found = [quantized.integers(name) for name in data]
    grids = {entry[1] for entry in found if entry is not None}
    if None in found or len(grids) != 1:
        return False
    grid = grids.pop()
    more = _other_inputs(quantized, node, grid)
    if more is None:
        return False
    inputs = [entry[0] for entry in found if entry is not None] + more
    if node.op == "Relu":
        if grid.zero == grid.least:  # no integer stands for less than 0
            quantized.changed |= quantized.bypass(node)
            return True
        low = quantized.add_constant(f"{node.outputs[0]}.least", grid.integer(grid.zero))
        node.op, inputs = "Clip", [*inputs, low]
    quantized.set_inputs(node, inputs)
    _dequantize_outputs(quantized, node, grid)
    return True


def _other_inputs(quantized: Quantized, node: Node, grid: Grid) -> list[str] | None:
    """The inputs behind the data as they are for integers; None if the operator is not for those."""
    more = [] if node.op == "Concat" else node.inputs[1:]
    if node.op == "MaxPool" and len(node.outputs) > 1:
        return None
    if node.op == "Resize":
        plain = text(node, "coordinate_transformation_mode", "half_pixel") != "tf_crop_and_resize"
        return more if plain and text(node, "mode", "nearest") == "nearest" else None
    if node.op == "Pad" and text(node, "mode", "constant") == "constant":
        value = quantized.numbers(more[1]) if len(more) > 1 and more[1] else np.zeros(())
        if value is None or value.size != 1 or not grid.holds(float(value.reshape(-1)[0])):
            return None
        number = grid.integer(grid.of(float(value.reshape(-1)[0])))
        return [more[0], quantized.add_constant(f"{node.outputs[0]}.value", number), *more[2:]]
    return more


def _dequantize_outputs(quantized: Quantized, node: Node, grid: Grid) -> None:
    floats = list(node.outputs)
    quantized.set_outputs(node, [quantized.fresh(f"{name}.integers") if name else "" for name in floats])
    for i, (made, value) in enumerate(zip(node.outputs, floats, strict=True)):
        if value:
            quantized.insert_after(node, quantized.dequantize(made, grid, value, f"{node.name}.dequantize{i or ''}"))
    quantized.changed = True


def _transpose_weights(quantized: Quantized, node: Node) -> bool:
    """Transposes constant integers at once, with the axis of their scales."""
    weights, maker = quantized.weights(node.inputs[0]), quantized.maker(node.inputs[0])
    if weights is None or maker is None or quantized.is_output(node.outputs[0]):
        return False
    perm = integers(node, "perm", list(range(weights.integers.ndim))[::-1])
    turned = quantized.add_constant(f"{node.outputs[0]}.integers", weights.integers.transpose(perm).copy())
    attributes = {**maker.attributes, "axis": perm.index(weights.axis)}
    quantized.remove(node)
    made = Node("DequantizeLinear", node.name, [turned, *maker.inputs[1:]], list(node.outputs), attributes)
    quantized.insert_after(maker, made)
    quantized.changed = True
    return True


def _concat(quantized: Quantized, node: Node) -> bool:
    """A part that stands for floats in another way is rounded as the whole is; of several such, only the whole is."""
    rounding = quantized.rounding(node.outputs[0])
    if rounding is None:
        return False
    last, grid = rounding
    whole = [part for i in range(len(node.inputs)) if (part := _part(quantized, node, i, grid)) is not None]
    if len(whole) < len(node.inputs) or sum(made is not None for _, made in whole) > 1:
        return False
    quantized.set_inputs(node, [name for name, _ in whole])
    for _, made in whole:
        if made is not None:
            quantized.insert_before(node, made)
    quantized.absorb_next(node, last)
    quantized.changed = True
    return True


def _part(quantized: Quantized, node: Node, index: int, grid: Grid) -> tuple[str, Node | None] | None:
    """An input's integers on another grid, and the node that makes them, if it takes one."""
    name = node.inputs[index]
    array, found = quantized.numbers(name), quantized.integers(name)
    if array is not None:
        return quantized.add_constant(f"{name}.integers", grid.quantized(array)), None
    if found is None:
        return None
    if found[1] == grid:
        return found[0], None
    made = quantized.fresh(f"{node.outputs[0]}.part{index}")
    return made, Node("QuantizeLinear", f"{node.name}.part{index}", [name, *quantized.parameters(grid)], [made])


_RULES: dict[str, tuple[Callable[[Quantized, Node], bool], ...]] = {
    **dict.fromkeys(_MOVES, (_sink,)),
    "Concat": (_sink, _concat),
    "QuantizeLinear": (_round_constant, _cancel),
    "Transpose": (_transpose_weights, _sink),
}
"""What is tried on each operator, until something fits."""
