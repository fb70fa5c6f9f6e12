"""Writes the targets of Reshapes as constants where sizes are free: 0 copies an axis, and one that is left follows."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np

from .. import shapes
from ..attributes import integer
from ..edit import Editor
from ..ir import Array, Graph, Node
from . import constant_folding, dead_code
from .multiples import Multiples

Elements: TypeAlias = "list[int | str]"
"""Of a list of sizes: numbers, and names for those that are free. Equal names, equal sizes."""

_ROUNDS = 8
"""What is settled makes more sizes known behind it."""


def run(graph: Graph) -> bool:
    """True if any target became a constant."""
    changed = False
    for _ in range(_ROUNDS):
        if not any(node.op == "Reshape" and node.inputs[1] not in graph.constants for node in graph.nodes):
            break
        if not _settle(graph):
            break
        changed = True
        dead_code.run(graph)
        shapes.annotate(graph)
        if constant_folding.run(graph):
            shapes.annotate(graph)
    return changed


def _settle(graph: Graph) -> bool:
    editor = Editor(graph)
    _, symbols = shapes.infer(graph)
    multiples = Multiples(graph, symbols)
    changed = False
    for node in list(graph.nodes):
        if node.op != "Reshape":
            continue
        wanted = _elements(editor, symbols, multiples, node.inputs[1])
        constant = editor.constant(node.inputs[1])
        target = None if wanted is None else _target(node, wanted, symbols.get(node.inputs[0]), multiples)
        if target is None or (constant is not None and constant.tolist() == target):
            continue
        name = editor.add_constant(f"{node.outputs[0]}.shape", np.array(target, np.int64))
        node.attributes = {}
        editor.set_inputs(node, [node.inputs[0], name])
        changed = True
    return changed


def _target(node: Node, wanted: Elements, data: shapes.Symbolic | None, multiples: Multiples) -> list[int] | None:
    """The wanted shape in numbers, if they can say it."""
    if data is None or (0 in wanted and integer(node, "allowzero", 0)):
        return None
    free = [i for i, size in enumerate(wanted) if isinstance(size, str)]
    copied = [i for i, size in enumerate(wanted) if size == 0]
    copied += [i for i in free if i < len(data) and multiples.same(wanted[i], data[i])]
    left = [i for i in free if i not in copied]
    target = [0 if i in copied else size if isinstance(size, int) else -1 for i, size in enumerate(wanted)]
    sizes = [multiples.size(size) for i, size in enumerate(data) if i not in copied]
    names = [multiples.size(wanted[i]) for i in left]
    whole = math.prod(size[0] for size in sizes if size is not None)
    given = math.prod(size for size in target if size > 0) * math.prod(size[0] for size in names if size is not None)
    known = None not in sizes and [size[1] for size in sizes if size and size[1]] == [size[1] for size in names if size]
    if -1 in wanted and known and given and whole % given == 0:  # the rest is a number
        target[wanted.index(-1)] = whole // given
    return target if target.count(-1) < 2 else None


def _elements(editor: Editor, symbols: dict[str, shapes.Symbolic], multiples: Multiples, value: str) -> Elements | None:
    """What a list of sizes holds, or a size alone."""
    array, node = editor.constant(value), editor.maker(value)
    if array is not None:
        return [int(item) for item in array.reshape(-1)] if array.ndim < 2 else None
    found = None if node is None else _made(editor, symbols, multiples, node)
    if found is None and symbols.get(value) in ((), (1,)):
        return [f"value {value}"]
    return found


def _made(editor: Editor, symbols: dict[str, shapes.Symbolic], multiples: Multiples, node: Node) -> Elements | None:
    if node.op == "Shape":
        shape = symbols.get(node.inputs[0])
        if shape is None:
            return None
        named: Elements = [f"{node.inputs[0]} {i}" if size is None else size for i, size in enumerate(shape)]
        return named[integer(node, "start", 0) : integer(node, "end", len(shape))]
    if node.op == "Concat":
        parts = [_elements(editor, symbols, multiples, name) for name in node.inputs]
        return None if any(part is None for part in parts) else [size for part in parts if part for size in part]
    if node.op not in ("Gather", "Slice", "Squeeze", "Unsqueeze", "Cast", "Mul"):
        return None
    source = _elements(editor, symbols, multiples, node.inputs[0])
    if node.op == "Mul":
        factor = _elements(editor, symbols, multiples, node.inputs[1])
        pair = [*(source or []), *(factor or [])]
        numbers, names = [n for n in pair if isinstance(n, int)], [n for n in pair if isinstance(n, str)]
        return [multiples.times(names[0], numbers[0])] if len(numbers) == len(names) == 1 and numbers[0] > 0 else None
    if source is None or node.op in ("Squeeze", "Unsqueeze", "Cast"):
        return source
    given = [editor.constant(name) for name in node.inputs[1:]]
    return None if any(array is None for array in given) else _part(node, source, [a for a in given if a is not None])


def _part(node: Node, source: Elements, given: list[Array]) -> Elements | None:
    """What a Gather or a Slice takes."""
    if node.op == "Gather":
        places = [int(item) for item in given[0].reshape(-1)]
        return [source[i] for i in places] if all(-len(source) <= i < len(source) for i in places) else None
    if any(array.size != 1 for array in given) or (len(given) > 3 and int(given[3].reshape(-1)[0]) != 1):
        return None
    return source[int(given[0].reshape(-1)[0]) : int(given[1].reshape(-1)[0])]
