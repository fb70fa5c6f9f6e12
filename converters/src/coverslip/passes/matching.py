"""What the passes share that recognise an operator in the decomposition that an exporter wrote."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from .. import dtypes
from ..edit import Editor
from ..ir import FREE, Array, Attribute, Graph, Node
from . import dead_code

CLOSE = 1e-6
"""How far, relatively, a constant may be from that of a definition: it was rounded to float32, perhaps twice."""

Polynomial = dict[int, float]
"""Coefficients by the power of the variable."""

_DEPTH = 8


class Matcher(Editor):
    """An editor that looks back from a value to what made it, and replaces the last of several nodes by one."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self._shapes = {value.name: value.shape for value in [*graph.inputs, *graph.values.values()]}
        self._dtypes = {value.name: value.dtype for value in [*graph.inputs, *graph.values.values()]}
        self.changed = False

    def shape(self, value: str) -> tuple[int, ...] | None:
        """The shape, if its rank is known."""
        array = self.constant(value)
        return self._shapes.get(value) if array is None else array.shape

    def sizes(self, value: str) -> tuple[int, ...]:
        """The shape; nothing where its rank is not known."""
        shape = self.shape(value)
        return () if shape is None else shape

    def is_float(self, value: str) -> bool:
        """Whether the value is of a floating type."""
        return self._dtypes.get(value) in ("f32", "f16", "bf16")

    def is_float32(self, value: str) -> bool:
        """Whether the value is of float32."""
        return self._dtypes.get(value) == "f32"

    def same_shape(self, a: str, b: str) -> bool:
        """Whether both are known to have as many axes, of the same sizes where these are known."""
        left, right = self.shape(a), self.shape(b)
        return left is not None and left == right

    def dtype(self, value: str) -> str:
        """The element type, "" if it is not known."""
        array = self.constant(value)
        return self._dtypes.get(value, "") if array is None else dtypes.of_array(array, f"constant '{value}'")

    def made_by(self, value: str, *ops: str) -> Node | None:
        """The node that makes a value, if it is one of these operators and nothing is fused into it."""
        node = self.maker(value)
        return node if node is not None and node.op in ops and "activation" not in node.attributes else None

    def constant_behind(self, last: Node, op: str) -> tuple[Node, Array] | None:
        """The node that alone reads what `last` makes, if it adds or multiplies by a constant, and the constant."""
        made = last.outputs[0]
        user = self.only_user(made)
        if user is None or user.op != op or "activation" in user.attributes:
            return None
        array = self.constant(next((name for name in user.inputs if name != made), ""))
        return None if array is None else (user, array)

    def scalar(self, value: str) -> float | None:
        """The number that a constant holds which broadcasts over anything."""
        array = self.constant(value)
        return float(array.reshape(-1)[0]) if array is not None and array.size == 1 and array.ndim < 2 else None

    def scaled(self, value: str) -> tuple[str, float]:
        """A value and the number it was multiplied by."""
        factor = 1.0
        while (node := self.made_by(value, "Mul", "Div")) is not None:
            left, right = (self.scalar(name) for name in node.inputs)
            if right is not None and (node.op == "Mul" or right):
                value, factor = node.inputs[0], factor * right if node.op == "Mul" else factor / right
            elif left is not None and node.op == "Mul":
                value, factor = node.inputs[1], factor * left
            else:
                break
        return value, factor

    def polynomial(self, value: str, variable: str, depth: int = _DEPTH) -> Polynomial | None:
        """The value as a polynomial of the variable; None if it is none, or of a degree above 3."""
        if value == variable:
            return {1: 1.0}
        if (number := self.scalar(value)) is not None:
            return {0: number}
        node = self.made_by(value, "Add", "Mul", "Pow", "Div")
        if node is None or not depth:
            return None
        a = self.polynomial(node.inputs[0], variable, depth - 1)
        b = self.polynomial(node.inputs[1], variable, depth - 1) if a is not None else None
        return None if a is None or b is None else _COMBINED[node.op](a, b)

    def variable(self, value: str, wanted: Polynomial) -> str | None:
        """The value of which `value` is this polynomial."""
        for candidate in self._before(value, _DEPTH // 2):
            found = self.polynomial(value, candidate)
            if found is not None and found.keys() == wanted.keys() and all(map(near, found.values(), wanted.values())):
                return candidate
        return None

    def product(self, value: str, parts: Sequence[str], depth: int = _DEPTH) -> tuple[float, list[str]] | None:
        """The value as a number times some of the parts; None if there is anything else in it."""
        if value in parts:
            return 1.0, [value]
        if (number := self.scalar(value)) is not None:
            return number, []
        node = self.made_by(value, "Mul", "Div")
        if node is None or not depth:
            return None
        a, b = (self.product(name, parts, depth - 1) for name in node.inputs)
        if a is None or b is None or (node.op == "Div" and (b[1] or not b[0])):
            return None
        return (a[0] * b[0] if node.op == "Mul" else a[0] / b[0]), a[1] + b[1]

    def product_of(self, a: str, b: str, factor: float) -> Node | None:
        """The node that makes factor * a * b."""
        for node in self._behind(a, 3):
            found = self.product(node.outputs[0], (a, b))
            if found is not None and near(found[0], factor) and sorted(found[1]) == sorted((a, b)):
                return node
        return None

    def become(self, last: Node, op: str, inputs: list[str], **attributes: Attribute) -> None:
        """Makes the node at the end of a decomposition the operator; `clean` removes what then has no use."""
        last.op, last.attributes = op, attributes
        self.set_inputs(last, inputs)
        self.changed = True

    def clean(self) -> bool:
        """Removes nodes that nothing reads any more. Returns whether anything changed."""
        if self.changed:
            dead_code.run(self.graph)
        return self.changed

    def _before(self, value: str, depth: int) -> Iterator[str]:
        """The values in a polynomial, those farther back later."""
        level = [value]
        for _ in range(depth + 1):
            yield from level
            makers = [self.made_by(name, "Add", "Mul", "Pow", "Div") for name in level]
            level = [name for node in makers if node for name in node.inputs if self.constant(name) is None]

    def _behind(self, value: str, depth: int) -> Iterator[Node]:
        """Products in which the value is a factor."""
        for node in self.users(value) if depth else []:
            if node.op in ("Mul", "Div") and "activation" not in node.attributes:
                yield node
                yield from self._behind(node.outputs[0], depth - 1)


def near(a: float | None, b: float) -> bool:
    """Whether a constant is the one that a definition has."""
    return a is not None and math.isclose(a, b, rel_tol=CLOSE)


def tail(shape: tuple[int, ...], axes: Sequence[int]) -> tuple[int, ...] | None:
    """The sizes of the axes, if they are the last ones and known."""
    kept = len(shape) - len(axes)
    if sorted(axis % len(shape) for axis in axes) != list(range(kept, len(shape))) or FREE in shape[kept:]:
        return None
    return shape[kept:]


def fits(array: Array | None, shape: tuple[int, ...]) -> bool:
    """Whether a constant broadcasts over the shape without adding to it."""
    if array is None:
        return False
    more = max(array.ndim - len(shape), 0)
    sizes = zip(array.shape[more:][::-1], shape[::-1], strict=False)
    return all(size == 1 for size in array.shape[:more]) and all(a in (1, b) for a, b in sizes)


def _sum(a: Polynomial, b: Polynomial) -> Polynomial:
    return dict(sorted((power, a.get(power, 0.0) + b.get(power, 0.0)) for power in {*a, *b}))


def _times(a: Polynomial, b: Polynomial) -> Polynomial | None:
    made: Polynomial = {}
    for i, left in a.items():
        made = _sum(made, {i + j: left * right for j, right in b.items()})
    return made if max(made) < 4 else None


def _over(a: Polynomial, b: Polynomial) -> Polynomial | None:
    return {power: c / b[0] for power, c in a.items()} if b.keys() == {0} and b[0] else None


def _power(a: Polynomial, b: Polynomial) -> Polynomial | None:
    if b.keys() != {0} or b[0] not in (1.0, 2.0, 3.0):
        return None
    made: Polynomial | None = a
    for _ in range(int(b[0]) - 1):
        made = None if made is None else _times(made, a)
    return made


_COMBINED = {"Add": _sum, "Mul": _times, "Div": _over, "Pow": _power}
