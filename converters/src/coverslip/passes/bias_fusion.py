"""Fuses an Add of one constant number a column into the MatMul before it, as its bias."""

from __future__ import annotations

import numpy as np

from ..edit import Editor
from ..ir import FREE, Graph, Node
from .matching import fits


def run(graph: Graph) -> bool:
    """True if any was fused."""
    editor = Editor(graph)
    values = {value.name: value for value in [*graph.inputs, *graph.values.values()]}
    changed = False
    for node in list(graph.nodes):
        if node.op != "MatMul" or len(node.inputs) > 2 or "activation" in node.attributes:
            continue
        weights, product = editor.constant(node.inputs[1]), values.get(node.outputs[0])
        if product is None or product.dtype != "f32" or len(product.shape) < 2:
            continue
        if (len(values[node.inputs[1]].shape) if weights is None else weights.ndim) < 2:
            continue
        changed |= _take_bias(editor, node, product.shape)
    return changed


def _take_bias(editor: Editor, node: Node, shape: tuple[int, ...]) -> bool:
    add = editor.only_user(node.outputs[0])
    if add is None or add.op != "Add" or "activation" in add.attributes or shape[-1] == FREE:
        return False
    other = add.inputs[1] if add.inputs[0] == node.outputs[0] else add.inputs[0]
    bias = editor.constant(other)
    if bias is None or bias.ndim > len(shape) or not fits(bias, (1,) * (len(shape) - 1) + (shape[-1],)):
        return False
    name = editor.add_constant(f"{node.outputs[0]}.bias", np.broadcast_to(bias.reshape(-1), shape[-1:]).copy())
    editor.set_inputs(node, [*node.inputs, name])
    editor.absorb_next(node, add)
    return True
