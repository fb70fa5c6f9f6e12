"""What each Keras layer does, in the engine's operators. Pictures are held as N,C,H,W; shapes are Keras' own."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..errors import Errc
from ..ir import FREE
from .activations import activation, elu, leaky_relu, planar_axis, prelu, relu, softmax, thresholded_relu
from .build import Call, Tensor
from .file import Json
from .norms import batch_norm, group_norm, layer_norm, layer_scale, normalization, rescaling, rms_norm, unit_norm
from .resizing import center_crop, cropping, resizing, up_sampling, zero_padding
from .windows import adaptive_pool, conv, conv_transpose, dense, depthwise, global_pool, pool, separable


def concatenate(call: Call) -> Tensor:
    """Concatenate along any axis."""
    rank = len(call.x.shape)
    if any(len(x.shape) != rank for x in call.inputs):
        raise call.refuse("inputs of different rank", Errc.BadShape)
    axis = planar_axis(call, call.config.get("axis", -1), rank)
    keras = call.config.get("axis", -1) % rank
    for i in range(rank):
        if i != keras and len({x.shape[i] for x in call.inputs} - {FREE}) > 1:
            raise call.refuse(f"joins {[list(x.shape) for x in call.inputs]} along axis {keras}", Errc.BadShape)
    lengths = [x.shape[keras] for x in call.inputs]
    total = FREE if FREE in lengths else sum(lengths)
    shape = tuple(total if i == keras else n for i, n in enumerate(call.x.shape))
    return call.build.node("Concat", [x.name for x in call.inputs], shape, axis=axis)


def _is_one_pixel(x: Tensor) -> bool:
    return all(n == 1 for n in x.shape[1:-1])


def flatten(call: Call) -> Tensor:
    """Flatten, in the order of Keras' axes."""
    x = call.x if _is_one_pixel(call.x) else call.build.channels_last(call.x)
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
    source = call.x if _is_one_pixel(call.x) else call.build.channels_last(call.x)
    shape = (call.x.shape[0], *lengths)
    one_pixel = len(lengths) > 1 and set(lengths[:-1]) == {1}
    wanted = call.build.constant("shape", np.array([0, *(lengths[::-1] if one_pixel else lengths)], np.int64))
    result = call.build.node("Reshape", [source.name, wanted], shape)
    return result if one_pixel else call.build.planar(result)


def permute(call: Call) -> Tensor:
    """Permute; `dims` counts the axes after N from 1."""
    dims, rank = call.config.get("dims"), len(call.x.shape)
    if not isinstance(dims, list) or sorted(dims) != list(range(1, rank)):
        raise call.refuse(f"dims is {dims}", Errc.BadModel)
    shape = (call.x.shape[0], *(call.x.shape[axis] for axis in dims))
    source = call.build.channels_last(call.x)
    return call.build.planar(call.build.node("Transpose", [source.name], shape, perm=[0, *dims]))


def repeat_vector(call: Call) -> Tensor:
    """RepeatVector: N,C becomes N,n,C."""
    times = call.config.get("n")
    if not isinstance(times, int) or times < 1 or len(call.x.shape) != 2:
        raise call.refuse(f"repeats input {list(call.x.shape)} {times} times", Errc.BadModel)
    batch, channels = call.x.shape
    axes = call.build.constant("axes", np.array([2], np.int64))
    row = call.build.node("Unsqueeze", [call.x.name, axes], (batch, 1, channels))
    wanted = call.build.constant("shape", np.array([1, 1, times], np.int64))
    return call.build.node("Expand", [row.name, wanted], (batch, times, channels))


