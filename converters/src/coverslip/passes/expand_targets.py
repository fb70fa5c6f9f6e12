"""Writes the target of an Expand without the choice between -1 and 1 that exporters put before it."""

from __future__ import annotations

import numpy as np

from ..attributes import integer
from ..edit import Editor
from ..ir import Graph, Node


def run(graph: Graph) -> bool:
    """True if any was written so."""
    editor = Editor(graph)
    changed = False
    for node in list(graph.nodes):
        parts = _chosen(editor, node.inputs[1]) if node.op == "Expand" else None
        if parts is not None:
            target = editor.fresh(f"{node.outputs[0]}.shape")
            editor.insert_before(node, Node("Concat", f"{node.name}.shape", parts, [target], {"axis": 0}))
            editor.set_inputs(node, [node.inputs[0], target])
            changed = True
    return changed


def _chosen(editor: Editor, value: str) -> list[str] | None:
    """Lists of one size each, of where(sizes == -1, others, sizes): a size that a value has is never -1."""
    where = editor.maker(value)
    equal = editor.maker(where.inputs[0]) if where is not None and where.op == "Where" else None
    if where is None or equal is None or equal.op != "Equal" or equal.inputs[0] != where.inputs[2]:
        return None
    sizes, limit, others = editor.maker(where.inputs[2]), *map(editor.constant, (equal.inputs[1], where.inputs[1]))
    if sizes is None or sizes.op != "Concat" or limit is None or others is None or others.ndim != 1:
        return None
    if not np.all(limit == -1) or others.size != len(sizes.inputs) or integer(sizes, "axis", 0):
        return None
    parts = []
    for part, other in zip(sizes.inputs, others, strict=True):
        array, maker = editor.constant(part), editor.maker(part)
        if array is not None and array.shape == (1,):
            chosen = other if array[0] == -1 else array[0]
            parts.append(editor.add_constant(f"{value}.size", np.array([chosen], np.int64)))
        elif maker is not None and maker.op == "Unsqueeze" and _is_size(editor, maker.inputs[0]):
            parts.append(part)
        else:
            return None
    return parts


def _is_size(editor: Editor, value: str) -> bool:
    """Whether it is an element of a value's shape."""
    taken = editor.maker(value)
    shape = editor.maker(taken.inputs[0]) if taken is not None and taken.op == "Gather" else None
    return shape is not None and shape.op == "Shape"
