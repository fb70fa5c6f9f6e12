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
        self._single: set[str] = set()  # those of them that have no axis

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
        known = self._elements(node)
        if known is None:
            return None
        result = node.outputs[0]
        self._known[result] = known
        index = self._constants.get(node.inputs[1]) if node.op == "Gather" else None
        if node.op == "Squeeze" or (index is not None and index.ndim == 0):
            self._single.add(result)
        return None if FREE in known else np.array(known[0] if result in self._single else known, np.int64)

    def _elements(self, node: Node) -> list[int] | None:
        source = node.inputs[0]
        if node.op == "Shape" and source in self._types:
            shape = list(self._types[source].shape)
            return shape[integer(node, "start", 0) : integer(node, "end", len(shape))]
        if node.op == "Concat":
            parts = [self._list(name) for name in node.inputs]
            return None if any(part is None for part in parts) else [size for part in parts if part for size in part]
        known = self._known.get(source)
        if known is None or node.op not in ("Gather", "Slice", "Squeeze", "Unsqueeze"):
            return None
        if (node.op == "Unsqueeze") != (source in self._single) or (node.op == "Squeeze" and len(known) != 1):
            return None
        if node.op == "Gather":
            index = self._constants.get(node.inputs[1])
            fits = index is not None and index.ndim < 2 and np.all((-len(known) <= index) & (index < len(known)))
            return [known[int(i)] for i in index.reshape(-1)] if index is not None and fits else None
        return self._slice(node, known) if node.op == "Slice" else known

    def _list(self, name: str) -> list[int] | None:
        """Integers that are known; a -1 among them counts as not known."""
        array = self._constants.get(name)
        if array is None:
            return self._known.get(name) if name not in self._single else None
        return [int(item) for item in array] if array.ndim == 1 and array.dtype == np.int64 else None

    def _slice(self, node: Node, known: list[int]) -> list[int] | None:
        limits = [self._constants.get(name) for name in node.inputs[1:3]]
        steps = self._constants.get(node.inputs[4]) if len(node.inputs) > 4 else np.ones(1)
        if steps is None or steps[0] != 1 or not all(limit is not None and limit.size == 1 for limit in limits):
            return None
        begin, end = (int(limit.reshape(-1)[0]) for limit in limits if limit is not None)
        return known[begin:end]

    def _reshaped(self, node: Node) -> Value | None:
        """What a Reshape to sizes that are known in part makes."""
        source, wanted = self._types.get(node.inputs[0]), self._known.get(node.inputs[1])
        if source is None or wanted is None or 0 in wanted:
            return None
        return Value(node.outputs[0], source.dtype, tuple(wanted))

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
        made = shapes.of_node(node, types, self._constants)
        reshaped = self._reshaped(node) if node.op == "Reshape" else None
        for value in [*made, *([reshaped] if reshaped is not None else [])]:
            before = self._types.get(value.name)
            if before is None or before.shape.count(FREE) > value.shape.count(FREE):
                self._types[value.name] = value
