"""Folds a Mul by one number a column into the MatMul of constant weights before it, and into the bias between them."""

from __future__ import annotations

import numpy as np

from ..attributes import integers
from ..edit import Editor
from ..ir import Array, Graph, Node


def run(graph: Graph) -> bool:
    """True if any was folded."""
    editor = Editor(graph)
    ranks = {value.name: len(value.shape) for value in graph.values.values()}
    changed = False
    for node in list(graph.nodes):
        for data, other in (node.inputs, node.inputs[::-1]) if _is_plain(node, "Mul") else ():
            factors, before = editor.constant(other), editor.maker(data)
            if factors is None or before is None or editor.only_user(data) is not node or ranks.get(data, 0) < 2:
                continue
            if before.op == "Transpose":
                perm = integers(before, "perm", [])
                wide = factors.reshape((1,) * (len(perm) - factors.ndim) + factors.shape) if perm else factors
                fits = wide.ndim == len(perm) and _fold(editor, before, wide.transpose(np.argsort(perm)), ranks)
            else:
                fits = _fold(editor, node, factors, ranks, data)
            if fits:
                editor.absorb_next(before, node)
                changed = True
                break
    return changed


def _fold(editor: Editor, node: Node, factors: Array, ranks: dict[str, int], data: str = "") -> bool:
    """Whether the product that a node reads takes the factors in."""
    data = data or node.inputs[0]
    rank = ranks.get(data, 0)
    last = editor.maker(data)
    bias, product = None, last
    if last is not None and _is_plain(last, "Add") and editor.only_user(data) is node:
        bias = next((i for i, name in enumerate(last.inputs) if editor.constant(name) is not None), None)
        product = None if bias is None else editor.maker(last.inputs[1 - bias])
    if last is None or product is None or not _is_plain(product, "MatMul"):
        return False
    weights, offsets = editor.constant(product.inputs[1]), None if bias is None else editor.constant(last.inputs[bias])
    if weights is None or weights.ndim != 2 or weights.dtype != np.float32 or not _by_column(factors, weights, rank):
        return False
    if offsets is not None and (not _by_column(offsets, weights, rank) or offsets.dtype != np.float32):
        return False
    if (
        editor.only_user(product.outputs[0]) is not (node if bias is None else last)
        or editor.only_user(data) is not node
    ):
        return False
    vector = factors.reshape(-1).astype(np.float64)
    name = editor.add_constant(f"{product.outputs[0]}.weights", (weights * vector).astype(np.float32))
    editor.set_inputs(product, [product.inputs[0], name])
    if offsets is not None:
        moved = np.broadcast_to(offsets.reshape(-1) * vector, weights.shape[1:]).astype(np.float32)
        editor.set_inputs(last, [product.outputs[0], editor.add_constant(f"{data}.bias", moved)])
    return True


def _is_plain(node: Node, op: str) -> bool:
    return node.op == op and "activation" not in node.attributes


def _by_column(array: Array, weights: Array, rank: int) -> bool:
    """Whether it broadcasts as one number, or one for each column of the product."""
    return array.ndim <= rank and (array.size == 1 or array.shape[-1] == array.size == weights.shape[1])
