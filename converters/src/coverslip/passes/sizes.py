"""Tells that two values have the same spatial sizes where these are free and ONNX's inference has no name for them."""

from __future__ import annotations

from ..attributes import integers, text
from ..edit import Editor
from ..ir import Node
from ..shapes import Symbolic

_SAME = (
    *("BatchNormalization", "InstanceNormalization", "GroupNormalization", "LRN", "Dropout", "Identity", "Softmax"),
    *("Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Clip", "Sigmoid", "HardSigmoid", "HardSwish", "Swish", "Gelu"),
    *("Mish", "Tanh", "Softplus"),
)
"""Operators whose output has the shape of the first input."""


def same(editor: Editor, symbols: dict[str, Symbolic], a: str, b: str) -> bool:
    """Whether two values have the same shape, whatever sizes the network is given."""
    left, right = symbols.get(a), symbols.get(b)
    if left is None or right is None or len(left) != len(right):
        return False
    unlike = [axis for axis, (m, n) in enumerate(zip(left, right, strict=True)) if m is None or m != n]
    free = all(axis > 1 and not isinstance(left[axis], int) and not isinstance(right[axis], int) for axis in unlike)
    return not unlike or (free and _origin(editor, symbols, a) == _origin(editor, symbols, b))


def _origin(editor: Editor, symbols: dict[str, Symbolic], value: str) -> str:
    """The value farthest back that has the same spatial sizes."""
    while (node := editor.maker(value)) is not None:
        if node.op in ("Add", "Mul"):
            wide = [name for name in node.inputs if not _is_narrow(symbols.get(name))]
            before = wide[0] if len({_origin(editor, symbols, name) for name in wide}) == 1 else None
        else:
            before = node.inputs[0] if node.op in _SAME or _keeps(editor, node) else None
        if before is None:
            return value
        value = before
    return value


def _is_narrow(shape: Symbolic | None) -> bool:
    """Whether a value broadcasts along all spatial axes."""
    return shape is not None and all(size == 1 for size in shape[2:])


def _keeps(editor: Editor, node: Node) -> bool:
    """Whether a window that moves by one takes in as much at the ends as it takes away."""
    if node.op not in ("Conv", "MaxPool", "AveragePool") or text(node, "auto_pad", "NOTSET") != "NOTSET":
        return False
    weights = editor.constant(node.inputs[1]) if node.op == "Conv" else None
    kernel = integers(node, "kernel_shape", []) if weights is None else list(weights.shape[2:])
    count = len(kernel)
    pads, ones = integers(node, "pads", [0] * (2 * count)), [1] * count
    dilations = integers(node, "dilations", ones)
    if not count or integers(node, "strides", ones) != ones:
        return False
    return all(pads[i] + pads[i + count] == dilations[i] * (kernel[i] - 1) for i in range(count))
