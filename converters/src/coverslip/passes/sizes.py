"""Tells that two values have the same spatial sizes where these are free and ONNX's inference has no name for them."""

from __future__ import annotations

from typing import TypeAlias

from ..attributes import integer, integers, text
from ..edit import Editor
from ..ir import Node
from ..shapes import Symbolic

_SAME = (
    *("BatchNormalization", "InstanceNormalization", "GroupNormalization", "LRN", "Dropout", "Identity", "Softmax"),
    *("Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Clip", "Sigmoid", "HardSigmoid", "HardSwish", "Swish", "Gelu"),
    *("Mish", "Tanh", "Softplus"),
)
"""Operators whose output has the shape of the first input."""


Windows: TypeAlias = "tuple[tuple[int, int], ...]"
"""For each spatial axis: of n places, (n + more) / step, rounded down, and one follow."""

Origin: TypeAlias = "tuple[str, tuple[Windows, ...]]"
"""A value, and the windows that were moved over it: equal origins, equal sizes."""


def same(editor: Editor, symbols: dict[str, Symbolic], a: str, b: str) -> bool:
    """Whether two values have the same shape, whatever sizes the network is given."""
    left, right = symbols.get(a), symbols.get(b)
    if left is None or right is None or len(left) != len(right):
        return False
    unlike = [axis for axis, (m, n) in enumerate(zip(left, right, strict=True)) if m is None or m != n]
    free = all(axis > 1 and not isinstance(left[axis], int) and not isinstance(right[axis], int) for axis in unlike)
    tracer = _Tracer(editor, symbols)
    return not unlike or (free and tracer.origin(a) == tracer.origin(b))


class _Tracer:
    """Follows values back to where their spatial sizes come from."""

    def __init__(self, editor: Editor, symbols: dict[str, Symbolic]) -> None:
        self._editor, self._symbols = editor, symbols
        self._known: dict[str, Origin] = {}

    def origin(self, value: str) -> Origin:
        """The value farthest back from which the sizes follow."""
        path: list[tuple[str, Windows]] = []
        while value not in self._known:
            before = self._before(value)
            if before is None:
                self._known[value] = (value, ())
            else:
                path.append((value, before[1]))
                value = before[0]
        found = self._known[value]
        for name, windows in reversed(path):
            found = (found[0], (*found[1], windows)) if windows else found
            self._known[name] = found
        return found

    def _before(self, value: str) -> tuple[str, Windows] | None:
        node = self._editor.maker(value)
        if node is None:
            return None
        if node.op in ("Add", "Mul"):
            wide = [name for name in node.inputs if not _is_narrow(self._symbols.get(name))]
            return (wide[0], ()) if len({self.origin(name) for name in wide}) == 1 else None
        if node.op in _SAME:
            return node.inputs[0], ()
        windows = _windows(self._editor, node)
        return None if windows is None else (node.inputs[0], windows)


def _is_narrow(shape: Symbolic | None) -> bool:
    """Whether a value broadcasts along all spatial axes."""
    return shape is not None and all(size == 1 for size in shape[2:])


def _windows(editor: Editor, node: Node) -> Windows | None:
    """What a window does to sizes; nothing if it keeps them; None where that is not known."""
    plain = text(node, "auto_pad", "NOTSET") == "NOTSET" and not integer(node, "ceil_mode", 0)
    if node.op not in ("Conv", "MaxPool", "AveragePool") or not plain:
        return None
    weights = editor.constant(node.inputs[1]) if node.op == "Conv" else None
    kernel = integers(node, "kernel_shape", []) if weights is None else list(weights.shape[2:])
    count = len(kernel)
    if not count:
        return None
    pads, ones = integers(node, "pads", [0] * (2 * count)), [1] * count
    strides, dilations = integers(node, "strides", ones), integers(node, "dilations", ones)
    more = [pads[i] + pads[i + count] - dilations[i] * (kernel[i] - 1) - 1 for i in range(count)]
    made = tuple(zip(more, strides, strict=True))
    return () if all(each == (-1, 1) for each in made) else made
