"""TensorFlow Lite's convolutions, pools and matrix products, in the engine's operators."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..errors import Errc
from ..ir import FREE, Array, Attribute
from ..window import same_pads
from .build import Call
from .file import Tensor

MAX_TAPS = 1 << 20
"""Places of a window; a file can ask for any number without holding a weight for each."""

_LIMITS = {0: (-np.inf, np.inf), 1: (0.0, np.inf), 2: (-1.0, 1.0), 3: (0.0, 6.0)}
"""Between which real numbers each fused activation keeps: none, Relu, Relu from -1 to 1, Relu6."""


def _pads(call: Call, sizes: list[int], window: list[int], strides: list[int], dilations: list[int]) -> list[int]:
    """Explicit pads: SAME puts the odd row at the end."""
    if int(call.option("Padding")) == 1:
        return [0] * (2 * len(sizes))
    reach = [d * (k - 1) + 1 for d, k in zip(dilations, window, strict=True)]
    pairs = []
    for size, span, stride in zip(sizes, reach, strides, strict=True):
        if size == FREE and stride != 1:
            raise call.refuse("padding SAME depends on the picture's size, which the file leaves free; give --shape")
        pairs.append(same_pads(1 << 30 if size == FREE else size, span, stride, upper=True))
    return [begin for begin, _ in pairs] + [end for _, end in pairs]


def _window(call: Call, window: list[int], axes: str = "HW") -> dict[str, Attribute]:
    """Strides, pads and dilations along the axes that the options name by letters."""
    pooling, shape = call.operator.kind.endswith("POOL_2D"), call.tensor(0).shape
    strides = [int(call.option(f"Stride{axis}", 1)) for axis in axes]
    dilations = [1 if pooling else int(call.option(f"Dilation{axis}Factor", 1)) for axis in axes]
    if len(shape) != len(axes) + 2 or min(strides + dilations + window) < 1:
        raise call.refuse(f"input of shape {list(shape)}, strides {strides}, window {window}", Errc.BadShape)
    if math.prod(window) > MAX_TAPS:
        raise call.refuse(f"a window of {window}, more than {MAX_TAPS} places", Errc.OverBudget)
    pads = _pads(call, list(shape[1:-1]), window, strides, dilations)
    attributes: dict[str, Attribute] = {"strides": strides, "pads": pads}
    return attributes if pooling else attributes | {"dilations": dilations}


def _channels(call: Call, weights: int) -> int:
    """Of the input, which must have `weights` axes as the weights have."""
    shape, kernel = call.tensor(0).shape, call.tensor(1).shape
    if len(kernel) != weights or len(shape) != weights or shape[-1] < 1 or min(kernel, default=0) < 1:
        raise call.refuse(f"input is {list(shape)}, weights are {list(kernel)}", Errc.BadShape)
    return shape[-1]


def conv(call: Call) -> None:
    """CONV_2D, weights (out, kh, kw, in / groups)."""
    channels, wanted = _channels(call, 4), call.tensor(1).shape[3]
    if channels % wanted:
        raise call.refuse(f"input has {channels} channels, weights want {wanted}", Errc.BadShape)
    _convolve(call, (0, 3, 1, 2), channels // wanted)


def depthwise(call: Call) -> None:
    """DEPTHWISE_CONV_2D, weights (1, kh, kw, channels * multiplier): output channel c * multiplier + m."""
    channels, made = _channels(call, 4), call.tensor(1).shape[3]
    if made % channels:
        raise call.refuse(f"input has {channels} channels, weights make {made}", Errc.BadShape)
    _convolve(call, (3, 0, 1, 2), channels)


def _convolve(call: Call, turned: tuple[int, ...], groups: int) -> None:
    attributes = _window(call, list(call.tensor(1).shape[1:3])) | {"group": groups}
    if integer_product(call):
        y = _quantized(call, call.x(0, planar=True, stored=True), _stored(call.tensor(1)).transpose(turned), attributes)
        call.give(y, planar=True, stored=True)
        return
    weights = call.constant("weights", call.array(1).transpose(turned), np.float32)
    inputs = [call.x(0, planar=True), weights, *([call.x(2)] if call.has(2) else [])]
    call.give(call.activated(call.node("Conv", inputs, **attributes)), planar=True)


def conv_3d(call: Call) -> None:
    """CONV_3D, weights (kd, kh, kw, in / groups, out)."""
    channels, weights = _channels(call, 5), call.array(1)
    if channels % weights.shape[3]:
        raise call.refuse(f"input has {channels} channels, weights want {weights.shape[3]}", Errc.BadShape)
    attributes = _window(call, list(weights.shape[:3]), "DHW") | {"group": channels // weights.shape[3]}
    x = call.node("Transpose", [call.x(0)], perm=[0, 4, 1, 2, 3])
    inputs = [x, call.constant("weights", weights.transpose(4, 3, 0, 1, 2), np.float32)]
    y = call.activated(call.node("Conv", inputs + ([call.x(2)] if call.has(2) else []), **attributes))
    call.give(call.node("Transpose", [y], perm=[0, 2, 3, 4, 1]))


def integer_product(call: Call) -> bool:
    """Whether all is quantized to 8 bits, so that the product is made of integers; else real numbers are multiplied."""
    parts = [call.tensor(0), call.tensor(1), call.made]
    eight = all(part.quantization is not None and part.dtype in (np.int8, np.uint8) for part in parts)
    single = all(part.quantization is not None and part.quantization.scale.size == 1 for part in (parts[0], parts[2]))
    bias = not call.has(2) or (call.tensor(2).data is not None and call.tensor(2).dtype == np.int32)
    return eight and single and bias and call.tensor(1).data is not None


def _stored(tensor: Tensor) -> Array:
    assert tensor.data is not None
    return tensor.data


def _quantized(call: Call, x: str, weights: Array, attributes: dict[str, Attribute]) -> str:
    """QLinearConv of stored integers; the bias is in the scale of the products."""
    scales = call.tensor(1).quantization
    assert scales is not None
    parts = scales.scale, scales.zero_point
    scale, zero = (part.reshape(()) for part in parts) if scales.scale.size == 1 else parts
    inputs = [x, *call.build.scale_and_zero(call.tensor(0)), call.constant("weights", weights, weights.dtype.type)]
    inputs += [call.constant("scale", scale, np.float32), call.constant("zero", zero, weights.dtype.type)]
    inputs += [*call.build.scale_and_zero(call.made, rounded=True), *([call.x(2, stored=True)] if call.has(2) else [])]
    return _clamped(call, call.node("QLinearConv", inputs, **attributes))


def _clamped(call: Call, name: str) -> str:
    """The fused activation on stored integers; nothing where it is the whole range already."""
    q, dtype, kind = call.made.quantization, call.made.dtype, int(call.option("FusedActivationFunction"))
    assert q is not None and dtype is not None
    if kind not in _LIMITS:
        raise call.refuse(f"fused activation {kind} on quantized numbers")
    lowest, highest = np.iinfo(dtype).min, np.iinfo(dtype).max
    at = [limit / float(q.scale[0]) for limit in _LIMITS[kind]]  # rounded half away from zero
    low, high = (float(np.copysign(np.floor(abs(x) + 0.5), x)) + int(q.zero_point[0]) for x in at)
    low, high = (min(max(limit, lowest), highest) for limit in (low, high))
    if (low, high) == (lowest, highest):
        return name
    return call.node("Clip", [name, call.constant("low", low, dtype.type), call.constant("high", high, dtype.type)])


def transpose_conv(call: Call) -> None:
    """TRANSPOSE_CONV, weights (out, kh, kw, in); the first input is the output's shape."""
    weights, sizes, wanted = call.array(1), call.sizes(2), call.integers(0)
    if weights.ndim != 4 or len(sizes) != 4 or len(wanted) != 4:
        raise call.refuse(f"input is {sizes}, weights are {list(weights.shape)}, output {wanted}", Errc.BadShape)
    strides = [int(call.option("StrideH", 1)), int(call.option("StrideW", 1))]
    pads, extra = [], []
    for size, k, stride, out in zip(sizes[1:3], weights.shape[1:3], strides, wanted[1:3], strict=True):
        over = (size - 1) * stride + k - out
        begin = max(over, 0) // 2 if int(call.option("Padding")) == 0 else 0
        pads.append((begin, max(over - begin, 0)))
        extra.append(max(begin - over, 0))
    attributes: dict[str, Attribute] = {
        "strides": strides,
        "pads": [begin for begin, _ in pads] + [end for _, end in pads],
        "output_padding": extra,
    }
    inputs = [call.x(2, planar=True), call.constant("weights", weights.transpose(3, 0, 1, 2), np.float32)]
    inputs += [call.x(3)] if call.has(3) else []
    call.give(call.activated(call.node("ConvTranspose", inputs, **attributes)), planar=True)


