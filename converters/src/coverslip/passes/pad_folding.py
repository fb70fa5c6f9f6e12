"""Folds a Pad with zeros into the padding of the Conv or AveragePool behind it.

Not into a MaxPool: its padding never wins, whereas a zero does where all is negative.
"""

from __future__ import annotations

import numpy as np

from ..attributes import integer, integers, text
from ..edit import Editor
from ..ir import Graph, Node


def run(graph: Graph) -> bool:
    """True if any was folded."""
    editor = Editor(graph)
    changed = False
    for pad in list(graph.nodes):
        spatial = _zero_padding(editor, pad) if pad.op == "Pad" else None
        if spatial is None:
            continue
        for user in editor.users(pad.outputs[0]):
            if user.inputs[0] == pad.outputs[0] and pad.outputs[0] not in user.inputs[1:] and _take(user, spatial):
                editor.set_inputs(user, [pad.inputs[0], *user.inputs[1:]])
                changed = True
        if not editor.users(pad.outputs[0]) and not editor.is_output(pad.outputs[0]):
            editor.remove(pad)
    return changed


def _zero_padding(editor: Editor, pad: Node) -> list[int] | None:
    """Begins, then ends, of the spatial axes; None if the Pad does anything but add zeros to those."""
    pads = editor.constant(pad.inputs[1]) if len(pad.inputs) < 4 else None
    value = editor.constant(pad.inputs[2]) if len(pad.inputs) > 2 and pad.inputs[2] else np.zeros(1)
    if pads is None or value is None or np.any(value) or text(pad, "mode", "constant") != "constant":
        return None
    amounts = [int(amount) for amount in pads]
    rank = len(amounts) // 2
    begin, end = amounts[:rank], amounts[rank:]
    if rank < 3 or any(begin[:2] + end[:2]) or min(amounts) < 0:
        return None
    return begin[2:] + end[2:]


def _take(node: Node, spatial: list[int]) -> bool:
    """Adds the padding to a node's own, where that means the same."""
    own = integers(node, "pads", [0] * len(spatial))
    if text(node, "auto_pad", "NOTSET") != "NOTSET" or len(own) != len(spatial):
        return False
    if node.op == "AveragePool":
        kernel = integers(node, "kernel_shape", []) * 2
        counts = integer(node, "count_include_pad", 0) or not any(own)
        fits = all(o + p < k for o, p, k in zip(own, spatial, kernel, strict=True))
        if not counts or not fits or integer(node, "ceil_mode", 0):
            return False
        node.attributes["count_include_pad"] = 1
    elif node.op != "Conv":
        return False
    node.attributes["pads"] = [o + p for o, p in zip(own, spatial, strict=True)]
    return True
