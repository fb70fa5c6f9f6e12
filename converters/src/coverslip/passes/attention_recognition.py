"""Recognises Attention: softmax(scale * Q K^T + masks) V of four axes, with masks for each window of a batch too."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ..attributes import integer, integers
from ..ir import FREE, Array, Attribute, Graph, Node
from .matching import Matcher


@dataclass(frozen=True)
class _Scores:
    """scale * Q K^T and what is added to it."""

    q: str
    keys: str  # transposed
    scale: float = 1.0
    masks: list[str] = field(default_factory=list)  # broadcast over batch, heads, queries, keys
    windows: str = ""  # a mask of [1, windows, 1 or heads, queries, keys]: the batch holds windows of several pictures
    factor: str = ""  # a constant by which the queries are multiplied, one number a head


def run(graph: Graph) -> bool:
    """True if any was recognised."""
    matcher = Matcher(graph)
    for softmax in list(graph.nodes):
        if softmax.op == "Softmax":
            _recognise(matcher, softmax)
    return matcher.clean()


def _recognise(matcher: Matcher, softmax: Node) -> None:
    shape = matcher.shape(softmax.outputs[0])
    product = matcher.only_user(softmax.outputs[0])
    if shape is None or len(shape) != 4 or integer(softmax, "axis", -1) not in (-1, 3) or product is None:
        return
    if product.op != "MatMul" or product.inputs[0] != softmax.outputs[0] or product.inputs[1] == softmax.outputs[0]:
        return
    scores = _scores(matcher, softmax.inputs[0])
    if scores is None or shape[3] == FREE or not all(_is_mask(matcher, mask, shape) for mask in scores.masks):
        return
    if not matcher.is_float32(scores.q) or not _fit(matcher, scores, product.inputs[1], shape):
        return
    writer = _Writer(matcher, product, shape)
    if scores.windows:
        writer.attend_windows(scores)
    else:
        writer.attend(scores)


def _fit(matcher: Matcher, scores: _Scores, values: str, shape: tuple[int, ...]) -> bool:
    """Whether queries, keys and values have the scores' batch and heads: an Attention broadcasts none of them."""
    q, k, v = (matcher.sizes(name) for name in (scores.q, scores.keys, values))
    if not len(q) == len(k) == len(v) == 4 or not q[:2] == k[:2] == v[:2] == shape[:2]:
        return False
    return q[2] == shape[2] and k[3] == v[2] == shape[3] and FREE not in (q[3], v[3])


def _scores(matcher: Matcher, value: str) -> _Scores | None:
    """What makes the value, if nothing else reads what lies between."""
    node = matcher.made_by(value, "MatMul", "Mul", "Div", "Add", "Reshape")
    if node is None or matcher.only_user(value) is None:
        return None
    if node.op == "MatMul":
        q, a = matcher.scaled(node.inputs[0])
        keys, b = matcher.scaled(node.inputs[1])
        return _Scores(q, keys, a * b)
    if node.op == "Add":
        for data, mask in (node.inputs, node.inputs[::-1]):
            scores = _scores(matcher, data)
            if scores is not None and not scores.windows:
                return replace(scores, masks=[*scores.masks, mask])
        return None
    if node.op == "Reshape":
        return _windowed(matcher, node)
    return _multiplied(matcher, node)


def _multiplied(matcher: Matcher, node: Node) -> _Scores | None:
    """Scores times a number, or times a constant of one number a head."""
    number, factor = matcher.scalar(node.inputs[1]), matcher.constant(node.inputs[1])
    scores = _scores(matcher, node.inputs[0])
    if scores is None or scores.masks or scores.windows:
        return None
    if number is not None and (node.op == "Mul" or number):
        return replace(scores, scale=scores.scale * (number if node.op == "Mul" else 1 / number))
    plain = node.op == "Mul" and factor is not None and not scores.factor
    if plain and factor is not None and 2 < factor.ndim <= 4 and factor.shape[-2:] == (1, 1):
        return replace(scores, factor=node.inputs[1])
    return None


def _windowed(matcher: Matcher, back: Node) -> _Scores | None:
    """Scores that take an Add in five axes: the batch split into pictures and windows."""
    add = matcher.made_by(back.inputs[0], "Add")
    if add is None or matcher.only_user(add.outputs[0]) is not back:
        return None
    for data, mask in (add.inputs, add.inputs[::-1]):
        split, shape = matcher.made_by(data, "Reshape"), matcher.shape(mask)
        if split is None or shape is None or len(shape) != 5 or matcher.only_user(data) is not add:
            continue
        four, five, after = (matcher.shape(name) for name in (split.inputs[0], data, back.outputs[0]))
        fits = four is not None and five is not None and five[1:] == (shape[1], *four[1:]) and after == four
        scores = _scores(matcher, split.inputs[0])
        whole = four is not None and FREE not in four[1:] and FREE not in shape
        if scores is None or not fits or not whole or scores.windows or shape[0] != 1:
            continue
        if four is not None and shape[2] in (1, four[1]) and shape[3:] == four[2:]:
            return replace(scores, windows=mask)
    return None


