"""Writes the Einsum of an attention, of queries with keys or of scores with values, as a MatMul."""

from __future__ import annotations

from ..attributes import text
from ..edit import Editor
from ..ir import Graph, Node


def run(graph: Graph) -> bool:
    """True if any was written so."""
    editor = Editor(graph)
    changed = False
    for node in list(graph.nodes):
        terms = text(node, "equation", "").replace(" ", "").replace("->", ",").split(",") if node.op == "Einsum" else []
        if len(terms) != 3 or len(node.inputs) != 2 or len({len(term) for term in terms}) != 1:
            continue
        a, b, made = terms
        if len(a) < 3 or "." in a or not a[:-2] == b[:-2] == made[:-2] or len(set(a)) < len(a) or a[-2] != made[-2]:
            continue
        if b[-2:] == a[-1] + made[-1] and len({*a, *b}) == len(a) + 1:
            second = node.inputs[1]
        elif b[-2:] == made[-1] + a[-1] and len({*a, *b}) == len(a) + 1:
            second = editor.fresh(f"{node.inputs[1]}.transposed")
            perm = [*range(len(a) - 2), len(a) - 1, len(a) - 2]
            name = f"{node.name}.transpose"
            editor.insert_before(node, Node("Transpose", name, [node.inputs[1]], [second], {"perm": perm}))
        else:
            continue
        node.op, node.attributes = "MatMul", {}
        editor.set_inputs(node, [node.inputs[0], second])
        changed = True
    return changed
