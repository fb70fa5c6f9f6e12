"""Keras' layers that slide windows over one to three axes. Shapes are Keras' own."""

from __future__ import annotations

from ..errors import Errc
from ..ir import FREE, Array, Attribute
from ..window import same_pads
from .activations import activation
from .build import Call, Tensor


def same_or_valid(
    call: Call, kernel: list[int], strides: list[int], dilations: list[int]
) -> tuple[list[int], list[int]]:
    """Explicit pads as TensorFlow pads, and the output's lengths."""
    sizes = call.x.shape[1:-1]
    mode = call.config.get("padding", "valid")
    if mode not in ("same", "valid") and (mode != "causal" or len(sizes) != 1):
        raise call.refuse(f"padding '{mode}'")
    reach = [d * (k - 1) + 1 for d, k in zip(dilations, kernel, strict=True)]
    pads, lengths = [(0, 0)] * len(sizes), [FREE] * len(sizes)
    for i, (size, stride) in enumerate(zip(sizes, strides, strict=True)):
        if mode == "same":
            if size == FREE and stride != 1:
                raise call.refuse("padding 'same' depends on the input's size: give it by --shape")
            pads[i] = same_pads(1 << 30 if size == FREE else size, reach[i], stride, upper=True)
        elif mode == "causal":
            pads[i] = (reach[i] - 1, 0)
        lengths[i] = FREE if size == FREE else (size + sum(pads[i]) - reach[i]) // stride + 1
        if lengths[i] < 1 and size != FREE:
            raise call.refuse(f"window of {reach[i]} does not fit {size}", Errc.BadShape)
    return [begin for begin, _ in pads] + [end for _, end in pads], lengths


def conv(call: Call) -> Tensor:
    """Conv1D to Conv3D, kernel (d, h, w, in / groups, out)."""
    y = _convolve(call, _planar_kernel(call.weights["kernel"]), int(call.config.get("groups", 1)))
    return activation(call, y)


def _planar_kernel(kernel: Array) -> Array:
    """The last two axes first, the last of all foremost."""
    rank = kernel.ndim
    planar: Array = kernel.transpose(rank - 1, rank - 2, *range(rank - 2))
    return planar


def depthwise(call: Call) -> Tensor:
    """DepthwiseConv1D and 2D."""
    return activation(call, _depthwise(call))


def _depthwise(call: Call) -> Tensor:
    """Kernel (h, w, in, multiplier): output channel c * multiplier + m."""
    kernel = call.weights["depthwise_kernel"]
    *window, channels, times = kernel.shape
    weights = kernel.transpose(kernel.ndim - 2, kernel.ndim - 1, *range(kernel.ndim - 2))
    return _convolve(call, weights.reshape(channels * times, 1, *window), channels)


def separable(call: Call) -> Tensor:
    """SeparableConv1D and 2D: a depthwise convolution, then one of single pixels that has the bias."""
    bias = {key: call.weights[key] for key in ("bias",) if key in call.weights}
    config = {key: value for key, value in call.config.items() if key not in ("strides", "dilation_rate", "padding")}
    only = {"depthwise_kernel": call.weights["depthwise_kernel"]}
    between = _depthwise(Call(call.build, call.config, call.inputs, only))
    pointwise = {"kernel": call.weights["pointwise_kernel"]} | bias
    return conv(Call(call.build, config, [between], pointwise))


def _convolve(call: Call, weights: Array, groups: int) -> Tensor:
    n, channels = call.x.shape[0], call.x.shape[-1]
    if weights.ndim != len(call.x.shape):
        raise call.refuse(f"kernel of {weights.ndim} axes for input {call.x.shape}", Errc.BadShape)
    if channels != weights.shape[1] * groups or weights.shape[0] % groups:
        wanted = f"weights {list(weights.shape)} want {weights.shape[1] * groups}"
        raise call.refuse(f"input has {channels} channels in {groups} groups, {wanted}", Errc.BadShape)
    kernel, strides, dilations = list(weights.shape[2:]), call.per_axis("strides", 1), call.per_axis("dilation_rate", 1)
    pads, lengths = same_or_valid(call, kernel, strides, dilations)
    shape = (n, *lengths, weights.shape[0])
    attributes: dict[str, Attribute] = {"strides": strides, "dilations": dilations, "pads": pads, "group": groups}
    return call.build.node("Conv", _biased(call, weights, weights.shape[0]), shape, **attributes)


def _biased(call: Call, weights: Array, filters: int) -> list[str]:
    """The inputs of a layer with weights, and a bias if it has one."""
    inputs, bias = [call.x.name, call.build.constant("kernel", weights)], call.weights.get("bias")
    if bias is None:
        return inputs
    if bias.shape != (filters,):
        raise call.refuse(f"bias is {list(bias.shape)}, expected [{filters}]", Errc.BadShape)
    return [*inputs, call.build.constant("bias", bias)]


