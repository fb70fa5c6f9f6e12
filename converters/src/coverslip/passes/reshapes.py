"""Makes one Reshape of several operators that follow each other and give values another shape alone."""

from __future__ import annotations

import numpy as np

from ..edit import Editor
from ..ir import FREE, Graph, Node

RESHAPING = ("Reshape", "Flatten", "Squeeze", "Unsqueeze")


def run(graph: Graph) -> bool:
    """True if any were merged."""
    editor = Editor(graph)
    shapes = {value.name: value.shape for value in graph.values.values()}
    changed = False
    for node in list(graph.nodes):
        before = editor.maker(node.inputs[0]) if node.op in RESHAPING else None
        if before is None or before.op not in RESHAPING or not _makes_reshape(editor, node, shapes):
            continue
        editor.set_inputs(node, [before.inputs[0], node.inputs[1]])
        if not editor.users(before.outputs[0]) and not editor.is_output(before.outputs[0]):
            editor.remove(before)
        changed = True
    return changed


def _makes_reshape(editor: Editor, node: Node, shapes: dict[str, tuple[int, ...]]) -> bool:
    """Makes the node a Reshape that does not look at its input's shape; False if that cannot be."""
    shape = shapes.get(node.outputs[0])
    if shape is not None and FREE not in shape and 0 not in shape:
        target = editor.add_constant(f"{node.outputs[0]}.shape", np.array(shape, np.int64))
        node.op, node.attributes = "Reshape", {}
        editor.set_inputs(node, [node.inputs[0], target])
        return True
    wanted = editor.constant(node.inputs[1]) if node.op == "Reshape" else None
    return wanted is not None and 0 not in wanted
