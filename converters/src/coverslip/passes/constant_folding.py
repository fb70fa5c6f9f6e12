"""Computes nodes whose inputs are all constants, in double precision, and shapes that are known."""

from __future__ import annotations

import math

import numpy as np

from .. import dtypes, onnx_double, reference, shapes
from ..attributes import integer
from ..edit import Editor
from ..errors import Error
from ..ir import FREE, Array, Graph, Node, Value

MAX_GROWTH = 1 << 20
"""Elements by which a result may pass its inputs; more would trade a cheap step for a big file."""


def run(graph: Graph) -> bool:
    """True if any node was computed."""
    folding = _Folding(graph)
    return any([folding.fold(node) for node in list(graph.nodes)])


class _Folding:
    """One walk from inputs to outputs. What a constant makes known of the shapes behind it is known at once."""

    def __init__(self, graph: Graph) -> None:
        self._editor = Editor(graph)
        self._constants = graph.constants
        self._types = {value.name: value for value in [*graph.inputs, *graph.values.values()]}
        self._known: dict[str, list[int]] = {}  # elements of integer vectors, FREE where not known

    def fold(self, node: Node) -> bool:
        """Whether the node was replaced by a constant."""
        inputs = [self._constants.get(name) if name else None for name in node.inputs]
        whole = not any(name and array is None for name, array in zip(node.inputs, inputs, strict=True))
        if len(node.outputs) > 1 or self._editor.is_output(node.outputs[0]):
            self._infer(node)
            return False
        array = self._computed(node, inputs) if whole else self._of_shapes(node)
        if array is None:
            self._infer(node)
            return False
        self._editor.remove(node)
        self._constants[node.outputs[0]] = array
        self._types.pop(node.outputs[0], None)
        return True

    def _computed(self, node: Node, inputs: list[Array | None]) -> Array | None:
        given = sum(array.size for array in inputs if array is not None)
        self._infer(node)
        made = self._types.get(node.outputs[0])
        if made is None or FREE in made.shape or math.prod(made.shape) > MAX_GROWTH + given:
            return None
        wide = [None if array is None else reference.widen(array) for array in inputs]
        if reference.knows(node):
            array = reference.evaluate(node, wide)
        else:
            try:
                array = onnx_double.evaluate(node, wide)[0]
            except Error:
                return None
        return array.astype(dtypes.NUMPY[made.dtype]) if array.shape == made.shape else None

    def _of_shapes(self, node: Node) -> Array | None:
        """A shape, or a part of one, as far as its dimensions are known."""
        source, result = node.inputs[0], node.outputs[0]
        if node.op == "Shape" and source in self._types:
            shape = self._types[source].shape
            self._known[result] = list(shape)[integer(node, "start", 0) : integer(node, "end", len(shape))]
        elif node.op == "Gather" and source in self._known:
            index = self._constants.get(node.inputs[1])
            if index is not None and index.ndim < 2 and np.all(np.abs(index) < len(self._known[source])):
                taken = np.array(self._known[source], np.int64)[index]
                return None if np.any(taken == FREE) else np.asarray(taken)
        elif node.op == "Slice" and source in self._known:
            limits = [self._constants.get(name) for name in node.inputs[1:3]]
            steps = self._constants.get(node.inputs[4]) if len(node.inputs) > 4 else np.ones(1)
            if all(limit is not None and limit.size == 1 for limit in limits) and steps is not None and steps[0] == 1:
                begin, end = (int(limit.reshape(-1)[0]) for limit in limits if limit is not None)
                self._known[result] = self._known[source][begin:end]
        known = self._known.get(result, [FREE])
        return None if FREE in known else np.array(known, np.int64)

    def _infer(self, node: Node) -> None:
        """Types that were not known before constants were."""
        if all(name in self._types and FREE not in self._types[name].shape for name in node.outputs):
            return
        types = {}
        for name in filter(None, node.inputs):
            if name in self._constants:
                array = self._constants[name]
                types[name] = Value(name, dtypes.of_array(array, name), array.shape)
            elif name in self._types:
                types[name] = self._types[name]
            else:
                return
        for value in shapes.of_node(node, types, self._constants):
            before = self._types.get(value.name)
            if before is None or before.shape.count(FREE) > value.shape.count(FREE):
                self._types[value.name] = value