def _is_mask(matcher: Matcher, mask: str, scores: tuple[int, ...]) -> bool:
    """Whether the engine takes it: as many keys as the scores have; other axes are 1 or theirs."""
    shape = matcher.shape(mask)
    if shape is None or not 2 <= len(shape) <= 4 or shape[-1] != scores[-1]:
        return False
    return all(dim == 1 or dim == all_ != FREE for dim, all_ in zip(shape[::-1], scores[::-1], strict=False))


class _Writer:
    """Puts the Attention, and what it needs before, at the place of the last product."""

    def __init__(self, matcher: Matcher, last: Node, scores: tuple[int, ...]) -> None:
        self._matcher, self._last, self._shape = matcher, last, scores
        self._values = last.inputs[1]

    def attend(self, scores: _Scores) -> None:
        inputs = [*self._queries_and_keys(scores), self._values]
        masks = [self._four_axes(mask) for mask in scores.masks]
        if masks:
            inputs.append(self._sum(masks))
        self._matcher.become(self._last, "Attention", inputs, scale=scores.scale)

    def attend_windows(self, scores: _Scores) -> None:
        """With the windows of a picture as further heads, each with a mask of its own."""
        batch, heads, rows, keys = self._shape
        windows = self._matcher.sizes(scores.windows)[1]
        if batch != windows and any((1, 1, 1, 1, *self._matcher.sizes(m))[-4] != 1 for m in scores.masks):
            return
        q, k = self._queries_and_keys(scores)
        if batch == windows:  # of one picture: the mask has an entry for each of the batch
            five = self._reshaped(scores.windows, [batch, -1, rows, keys])
            masks = [*(self._four_axes(mask) for mask in scores.masks), five]
            self._matcher.become(self._last, "Attention", [q, k, self._values, self._sum(masks)], scale=scores.scale)
            return
        masks = []
        for mask in scores.masks:
            sizes = (1, 1, 1, *self._matcher.sizes(mask))
            masks.append(self._reshaped(mask, [1, 1, *sizes[-3:]]))
        full = self._sum([*masks, self._spread(scores.windows, [1, windows, heads, rows, keys])])
        size = self._size(scores.q)
        lengths = ((q, rows, size), (k, keys, size), (self._values, keys, self._size(self._values)))
        inputs = [self._reshaped(value, [-1, windows * heads, n, each]) for value, n, each in lengths]
        inputs.append(self._reshaped(full, [1, windows * heads, rows, keys]))
        attended = self._add("Attention", inputs, {"scale": scores.scale})
        shape = np.array([-1, heads, rows, self._size(self._values)], np.int64)
        back = self._matcher.add_constant(f"{attended}.shape", shape)
        self._matcher.become(self._last, "Reshape", [attended, back])

    def _queries_and_keys(self, scores: _Scores) -> tuple[str, str]:
        q = self._add("Mul", [scores.q, scores.factor]) if scores.factor else scores.q
        node = self._matcher.made_by(scores.keys, "Transpose")
        perm = [0, 1, 2, 3] if node is None else integers(node, "perm", [3, 2, 1, 0])
        source = scores.keys if node is None else node.inputs[0]
        perm = [*perm[:2], perm[3], perm[2]]
        return q, source if perm == [0, 1, 2, 3] else self._add("Transpose", [source], {"perm": list(perm)})

    def _size(self, value: str) -> int:
        return self._matcher.sizes(value)[-1]

    def _four_axes(self, mask: str) -> str:
        array = self._matcher.constant(mask)
        if array is None or array.ndim == 4:
            return mask
        return self._constant(mask, array.reshape((1,) * (4 - array.ndim) + array.shape))

    def _sum(self, masks: list[str]) -> str:
        made = masks[0]
        for mask in masks[1:]:
            made = self._add("Add", [made, mask])
        return made

    def _spread(self, mask: str, shape: list[int]) -> str:
        if self._matcher.sizes(mask)[2] == shape[2]:
            return mask
        zeros = self._constant(f"{mask}.zeros", np.zeros((1, 1, shape[2], 1, 1), np.float32))
        return self._add("Add", [mask, zeros])

    def _reshaped(self, value: str, shape: list[int]) -> str:
        array = self._matcher.constant(value)
        if array is not None:
            return self._constant(value, array.reshape(shape))
        target = self._matcher.add_constant(f"{value}.shape", np.array(shape, np.int64))
        return self._add("Reshape", [value, target])

    def _constant(self, hint: str, array: Array) -> str:
        return self._matcher.add_constant(f"{hint}.reshaped", array)

    def _add(self, op: str, inputs: list[str], attributes: dict[str, Attribute] | None = None) -> str:
        """A node before the last; products of constants are computed at once."""
        arrays = [self._matcher.constant(name) for name in inputs]
        if op == "Add" and len(arrays) == 2 and arrays[0] is not None and arrays[1] is not None:
            total = arrays[0].astype(np.float64) + arrays[1]
            if total.size <= 1 << 20:
                return self._constant(inputs[0], total.astype(np.float32))
        result = self._matcher.fresh(f"{self._last.outputs[0]}.{op.lower()}")
        node = Node(op, f"{self._last.name}.{op.lower()}", inputs, [result], dict(attributes or {}))
        self._matcher.insert_before(self._last, node)
        return result
