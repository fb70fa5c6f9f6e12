"""Removes an Expand where all that read it broadcast anyway, to a shape that another of their inputs has."""

from __future__ import annotations

from .. import shapes
from ..edit import Editor
from ..ir import Graph, Node

BROADCASTING = ("Add", "Sub", "Mul", "Div", "Pow", "Min", "Max", "Where", "Equal", "Greater", "Less", "PRelu")


def run(graph: Graph) -> bool:
    """True if any was removed."""
    if not any(node.op == "Expand" for node in graph.nodes):
        return False
    editor = Editor(graph)
    _, symbols = shapes.infer(graph)
    changed = False
    for node in list(graph.nodes):
        result = node.outputs[0]
        if node.op != "Expand" or editor.is_output(result):
            continue
        users = editor.users(result)
        if users and all(_broadcasts(editor, symbols, node, user) for user in users):
            changed |= editor.bypass(node)
    return changed


def _broadcasts(editor: Editor, symbols: dict[str, shapes.Symbolic], expand: Node, user: Node) -> bool:
    """Whether a node would broadcast what was expanded as far as the Expand does."""
    result = expand.outputs[0]
    if user.op not in BROADCASTING or (user.op == "PRelu" and user.inputs[0] == result):
        return False
    wanted, target = symbols.get(result), editor.maker(expand.inputs[1])
    for other in user.inputs:
        if other == result:
            continue
        if target is not None and target.op == "Shape" and target.inputs == [other] and not target.attributes:
            return True
        if wanted is not None and _covers(symbols.get(other), wanted):
            return True
    return False


def _covers(shape: shapes.Symbolic | None, wanted: shapes.Symbolic) -> bool:
    if shape is None or len(shape) < len(wanted):
        return False
    pairs = zip(shape[::-1], wanted[::-1], strict=False)
    return all(want == 1 or (want is not None and want == have) for have, want in pairs)