def _broadcast(call: Call, a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    fits = len(a) == len(b) and all(m == n or 1 in (m, n) or FREE in (m, n) for m, n in zip(a, b, strict=True))
    if not fits:
        raise call.refuse(f"inputs of shapes {list(a)} and {list(b)}", Errc.BadShape)
    return tuple(n if m == 1 or (m == FREE and n != 1) else m for m, n in zip(a, b, strict=True))


def merge(call: Call, op: str) -> Tensor:
    """Add and its kind of two inputs or more; where they are functions, numbers too."""
    total = call.x
    for x in call.inputs[1:]:
        total = call.build.node(op, [total.name, x.name], _broadcast(call, total.shape, x.shape))
    for number in call.numbers:
        constant = call.build.constant("number", np.array(number, np.float32))
        total = call.build.node(op, [total.name, constant], total.shape)
    return total


def average(call: Call) -> Tensor:
    """Average of two inputs or more."""
    total = merge(call, "Add")
    share = call.build.constant("share", np.array(1 / len(call.inputs), np.float32))
    return call.build.node("Mul", [total.name, share], total.shape)


@dataclass(frozen=True)
class Layer:
    """How a layer is built and which weights it has: those named, if the switch in its config is on."""

    build: Callable[[Call], Tensor]
    weights: tuple[tuple[str, str], ...] = ()
    unless: str = ""  # a setting that takes the weights' place
    axes: int = 0  # between N and C; 0 for any number

    def kinds(self, config: Json) -> list[str]:
        """The weights that a layer of this config has, in Keras' order."""
        if self.unless and config.get(self.unless) is not None:
            return []
        return [kind for kind, switch in self.weights if not switch or config.get(switch, True)]

    def run(self, call: Call) -> Tensor:
        """What the layer makes, after a look at its input."""
        if self.axes:
            call.want_picture(self.axes)
        return self.build(call)


def _same(call: Call) -> Tensor:
    return call.x


_BIASED = (("kernel", ""), ("bias", "use_bias"))
_AFFINE = (("gamma", "scale"), ("beta", "center"))


def _on_axes(axes: int) -> dict[str, Layer]:
    """The layers that there are for one, two and three axes."""
    named = {
        "AdaptiveAveragePooling": Layer(lambda call: adaptive_pool(call, "AveragePool"), axes=axes),
        "AdaptiveMaxPooling": Layer(lambda call: adaptive_pool(call, "MaxPool"), axes=axes),
        "AveragePooling": Layer(lambda call: pool(call, "AveragePool"), axes=axes),
        "Conv": Layer(conv, _BIASED, axes=axes),
        "Cropping": Layer(cropping, axes=axes),
        "DepthwiseConv": Layer(depthwise, (("depthwise_kernel", ""), ("bias", "use_bias")), axes=axes),
        "GlobalAveragePooling": Layer(lambda call: global_pool(call, "GlobalAveragePool"), axes=axes),
        "GlobalMaxPooling": Layer(lambda call: global_pool(call, "GlobalMaxPool"), axes=axes),
        "MaxPooling": Layer(lambda call: pool(call, "MaxPool"), axes=axes),
        "SeparableConv": Layer(separable, (("depthwise_kernel", ""), ("pointwise_kernel", ""), _BIASED[1]), axes=axes),
        "SpatialDropout": Layer(_same, axes=axes),
        "UpSampling": Layer(up_sampling, axes=axes),
        "ZeroPadding": Layer(zero_padding, axes=axes),
    }
    made = {f"{name}{axes}D": entry for name, entry in named.items()}
    return made | {f"Conv{axes}DTranspose": Layer(conv_transpose, _BIASED, axes=axes)}


_TRAINING_ONLY = [
    "Brightness",
    "ColorDegeneration",
    "ColorJitter",
    "Contrast",
    "ElasticTransform",
    "Erasing",
    "Flip",
    "GaussianBlur",
    "Grayscale",
    "Height",
    "Hue",
    "Invert",
    "Perspective",
    "Posterization",
    "Rotation",
    "Saturation",
    "Sharpness",
    "Shear",
    "Translation",
    "Width",
    "Zoom",
]
"""What is done to pictures at random while a network learns, and to none when it runs."""

LAYERS: dict[str, Layer] = {
    **_on_axes(1),
    **_on_axes(2),
    **{name: entry for name, entry in _on_axes(3).items() if not name.startswith(("Depthwise", "Separable"))},
    "Activation": Layer(activation),
    "ActivityRegularization": Layer(_same),
    "Add": Layer(lambda call: merge(call, "Add")),
    "AlphaDropout": Layer(_same),
    "Average": Layer(average),
    "BatchNormalization": Layer(batch_norm, (*_AFFINE, ("moving_mean", ""), ("moving_variance", ""))),
    "CenterCrop": Layer(center_crop, axes=2),
    "Concatenate": Layer(concatenate),
    "Dense": Layer(dense, _BIASED),
    "Dropout": Layer(_same),
    "ELU": Layer(elu),
    "Flatten": Layer(flatten),
    "GaussianDropout": Layer(_same),
    "GaussianNoise": Layer(_same),
    "GroupNormalization": Layer(group_norm, _AFFINE),
    "Identity": Layer(_same),
    "LayerNormalization": Layer(layer_norm, _AFFINE),
    "LayerScale": Layer(layer_scale, (("gamma", ""),)),
    "LeakyReLU": Layer(leaky_relu),
    "Maximum": Layer(lambda call: merge(call, "Max")),
    "Minimum": Layer(lambda call: merge(call, "Min")),
    "Multiply": Layer(lambda call: merge(call, "Mul")),
    "Normalization": Layer(normalization, (("mean", ""), ("variance", "")), unless="mean"),
    "PReLU": Layer(prelu, (("alpha", ""),)),
    "Permute": Layer(permute),
    "ReLU": Layer(relu),
    "RMSNormalization": Layer(rms_norm, (("scale", ""),)),
    "RepeatVector": Layer(repeat_vector),
    "Rescaling": Layer(rescaling),
    "Reshape": Layer(reshape),
    "Resizing": Layer(resizing, axes=2),
    "Softmax": Layer(softmax),
    "StochasticDepth": Layer(_same),
    "Subtract": Layer(lambda call: merge(call, "Sub")),
    "ThresholdedReLU": Layer(thresholded_relu),
    "UnitNormalization": Layer(unit_norm),
    **{f"Random{kind}": Layer(_same) for kind in _TRAINING_ONLY},
}

FUNCTIONS: dict[str, Layer] = {name: LAYERS[name] for name in ("Add", "Multiply")}
"""What networks call as plain functions, by the names of Keras 3 for them."""