def pool(op: str) -> Callable[[Call], None]:
    """MAX_POOL_2D, which only chooses, and AVERAGE_POOL_2D, which leaves the padding out of the mean."""

    def build(call: Call) -> None:
        window = [int(call.option("FilterHeight")), int(call.option("FilterWidth"))]
        attributes = _window(call, window)
        attributes["kernel_shape"] = list(window)
        if op == "AveragePool":
            y, stored = call.mean(op, [], **attributes)
        else:
            stored = call.moves_stored(0)
            y = call.node(op, [call.x(planar=True, stored=stored)], **attributes)
        call.give(_clamped(call, y) if stored else call.activated(y), planar=True, stored=stored)

    return build


def fully_connected(call: Call) -> None:
    """FULLY_CONNECTED, weights (out, in); other axes than the last are rows."""
    if int(call.option("WeightsFormat")):
        raise call.refuse("weights in the shuffled form")
    rows, wide = call.tensor(1).shape if len(call.tensor(1).shape) == 2 else (0, 0)
    if rows < 1 or wide < 1:
        raise call.refuse(f"weights are {list(call.tensor(1).shape)}, expected (out, in)", Errc.BadShape)
    integer, shape = integer_product(call), call.tensor(0).shape
    x = call.x(stored=integer)
    if integer:  # as a convolution of 1 x 1 pictures, for QLinearMatMul adds no bias
        x = call.node("Reshape", [x, call.shape_input([-1, wide, 1, 1])])
        y = _quantized(call, x, _stored(call.tensor(1)).reshape(rows, wide, 1, 1), {})
    else:
        if len(shape) != 2 or shape[1] != wide:
            x = call.node("Reshape", [x, call.shape_input([-1, wide])])
        bias = [call.x(2)] if call.has(2) else []
        y = call.activated(call.node("Gemm", [x, call.x(1), *bias], transB=1))
    made = [*shape[:-1], rows] if bool(call.option("KeepNumDims", False)) else [FREE, rows]
    if made.count(FREE) > 1:
        raise call.refuse("more than one free dimension")
    if integer or len(made) != 2:
        y = call.node("Reshape", [y, call.shape_input(made)])
    call.give(y, stored=integer)


def batch_matmul(call: Call) -> None:
    """BATCH_MATMUL of two tensors, each perhaps turned first."""
    names = []
    for index, key in enumerate(("AdjX", "AdjY")):
        name, rank = call.x(index), len(call.tensor(index).shape)
        if call.option(key, False):
            name = call.node("Transpose", [name], perm=[*range(rank - 2), rank - 1, rank - 2])
        names.append(name)
    call.give(call.node("MatMul", names))
