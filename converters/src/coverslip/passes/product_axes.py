"""Multiplies matrices over the batch axes that they had before exporters made one of them."""

from __future__ import annotations

import numpy as np

from ..attributes import integers
from ..edit import Editor
from ..ir import FREE, Graph, Node
from . import dead_code

Shapes = dict[str, tuple[int, ...]]


def run(graph: Graph) -> bool:
    """True if any product was changed."""
    editor = Editor(graph)
    shapes = {value.name: value.shape for value in [*graph.inputs, *graph.values.values()]}
    products = [node for node in graph.nodes if node.op == "MatMul" and "activation" not in node.attributes]
    changed = any([_split(editor, node, shapes) for node in products])
    if changed:
        dead_code.run(graph)
    return changed


def _split(editor: Editor, product: Node, shapes: Shapes) -> bool:
    """Whether a Reshape before each matrix and one behind the product merged and split the batch axes."""
    user, merged = editor.only_user(product.outputs[0]), [shapes.get(name, ()) for name in product.inputs]
    if user is None or user.op != "Reshape" or any(len(shape) != 3 or FREE in shape for shape in merged):
        return False
    made, result = shapes.get(user.outputs[0], ()), shapes.get(product.outputs[0], ())
    same = len(made) == 4 and FREE not in made and made[-2:] == result[-2:] and merged[0][0] == merged[1][0]
    if not same or not all(_was_merged(editor, name) for name in product.inputs):
        return False
    editor.absorb_next(product, user)
    wide = [(*made[:2], *shape[1:]) for shape in merged]
    pairs = zip(product.inputs, wide, strict=True)
    editor.set_inputs(product, [_whole(editor, product, name, shape, shapes) for name, shape in pairs])
    return True


def _turned(node: Node) -> bool:
    return node.op == "Transpose" and integers(node, "perm", []) == [0, 2, 1]


def _was_merged(editor: Editor, value: str) -> bool:
    """Whether it comes from a Reshape, transposed or not."""
    maker = editor.maker(value)
    if maker is not None and _turned(maker):
        maker = editor.maker(maker.inputs[0])
    return maker is not None and maker.op == "Reshape"


def _whole(editor: Editor, product: Node, value: str, wanted: tuple[int, ...], shapes: Shapes) -> str:
    """The same matrices with two batch axes."""
    maker = editor.maker(value)
    assert maker is not None
    name = editor.fresh(f"{value}.split")
    if _turned(maker):
        source = _whole(editor, product, maker.inputs[0], (*wanted[:2], wanted[3], wanted[2]), shapes)
        made = Node("Transpose", name, [source], [name], {"perm": [0, 1, 3, 2]})
    elif shapes.get(maker.inputs[0]) == wanted:
        return maker.inputs[0]
    else:
        target = editor.add_constant(f"{value}.batches", np.array(wanted, np.int64))
        made = Node("Reshape", name, [maker.inputs[0], target], [name])
    editor.insert_before(product, made)
    return name
