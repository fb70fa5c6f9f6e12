"""Turns a MatMul of two axes with constant weights, and a following Add of a constant bias, into one Gemm."""

from __future__ import annotations

import numpy as np

from ..edit import Editor
from ..ir import Graph, Node
from .matching import fits


def run(graph: Graph) -> bool:
    """True if any Gemm was made."""
    editor = Editor(graph)
    ranks = {value.name: len(value.shape) for value in [*graph.inputs, *graph.values.values()]}
    changed = False
    for node in list(graph.nodes):
        weights = editor.constant(node.inputs[1]) if node.op == "MatMul" else None
        if weights is None or weights.dtype != np.float32 or weights.ndim != 2 or ranks.get(node.inputs[0]) != 2:
            continue
        node.op = "Gemm"
        _take_bias(editor, node, weights.shape[1])
        changed = True
    return changed


def _take_bias(editor: Editor, node: Node, columns: int) -> None:
    add = editor.only_user(node.outputs[0])
    if add is None or add.op != "Add" or "activation" in add.attributes:
        return
    other = add.inputs[1] if add.inputs[0] == node.outputs[0] else add.inputs[0]
    bias = editor.constant(other)
    if bias is None or bias.ndim > 2 or not fits(bias, (1, columns)):
        return
    name = editor.add_constant(f"{node.outputs[0]}.bias", np.broadcast_to(bias.reshape(-1), (columns,)).copy())
    editor.set_inputs(node, [*node.inputs[:2], name])
    editor.absorb_next(node, add)
