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


class Sizes:
    """Where the spatial sizes of every value of a graph come from."""

    def __init__(self, editor: Editor, symbols: dict[str, Symbolic]) -> None:
        self._editor, self._symbols = editor, symbols
        self._origins: dict[str, Origin] = {}
        for node in editor.graph.nodes:
            found = self._behind(node)
            if found is not None:
                self._origins |= dict.fromkeys(node.outputs, found)

    def same(self, a: str, b: str) -> bool:
        """Whether two values have the same shape, whatever sizes the network is given."""
        left, right = self._symbols.get(a), self._symbols.get(b)
        if left is None or right is None or len(left) != len(right):
            return False
        unlike = [axis for axis, (m, n) in enumerate(zip(left, right, strict=True)) if m is None or m != n]
        free = all(axis > 1 and not isinstance(left[axis], int) and not isinstance(right[axis], int) for axis in unlike)
        return not unlike or (free and self._origin(a) == self._origin(b))

    def _origin(self, value: str) -> Origin:
        """The value farthest back from which the sizes follow."""
        return self._origins.get(value, (value, ()))

    def _behind(self, node: Node) -> Origin | None:
        if node.op in ("Add", "Mul"):
            wide = {self._origin(name) for name in node.inputs if not _is_narrow(self._symbols.get(name))}
            return wide.pop() if len(wide) == 1 else None
        windows = () if node.op in _SAME else _windows(self._editor, node)
        if windows is None:
            return None
        value, before = self._origin(node.inputs[0])
        return value, (*before, windows) if windows else before


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
