"""Removes operators that give back their first input: Identity, and others with nothing to do."""

from __future__ import annotations

import numpy as np

from ..attributes import integer, integers, text
from ..dtypes import ONNX
from ..edit import Editor
from ..ir import FREE, Graph, Node, Value


def run(graph: Graph) -> bool:
    """True if anything was removed."""
    editor = Editor(graph)
    types = {value.name: value for value in [*graph.inputs, *graph.values.values()]}
    changed = False
    for node in list(graph.nodes):
        if _does_nothing(editor, types, node):
            changed |= editor.bypass(node)
    return changed


def _does_nothing(editor: Editor, types: dict[str, Value], node: Node) -> bool:
    source, result = types.get(node.inputs[0]), types.get(node.outputs[0])
    if node.op == "Identity":
        return True
    if node.op == "Concat":
        return len(node.inputs) == 1
    if node.op == "Cast":
        return source is not None and integer(node, "to", 0) == ONNX[source.dtype]
    if node.op == "Transpose":
        perm = integers(node, "perm", [])
        return bool(perm) and perm == list(range(len(perm)))
    if node.op == "Pad":
        pads = editor.constant(node.inputs[1])
        return pads is not None and not np.any(pads)
    if node.op == "Slice" and source is not None and _takes_all(editor, node, source.shape):
        return True
    if node.op in ("Reshape", "Flatten", "Resize", "Slice"):
        same = source is not None and result is not None and source.shape == result.shape
        return same and source is not None and FREE not in source.shape and _keeps_values(editor, node)
    return False


def _takes_all(editor: Editor, node: Node, shape: tuple[int, ...]) -> bool:
    """Whether a Slice leaves no element out, along axes of known sizes; others may be free."""
    given = [editor.constant(name) for name in node.inputs[1:]]
    if len(given) < 3 or any(array is None for array in given):
        return False
    begins, ends, axes, *steps = (array.reshape(-1).tolist() for array in given if array is not None)
    whole = all(begin == 0 and end >= shape[axis] != FREE for begin, end, axis in zip(begins, ends, axes, strict=True))
    return whole and all(step == 1 for step in (steps[0] if steps else []))


def _keeps_values(editor: Editor, node: Node) -> bool:
    """Whether an operator whose output has the input's shape leaves the values too."""
    if node.op == "Slice":  # of the same shape, only the direction can differ
        if len(node.inputs) < 5 or not node.inputs[4]:
            return True
        steps = editor.constant(node.inputs[4])
        return steps is not None and bool(np.all(steps > 0))
    if node.op == "Resize":  # of the same size; scales could still be other than 1, and a crop takes a part
        if text(node, "coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize":
            return False
        if len(node.inputs) > 3 and node.inputs[3]:
            return True
        scales = editor.constant(node.inputs[2])
        return scales is not None and bool(np.all(scales == 1))
    return True
