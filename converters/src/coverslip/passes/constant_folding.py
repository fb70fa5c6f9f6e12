"""Computes nodes whose inputs are all constants, in double precision."""

from __future__ import annotations

import math

from .. import dtypes, reference
from ..edit import Editor
from ..ir import FREE, Graph

MAX_GROWTH = 1 << 20
"""Elements by which a result may pass its inputs; more would trade a cheap step for a big file."""


def run(graph: Graph) -> bool:
    """True if any node was computed."""
    editor = Editor(graph)
    changed = False
    for node in list(graph.nodes):
        inputs = [editor.constant(name) if name else None for name in node.inputs]
        if any(name and array is None for name, array in zip(node.inputs, inputs, strict=True)):
            continue
        result = node.outputs[0]
        if (
            editor.is_output(result)
            or len(node.outputs) != 1
            or result not in graph.values
            or not reference.knows(node)
        ):
            continue
        shape, given = graph.values[result].shape, sum(array.size for array in inputs if array is not None)
        if FREE in shape or math.prod(shape) > MAX_GROWTH + given:
            continue
        value = reference.evaluate(node, [None if array is None else reference.widen(array) for array in inputs])
        editor.remove(node)
        graph.constants[result] = value.astype(dtypes.NUMPY[graph.values[result].dtype])
        changed = True
    return changed