def conv_transpose(call: Call) -> Tensor:
    """Conv1DTranspose to 3D, kernel (h, w, out, in). 'same' makes the output the input's size times the stride."""
    n, *sizes, channels = call.x.shape
    weights = _planar_kernel(call.weights["kernel"])
    if weights.ndim != len(call.x.shape) or weights.shape[0] != channels:
        raise call.refuse(f"kernel {list(call.weights['kernel'].shape)} for input {call.x.shape}", Errc.BadShape)
    strides, dilations = call.per_axis("strides", 1), call.per_axis("dilation_rate", 1)
    windows = zip(weights.shape[2:], dilations, strict=True)
    reach = [dilation * (kernel - 1) + 1 for kernel, dilation in windows]
    cut = [_cut(call, axis, reach[axis] - strides[axis], reach[axis]) for axis in range(len(sizes))]
    pads = [max(c, 0) // 2 for c in cut] + [max(c, 0) - max(c, 0) // 2 for c in cut]
    spans = zip(sizes, strides, reach, cut, strict=True)
    lengths = [FREE if size == FREE else (size - 1) * stride + span - less for size, stride, span, less in spans]
    if any(length < 1 and length != FREE for length in lengths):
        raise call.refuse(f"makes {lengths} of {sizes}", Errc.BadShape)
    extra = [max(-c, 0) for c in cut]
    attributes: dict[str, Attribute] = {"strides": strides, "dilations": dilations, "pads": pads}
    attributes |= {"output_padding": extra}
    inputs = _biased(call, weights, weights.shape[1])
    return activation(call, call.build.node("ConvTranspose", inputs, (n, *lengths, weights.shape[1]), **attributes))


def _cut(call: Call, axis: int, over: int, reach: int) -> int:
    """By how much the output is shorter than all that the windows reach; negative where it is longer."""
    same = call.config.get("padding", "valid") == "same"
    if call.config.get("output_padding") is None:
        return over if same else min(over, 0)
    extra = call.per_axis("output_padding", least=0)[axis]
    return (reach // 2 * 2 if same else 0) - extra


def dense(call: Call) -> Tensor:
    """Dense of vectors, or of each pixel of a picture."""
    kernel, between = call.weights["kernel"], len(call.x.shape) - 2
    channels, units = kernel.shape
    if call.x.shape[-1] != channels or not 0 <= between <= 3:
        raise call.refuse(f"input has shape {call.x.shape}, weights want {channels} channels", Errc.BadShape)
    weights = kernel.T.reshape(units, channels, *[1] * between) if between else kernel
    made = call.build.node("Conv" if between else "Gemm", _biased(call, weights, units), (*call.x.shape[:-1], units))
    return activation(call, made)


def pool(call: Call, op: str) -> Tensor:
    """MaxPooling and AveragePooling; padding does not count in a mean."""
    kernel = call.per_axis("pool_size", 2)
    strides = kernel if call.config.get("strides") is None else call.per_axis("strides")
    pads, lengths = same_or_valid(call, kernel, strides, [1] * len(kernel))
    attributes: dict[str, Attribute] = {"kernel_shape": kernel, "strides": strides, "pads": pads}
    return call.build.node(op, [call.x.name], (call.x.shape[0], *lengths, call.x.shape[-1]), **attributes)


def adaptive_pool(call: Call, kind: str) -> Tensor:
    """AdaptiveAveragePooling and AdaptiveMaxPooling, where all windows are alike."""
    wanted, sizes = call.per_axis("output_size"), call.x.shape[1:-1]
    shape = (call.x.shape[0], *wanted, call.x.shape[-1])
    if set(wanted) == {1}:
        return call.build.node(f"Global{kind}", [call.x.name], shape)
    if any(size == FREE or size % length for size, length in zip(sizes, wanted, strict=True)):
        raise call.refuse(f"output_size {wanted} of {list(sizes)}; only known sizes that it divides are read")
    kernel = [size // length for size, length in zip(sizes, wanted, strict=True)]
    return call.build.node(kind, [call.x.name], shape, kernel_shape=kernel, strides=kernel)


def global_pool(call: Call, op: str) -> Tensor:
    """GlobalAveragePooling and GlobalMaxPooling."""
    n, *sizes, channels = call.x.shape
    pooled = call.build.node(op, [call.x.name], (n, *[1] * len(sizes), channels))
    return pooled if call.config.get("keepdims") else call.build.node("Flatten", [pooled.name], (n, channels), axis=1)
