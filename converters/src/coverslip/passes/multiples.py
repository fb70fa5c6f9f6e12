"""Knows of free sizes what ONNX's inference does not: that one is a multiple of another, as windows are of a batch."""

from __future__ import annotations

import math
from typing import TypeAlias

from ..ir import Array, Graph, Node
from ..shapes import Symbolic

Size: TypeAlias = "tuple[int, str]"
"""So many times a free size; with the name "", a number."""

_BROADCASTING = ("Add", "Sub", "Mul", "Div", "Pow", "Where", "Min", "Max")


class Multiples:
    """The sizes of a graph, by the names that inference gave them."""

    def __init__(self, graph: Graph, symbols: dict[str, Symbolic]) -> None:
        self._of: dict[str, Size] = {}
        self._symbols = symbols
        for node in graph.nodes:
            if node.op == "Reshape":
                self._learn_reshape(node, graph.constants.get(node.inputs[1]))
            elif node.op in _BROADCASTING:
                self._learn_broadcast(node, 0)
            elif node.op == "MatMul":
                self._learn_broadcast(node, 2)

    def size(self, size: int | str | None) -> Size | None:
        """The size in terms of those that follow from no other."""
        if isinstance(size, str):
            return self._of.get(size, (1, size))
        return None if size is None else (size, "")

    def times(self, name: str, factor: int) -> str:
        """The name of so many times a size."""
        many = f"{factor} * {name}"
        count, of = self._of.get(name, (1, name))
        self._of[many] = (count * factor, of)
        return many

    def same(self, a: int | str | None, b: int | str | None) -> bool:
        """Whether two sizes are known to be equal."""
        return a is not None and self.size(a) == self.size(b)

    def _learn_reshape(self, node: Node, target: Array | None) -> None:
        """What the axis holds that is left to follow from the others."""
        data, made = self._symbols.get(node.inputs[0]), self._symbols.get(node.outputs[0])
        if target is None or data is None or made is None or target.tolist().count(-1) != 1:
            return
        wanted = target.tolist()
        if 0 in wanted and node.attributes.get("allowzero", 0):
            return
        name = made[wanted.index(-1)]
        sizes = [self.size(size) for i, size in enumerate(data) if i >= len(wanted) or wanted[i] != 0]
        if not isinstance(name, str) or any(size is None for size in sizes):
            return
        free = [size[1] for size in sizes if size is not None and size[1]]
        whole = math.prod(size[0] for size in sizes if size is not None)
        given = math.prod(size for size in wanted if size > 0)
        if len(free) == 1 and given and whole % given == 0:
            self._of[name] = (whole // given, free[0])

    def _learn_broadcast(self, node: Node, matrix: int) -> None:
        """An axis that no input is known to differ on, but for the axes of a matrix."""
        made, given = self._symbols.get(node.outputs[0]), [self._symbols.get(name) for name in node.inputs]
        if made is None or any(shape is None for shape in given):
            return
        for back in range(matrix + 1, len(made) + 1):
            name = made[-back]
            if isinstance(name, str) and name not in self._of:
                sizes = {self.size(shape[-back]) for shape in given if shape is not None and len(shape) >= back}
                sizes.discard((1, ""))
                found = sizes.pop() if len(sizes) == 1 else None
                if found is not None and found != (1, name):
                    self._of[name] = found
