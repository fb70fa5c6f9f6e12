"""What each Keras layer does, in the engine's operators. Pictures are held as N,C,H,W; shapes are Keras' own."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import Errc
from .ir import FREE, Array, Attribute
from .keras_build import Call, Tensor
from .keras_file import Json
from .window import same_pads

_PLANAR_AXIS = {0: 0, 1: 2, 2: 3, 3: 1}


def same_or_valid(
    call: Call, kernel: list[int], strides: list[int], dilations: list[int]
) -> tuple[list[int], list[int]]:
    """Explicit pads as TensorFlow pads, and the output's height and width."""
    _, *sizes, _ = call.planar_picture()
    mode = call.config.get("padding", "valid")
    reach = [d * (k - 1) + 1 for d, k in zip(dilations, kernel, strict=True)]
    pads, lengths = [(0, 0), (0, 0)], [FREE, FREE]
    for i, (size, stride) in enumerate(zip(sizes, strides, strict=True)):
        if mode == "same":
            if size == FREE and stride != 1:
                raise call.refuse("padding 'same' depends on the input's size: give it by --shape")
            pads[i] = same_pads(1 << 30 if size == FREE else size, reach[i], stride, upper=True)
            lengths[i] = FREE if size == FREE else -(-size // stride)
        elif mode == "valid":
            lengths[i] = FREE if size == FREE else (size - reach[i]) // stride + 1
            if lengths[i] < 1 and size != FREE:
                raise call.refuse(f"window of {reach[i]} does not fit {size}", Errc.BadShape)
        else:
            raise call.refuse(f"padding '{mode}'")
    return [begin for begin, _ in pads] + [end for _, end in pads], lengths


def conv(call: Call) -> Tensor:
    """Conv2D, kernel (kh, kw, in / groups, out)."""
    kernel = call.weights["kernel"]
    return _convolve(call, kernel.transpose(3, 2, 0, 1), int(call.config.get("groups", 1)))


def depthwise(call: Call) -> Tensor:
    """DepthwiseConv2D, kernel (kh, kw, in, multiplier): output channel c * multiplier + m."""
    kernel = call.weights["depthwise_kernel"]
    height, width, channels, times = kernel.shape
    weights = kernel.transpose(2, 3, 0, 1).reshape(channels * times, 1, height, width)
    return _convolve(call, weights, channels)


def _convolve(call: Call, weights: Array, groups: int) -> Tensor:
    n, _, _, channels = call.planar_picture()
    if channels != weights.shape[1] * groups:
        raise call.refuse(f"input has {channels} channels, weights want {weights.shape[1] * groups}", Errc.BadShape)
    kernel, strides, dilations = list(weights.shape[2:]), call.pair("strides", 1), call.pair("dilation_rate", 1)
    pads, lengths = same_or_valid(call, kernel, strides, dilations)
    inputs = [call.x.name, call.build.constant("kernel", weights)]
    if "bias" in call.weights:
        inputs.append(call.build.constant("bias", call.weights["bias"]))
    shape = (n, *lengths, weights.shape[0])
    attributes: dict[str, Attribute] = {"strides": strides, "dilations": dilations, "pads": pads, "group": groups}
    return activation(call, call.build.node("Conv", inputs, shape, **attributes))


def conv_transpose(call: Call) -> Tensor:
    """Conv2DTranspose, kernel (kh, kw, out, in). 'same' makes the output the input's size times the stride."""
    n, *sizes, _ = call.planar_picture()
    if call.config.get("output_padding") is not None or call.pair("dilation_rate", 1) != [1, 1]:
        raise call.refuse("output_padding or dilation_rate")
    weights = call.weights["kernel"].transpose(3, 2, 0, 1)
    strides = call.pair("strides", 1)
    over = [k - s for k, s in zip(weights.shape[2:], strides, strict=True)]
    same = call.config.get("padding", "valid") == "same"
    cut = [max(o, 0) if same else 0 for o in over]
    grown = [0 if same else max(o, 0) for o in over]
    pads = [c // 2 for c in cut] + [c - c // 2 for c in cut]
    lengths = [FREE if n == FREE else n * s + g for n, s, g in zip(sizes, strides, grown, strict=True)]
    inputs = [call.x.name, call.build.constant("kernel", weights)]
    if "bias" in call.weights:
        inputs.append(call.build.constant("bias", call.weights["bias"]))
    extra = [max(-o, 0) for o in over]
    attributes: dict[str, Attribute] = {"strides": strides, "pads": pads, "output_padding": extra}
    return activation(call, call.build.node("ConvTranspose", inputs, (n, *lengths, weights.shape[1]), **attributes))


def batch_norm(call: Call) -> Tensor:
    """BatchNormalization over the last axis."""
    axis = call.config.get("axis", -1)
    axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    if axis not in (-1, len(call.x.shape) - 1):
        raise call.refuse(f"axis {axis}, only the last is read")
    channels = call.x.shape[-1]
    ones, zeros = np.ones(channels, np.float32), np.zeros(channels, np.float32)
    parts = [("gamma", ones), ("beta", zeros), ("moving_mean", zeros), ("moving_variance", ones)]
    names = [call.build.constant(name, call.weights.get(name, default)) for name, default in parts]
    epsilon = float(call.config.get("epsilon", 1e-3))
    return call.build.node("BatchNormalization", [call.x.name, *names], call.x.shape, epsilon=epsilon)


def activation(call: Call, x: Tensor | None = None) -> Tensor:
    """The function that a layer's config names."""
    y = call.x if x is None else x
    name = call.config.get("activation") or "linear"
    if not isinstance(name, str) or name not in _ACTIVATIONS:
        raise call.refuse(f"activation {name if isinstance(name, str) else 'of its own code'}")
    return y if name == "linear" else _ACTIVATIONS[name](call, y)


def _plain(op: str, **attributes: Attribute) -> Callable[[Call, Tensor], Tensor]:
    return lambda call, x: call.build.node(op, [x.name], x.shape, **attributes)


def _clip(call: Call, x: Tensor, low: float, high: float) -> Tensor:
    limits = [call.build.constant(what, np.array(v, np.float32)) for what, v in (("low", low), ("high", high))]
    return call.build.node("Clip", [x.name, *limits], x.shape)


def _hard_sigmoid(call: Call, x: Tensor) -> Tensor:
    alpha = 1 / 6 if call.build.keras >= 3 else 0.2
    return call.build.node("HardSigmoid", [x.name], x.shape, alpha=alpha, beta=0.5)


def _gated(gate: Callable[[Call, Tensor], Tensor]) -> Callable[[Call, Tensor], Tensor]:
    return lambda call, x: call.build.node("Mul", [x.name, gate(call, x).name], x.shape)


def _softmax(call: Call, x: Tensor) -> Tensor:
    return call.build.node("Softmax", [x.name], x.shape, axis=_axis(call, -1, len(x.shape)))


_ACTIVATIONS: dict[str, Callable[[Call, Tensor], Tensor]] = {
    "linear": lambda _, x: x,
    "relu": _plain("Relu"),
    "relu6": lambda call, x: _clip(call, x, 0, 6),
    "leaky_relu": _plain("LeakyRelu", alpha=0.2),
    "sigmoid": _plain("Sigmoid"),
    "hard_sigmoid": _hard_sigmoid,
    "silu": _gated(_plain("Sigmoid")),
    "swish": _gated(_plain("Sigmoid")),
    "hard_silu": _gated(_hard_sigmoid),
    "hard_swish": _gated(_hard_sigmoid),
    "softmax": _softmax,
}


def relu(call: Call) -> Tensor:
    """The layer ReLU, with its limits."""
    limit: Any = call.config.get("max_value")
    slope = float(call.config.get("negative_slope") or 0)
    if float(call.config.get("threshold") or 0) or (slope and limit is not None):
        raise call.refuse("threshold, or max_value together with negative_slope")
    if limit is not None:
        return _clip(call, call.x, 0, float(limit))
    if slope:
        return call.build.node("LeakyRelu", [call.x.name], call.x.shape, alpha=slope)
    return call.build.node("Relu", [call.x.name], call.x.shape)


def leaky_relu(call: Call) -> Tensor:
    """The layer LeakyReLU; its slope was called alpha once."""
    slope = float(call.config.get("negative_slope", call.config.get("alpha", 0.3)) or 0)
    return call.build.node("LeakyRelu", [call.x.name], call.x.shape, alpha=slope)


def softmax(call: Call) -> Tensor:
    """The layer Softmax."""
    axis = call.config.get("axis", -1)
    return call.build.node("Softmax", [call.x.name], call.x.shape, axis=_axis(call, axis, len(call.x.shape)))


def _axis(call: Call, axis: object, rank: int) -> int:
    """Where an axis of Keras lies in the graph."""
    if not isinstance(axis, int) or not -rank <= axis < rank:
        raise call.refuse(f"axis {axis} of {rank}")
    return _PLANAR_AXIS[axis % rank] if rank == 4 else axis % rank


def pool(call: Call, op: str) -> Tensor:
    """MaxPooling2D and AveragePooling2D; padding does not count in a mean."""
    n, _, _, channels = call.planar_picture()
    kernel = call.pair("pool_size", 2)
    strides = kernel if call.config.get("strides") is None else call.pair("strides")
    pads, lengths = same_or_valid(call, kernel, strides, [1, 1])
    attributes: dict[str, Attribute] = {"kernel_shape": kernel, "strides": strides, "pads": pads}
    return call.build.node(op, [call.x.name], (n, *lengths, channels), **attributes)


def global_average(call: Call) -> Tensor:
    """GlobalAveragePooling2D."""
    n, _, _, channels = call.planar_picture()
    pooled = call.build.node("GlobalAveragePool", [call.x.name], (n, 1, 1, channels))
    return pooled if call.config.get("keepdims") else call.build.node("Flatten", [pooled.name], (n, channels), axis=1)


def _two_pairs(call: Call, key: str) -> list[int]:
    """top, bottom, left, right."""
    value = call.config.get(key)
    pairs = [value, value] if isinstance(value, int) else value
    if not isinstance(pairs, list) or len(pairs) != 2:
        raise call.refuse(f"{key} is {value}", Errc.BadModel)
    flat = [n for pair in pairs for n in ([pair, pair] if isinstance(pair, int) else pair)]
    if len(flat) != 4 or not all(isinstance(n, int) and n >= 0 for n in flat):
        raise call.refuse(f"{key} is {value}", Errc.BadModel)
    return flat


def zero_padding(call: Call) -> Tensor:
    """ZeroPadding2D."""
    n, h, w, c = call.planar_picture()
    top, bottom, left, right = _two_pairs(call, "padding")
    pads = call.build.constant("pads", np.array([0, 0, top, left, 0, 0, bottom, right], np.int64))
    shape = (n, FREE if h == FREE else h + top + bottom, FREE if w == FREE else w + left + right, c)
    return call.build.node("Pad", [call.x.name, pads], shape)


def cropping(call: Call) -> Tensor:
    """Cropping2D."""
    n, h, w, c = call.planar_picture()
    top, bottom, left, right = _two_pairs(call, "cropping")
    limits = {"starts": [top, left], "ends": [-bottom or 2**62, -right or 2**62], "axes": [2, 3]}
    names = [call.build.constant(what, np.array(values, np.int64)) for what, values in limits.items()]
    shape = (n, FREE if h == FREE else h - top - bottom, FREE if w == FREE else w - left - right, c)
    return call.build.node("Slice", [call.x.name, *names], shape)


def concatenate(call: Call) -> Tensor:
    """Concatenate along any axis."""
    rank = len(call.x.shape)
    if any(len(x.shape) != rank for x in call.inputs):
        raise call.refuse("inputs of different rank", Errc.BadShape)
    axis = _axis(call, call.config.get("axis", -1), rank)
    keras = call.config.get("axis", -1) % rank
    lengths = [x.shape[keras] for x in call.inputs]
    total = FREE if FREE in lengths else sum(lengths)
    shape = tuple(total if i == keras else n for i, n in enumerate(call.x.shape))
    return call.build.node("Concat", [x.name for x in call.inputs], shape, axis=axis)


def merge(call: Call, op: str) -> Tensor:
    """Add and Multiply of two inputs or more; where they are functions, numbers too."""
    total = call.x
    for x in call.inputs[1:]:
        if len(x.shape) != len(total.shape):
            raise call.refuse("inputs of different rank", Errc.BadShape)
        shape = tuple(max(a, b) if 1 in (a, b) else a for a, b in zip(total.shape, x.shape, strict=True))
        total = call.build.node(op, [total.name, x.name], shape)
    for number in call.numbers:
        constant = call.build.constant("number", np.array(number, np.float32))
        total = call.build.node(op, [total.name, constant], total.shape)
    return total


def dense(call: Call) -> Tensor:
    """Dense of vectors, or of each pixel of a picture."""
    kernel = call.weights["kernel"]
    channels, units = kernel.shape
    if call.x.shape[-1] != channels or len(call.x.shape) not in (2, 4):
        raise call.refuse(f"input has shape {call.x.shape}, weights want {channels} channels", Errc.BadShape)
    picture = len(call.x.shape) == 4
    weights = kernel.T.reshape(units, channels, 1, 1) if picture else kernel
    inputs = [call.x.name, call.build.constant("kernel", weights)]
    if "bias" in call.weights:
        inputs.append(call.build.constant("bias", call.weights["bias"]))
    return activation(call, call.build.node("Conv" if picture else "Gemm", inputs, (*call.x.shape[:-1], units)))


def flatten(call: Call) -> Tensor:
    """Flatten, in the order of Keras' axes."""
    x = call.x if call.x.shape[1:3] == (1, 1) else call.build.channels_last(call.x)
    length = FREE if FREE in x.shape[1:] else math.prod(x.shape[1:])
    return call.build.node("Flatten", [x.name], (x.shape[0], length), axis=1)


def reshape(call: Call) -> Tensor:
    """Reshape, in the order of Keras' axes; the batch stays."""
    target = call.config.get("target_shape")
    if not isinstance(target, list) or not all(isinstance(n, int) for n in target) or target.count(-1) > 1:
        raise call.refuse(f"target_shape is {target}", Errc.BadModel)
    if FREE in call.x.shape[1:]:
        raise call.refuse("the shape before it is free: give it by --shape")
    total, known = math.prod(call.x.shape[1:]), math.prod(n for n in target if n != -1)
    if known <= 0 or total % known or (-1 not in target and total != known):
        raise call.refuse(f"{total} elements into {target}", Errc.BadShape)
    lengths = [total // known if n == -1 else n for n in target]
    source = call.x if call.x.shape[1:3] == (1, 1) else call.build.channels_last(call.x)
    shape = (call.x.shape[0], *lengths)
    one_pixel = len(lengths) == 3 and lengths[:2] == [1, 1]
    wanted = call.build.constant("shape", np.array([0, *(lengths[::-1] if one_pixel else lengths)], np.int64))
    result = call.build.node("Reshape", [source.name, wanted], shape)
    return result if one_pixel else call.build.planar(result)


def up_sampling(call: Call) -> Tensor:
    """UpSampling2D by whole factors."""
    n, h, w, c = call.planar_picture()
    down, right = call.pair("size", 2)
    attributes: dict[str, dict[str, Attribute]] = {
        "nearest": {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
        "bilinear": {"mode": "linear", "coordinate_transformation_mode": "half_pixel"},
    }
    kind = call.config.get("interpolation", "nearest")
    if kind not in attributes:
        raise call.refuse(f"interpolation '{kind}'")
    scales = call.build.constant("scales", np.array([1, 1, down, right], np.float32))
    shape = (n, FREE if h == FREE else h * down, FREE if w == FREE else w * right, c)
    return call.build.node("Resize", [call.x.name, "", scales], shape, **attributes[kind])


def rescaling(call: Call) -> Tensor:
    """Rescaling by one factor and one offset."""
    scale, offset = call.config.get("scale", 1.0), call.config.get("offset", 0.0)
    if not isinstance(scale, (int, float)) or not isinstance(offset, (int, float)):
        raise call.refuse("scale or offset is not one number")
    factor = call.build.constant("scale", np.array(scale, np.float32))
    y = call.build.node("Mul", [call.x.name, factor], call.x.shape)
    return call.build.node("Add", [y.name, call.build.constant("offset", np.array(offset, np.float32))], y.shape)


def normalization(call: Call) -> Tensor:
    """Normalization of the last axis by numbers in the config or, once adapted, by weights."""
    channels = call.x.shape[-1]
    axis = call.config.get("axis", -1)
    if axis not in (-1, len(call.x.shape) - 1, [-1], [len(call.x.shape) - 1]) or call.config.get("invert"):
        raise call.refuse("only the last axis is read, and no inversion")
    parts = [call.weights.get(key, call.config.get(key)) for key in ("mean", "variance")]
    mean, variance = (np.broadcast_to(np.asarray(part, np.float64).reshape(-1), (channels,)) for part in parts)
    shape = [channels, *[1] * (len(call.x.shape) - 2)] if len(call.x.shape) == 4 else [channels]
    shift = call.build.constant("shift", (-mean).astype(np.float32).reshape(shape))
    scale = call.build.constant("scale", (1 / np.maximum(np.sqrt(variance), 1e-7)).astype(np.float32).reshape(shape))
    centred = call.build.node("Add", [call.x.name, shift], call.x.shape)
    return call.build.node("Mul", [centred.name, scale], call.x.shape)


@dataclass(frozen=True)
class Layer:
    """How a layer is built and which weights it has: those named, if the switch in its config is on."""

    build: Callable[[Call], Tensor]
    weights: tuple[tuple[str, str], ...] = ()
    unless: str = ""  # a setting that takes the weights' place

    def kinds(self, config: Json) -> list[str]:
        """The weights that a layer of this config has, in Keras' order."""
        if self.unless and config.get(self.unless) is not None:
            return []
        return [kind for kind, switch in self.weights if not switch or config.get(switch, True)]


def _same(call: Call) -> Tensor:
    return call.x


_BIASED = (("kernel", ""), ("bias", "use_bias"))

LAYERS: dict[str, Layer] = {
    "Activation": Layer(activation),
    "ActivityRegularization": Layer(_same),
    "Add": Layer(lambda call: merge(call, "Add")),
    "AveragePooling2D": Layer(lambda call: pool(call, "AveragePool")),
    "BatchNormalization": Layer(
        batch_norm, (("gamma", "scale"), ("beta", "center"), ("moving_mean", ""), ("moving_variance", ""))
    ),
    "Concatenate": Layer(concatenate),
    "Conv2D": Layer(conv, _BIASED),
    "Conv2DTranspose": Layer(conv_transpose, _BIASED),
    "Cropping2D": Layer(cropping),
    "Dense": Layer(dense, _BIASED),
    "DepthwiseConv2D": Layer(depthwise, (("depthwise_kernel", ""), ("bias", "use_bias"))),
    "Dropout": Layer(_same),
    "Flatten": Layer(flatten),
    "GaussianNoise": Layer(_same),
    "GlobalAveragePooling2D": Layer(global_average),
    "LeakyReLU": Layer(leaky_relu),
    "MaxPooling2D": Layer(lambda call: pool(call, "MaxPool")),
    "Multiply": Layer(lambda call: merge(call, "Mul")),
    "Normalization": Layer(normalization, (("mean", ""), ("variance", "")), unless="mean"),
    "ReLU": Layer(relu),
    "Rescaling": Layer(rescaling),
    "Reshape": Layer(reshape),
    "Softmax": Layer(softmax),
    "SpatialDropout2D": Layer(_same),
    "UpSampling2D": Layer(up_sampling),
    "ZeroPadding2D": Layer(zero_padding),
}

FUNCTIONS: dict[str, Layer] = {name: LAYERS[name] for name in ("Add", "Multiply")}
"""What networks call as plain functions, by the names of Keras 3 for them."""
