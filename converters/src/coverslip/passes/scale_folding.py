"""Folds a Mul or Add by a constant of one number, or one a channel, into the linear operator before it."""

from __future__ import annotations

import numpy as np

from ..edit import Editor
from ..ir import Array, Graph
from . import channels


def run(graph: Graph) -> bool:
    """True if any was folded."""
    editor = Editor(graph)
    ranks = {value.name: len(value.shape) for value in graph.values.values()}
    changed = False
    for node in list(graph.nodes):
        if node.op not in ("Mul", "Add") or "activation" in node.attributes:
            continue
        for data, other in (node.inputs, node.inputs[::-1]):
            linear = channels.foldable(editor, editor.maker(data))
            array = editor.constant(other)
            if linear is None or array is None or editor.only_user(data) is not node:
                continue
            vector = _per_channel(array, ranks.get(data), channels.count(editor, linear))
            if vector is None:
                continue
            one, zero = np.ones_like(vector), np.zeros_like(vector)
            scale, shift = (vector, zero) if node.op == "Mul" else (one, vector)
            channels.rescale(editor, linear, scale, shift)
            editor.absorb_next(linear, node)
            changed = True
            break
    return changed


def _per_channel(array: Array, rank: int | None, count: int) -> channels.Vector | None:
    """The constant as one number a channel, if it broadcasts so over a value of the rank (channels on axis 1)."""
    if rank is None or array.ndim > rank:
        return None
    shape = (1,) * (rank - array.ndim) + array.shape
    if array.size != 1 and (shape[1] != count or array.size != count):
        return None
    vector: channels.Vector = np.broadcast_to(array.reshape(-1).astype(np.float64), (count,)).copy()
    return vector
