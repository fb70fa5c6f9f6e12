"""Fuses an Add of two values of one shape into the Conv, Gemm or MatMul that makes one of them."""

from __future__ import annotations

from .. import shapes
from ..attributes import integer
from ..edit import Editor
from ..ir import Graph, Node
from ..operators import RESIDUAL_INPUT
from .sizes import Sizes


def run(graph: Graph) -> bool:
    """True if any was fused."""
    editor = Editor(graph)
    types, symbols = shapes.infer(graph)
    sizes = Sizes(editor, symbols)
    position = {id(node): i for i, node in enumerate(graph.nodes)}
    changed = False
    for add in list(graph.nodes):
        if add.op != "Add" or "activation" in add.attributes or add.inputs[0] == add.inputs[1]:
            continue
        if add.inputs[0] not in types or types[add.inputs[0]].dtype != "f32":
            continue
        if not sizes.same(add.inputs[0], add.inputs[1]):
            continue
        makers = [maker for name in add.inputs if (maker := _ready(editor, name, add)) is not None]
        if not makers:
            continue
        linear = max(makers, key=lambda node: position[id(node)])
        _fuse(editor, linear, add)
        position[id(linear)] = position[id(add)]
        changed = True
    return changed


def _ready(editor: Editor, name: str, add: Node) -> Node | None:
    """The node behind an operand, if it can take a residual and nothing else reads it."""
    node = editor.maker(name)
    if node is None or node.op not in RESIDUAL_INPUT or editor.only_user(name) is not add:
        return None
    if "activation" in node.attributes or len(node.inputs) > RESIDUAL_INPUT[node.op]:
        return None
    return None if node.op == "Gemm" and integer(node, "transA", 0) else node


def _fuse(editor: Editor, linear: Node, add: Node) -> None:
    """The node moves to the Add's place, where the residual is made already."""
    residual = next(name for name in add.inputs if name != linear.outputs[0])
    at = RESIDUAL_INPUT[linear.op]
    inputs = [*linear.inputs, *[""] * (at - len(linear.inputs)), residual]
    editor.move_before(add, linear)
    editor.set_inputs(linear, inputs)
    editor.absorb_next(linear, add)
