"""Merges transposes that follow each other and moves the rest down until they meet or stay."""

from __future__ import annotations

import numpy as np

from ..attributes import integer, integers
from ..edit import Editor, copied
from ..ir import FREE, Graph, Node

_ELEMENTWISE = ("Relu", "LeakyRelu", "Clip", "Sigmoid", "HardSigmoid", "Add", "Mul", "Concat", "Pad", "Softmax")


def run(graph: Graph) -> bool:
    """True if anything changed. What is moved down stays there only if fewer Transposes are left."""
    editor = Editor(graph)
    changed = False
    while _merge(editor) or _flatten_trivial(editor):
        changed = True
    trial = Editor(copied(graph))
    while _merge(trial) or _flatten_trivial(trial) or _sink(trial):
        pass
    if _count(trial.graph) < _count(graph):
        graph.nodes, graph.constants = trial.graph.nodes, trial.graph.constants
        changed = True
    return changed


def _count(graph: Graph) -> int:
    return sum(node.op == "Transpose" for node in graph.nodes)


def _perm(node: Node | None) -> list[int] | None:
    return integers(node, "perm", []) or None if node is not None and node.op == "Transpose" else None


def _merge(editor: Editor) -> bool:
    """One Transpose for two in a row, none where they cancel."""
    for second in editor.graph.nodes:
        after, first = _perm(second), editor.maker(second.inputs[0])
        before = _perm(first)
        if after is None or before is None or first is None:
            continue
        perm = [before[axis] for axis in after]
        if perm == sorted(perm) and not editor.is_output(second.outputs[0]):
            editor.redirect(second.outputs[0], first.inputs[0])
            editor.remove(second)
        else:
            second.attributes["perm"] = list(perm)
            editor.set_inputs(second, [first.inputs[0]])
        if not editor.users(first.outputs[0]) and not editor.is_output(first.outputs[0]):
            editor.remove(first)
        return True
    return False


def _sink(editor: Editor) -> bool:
    """Computes before the Transpose what was computed after it."""
    for node in editor.graph.nodes:
        if (
            node.op not in _ELEMENTWISE
            or "activation" in node.attributes
            or (node.op == "Pad" and len(node.inputs) > 3)
        ):
            continue
        perm = _common_perm(editor, node)
        if perm is None or not _worth_it(editor, node):
            continue
        inputs = [_untransposed(editor, node, i, perm) for i in range(len(node.inputs))]
        if any(name is None for name in inputs):
            continue
        _permute_attributes(editor, node, perm, inputs)
        result = node.outputs[0]
        inner = editor.fresh(f"{result}.untransposed")
        editor.set_inputs(node, [name for name in inputs if name is not None])
        editor.set_outputs(node, [inner])
        editor.insert_after(node, Node("Transpose", f"{node.name}.transpose", [inner], [result], {"perm": list(perm)}))
        _drop_unused(editor)
        return True
    return False


def _common_perm(editor: Editor, node: Node) -> list[int] | None:
    """The permutation that all inputs which are not constants come through."""
    data = node.inputs[:1] if node.op in ("Clip", "Pad") else [n for n in node.inputs if editor.constant(n) is None]
    perms = [_perm(editor.maker(name)) for name in data]
    return perms[0] if perms and all(perm == perms[0] for perm in perms) else None


def _worth_it(editor: Editor, node: Node) -> bool:
    """Only where the Transposes above go away, so their number never grows, and not at the graph's end."""
    makers = {id(maker): maker for name in node.inputs if (maker := editor.maker(name)) is not None}
    made = [maker.outputs[0] for maker in makers.values()]
    gone = all(user is node for name in made for user in editor.users(name))
    return gone and not any(editor.is_output(name) for name in [*made, node.outputs[0]])


def _untransposed(editor: Editor, node: Node, index: int, perm: list[int]) -> str | None:
    """The name of an input as it is before the Transpose; None if there is none."""
    name = node.inputs[index]
    if not name or (node.op in ("Clip", "Pad") and index > 0):
        return name
    array = editor.constant(name)
    if array is None:
        maker = editor.maker(name)
        return maker.inputs[0] if maker is not None else None
    if array.size == 1 and node.op != "Concat":
        return editor.add_constant(f"{name}.scalar", array.reshape(()))
    if array.ndim > len(perm):
        return None
    full = array.reshape((1,) * (len(perm) - array.ndim) + array.shape)
    return editor.add_constant(f"{name}.untransposed", np.ascontiguousarray(full.transpose(np.argsort(perm))))


def _permute_attributes(editor: Editor, node: Node, perm: list[int], inputs: list[str | None]) -> None:
    """Axes as they are before the Transpose: axis i of its output is axis perm[i] of its input."""
    if node.op in ("Concat", "Softmax"):
        node.attributes["axis"] = perm[integer(node, "axis", -1)]
    if node.op == "Pad":
        pads = editor.graph.constants[node.inputs[1]]
        rank, moved = len(perm), np.empty_like(pads)
        for i, axis in enumerate(perm):
            moved[axis], moved[axis + rank] = pads[i], pads[i + rank]
        inputs[1] = editor.add_constant(f"{node.inputs[1]}.untransposed", moved)


def _flatten_trivial(editor: Editor) -> bool:
    """A Transpose that moves only axes of length 1, read by a Reshape or Flatten alone, does nothing."""
    graph = editor.graph
    shapes = {value.name: value.shape for value in [*graph.inputs, *graph.values.values()]}
    for node in graph.nodes:
        perm, shape = _perm(node), shapes.get(node.inputs[0])
        if perm is None or shape is None or len(shape) != len(perm):
            continue
        user = editor.only_user(node.outputs[0])
        long = [axis for axis in perm if shape[axis] != 1]
        if user is None or long != sorted(long) or not _same_reading(editor, user, shape, perm):
            continue
        editor.redirect(node.outputs[0], node.inputs[0])
        editor.remove(node)
        return True
    return False


def _same_reading(editor: Editor, user: Node, shape: tuple[int, ...], perm: list[int]) -> bool:
    """Whether a Reshape or Flatten gives the same from the untransposed value."""
    if user.op == "Flatten":
        return integer(user, "axis", 1) == 1 and perm[0] == 0
    wanted = editor.constant(user.inputs[1]) if user.op == "Reshape" else None
    if wanted is None:
        return False
    copied = [i for i, size in enumerate(wanted) if size == 0]
    return FREE not in shape[1:] and perm[0] == 0 and all(i == 0 for i in copied)


def _drop_unused(editor: Editor) -> None:
    for node in list(editor.graph.nodes):
        name = node.outputs[0]
        if node.op == "Transpose" and not editor.users(name) and not editor.is_output(name):
            editor.remove(node)
