"""Keras' layers that shift and scale each channel, by statistics of the input or by numbers in the file."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import Errc
from ..ir import Array
from .build import Call, Tensor


def _per_channel(call: Call, kind: str, absent: float) -> Array:
    """A weight of one number a channel; `absent` everywhere where the layer has no such weight."""
    channels, array = call.x.shape[-1], call.weights.get(kind)
    if array is not None and array.shape != (channels,):
        raise call.refuse(f"{kind} is {list(array.shape)}, expected [{channels}]", Errc.BadShape)
    return np.full(channels, absent, np.float32) if array is None else array


def _want_last_axis(call: Call) -> None:
    axis: Any = call.config.get("axis", -1)
    axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    if axis not in (-1, len(call.x.shape) - 1):
        raise call.refuse(f"axis {axis}, only the last is read")


def _constants(call: Call, *kinds: tuple[str, float]) -> list[str]:
    """Weights with a number a channel as constants, by kind and what stands for it where it is absent."""
    return [call.build.constant(kind, _per_channel(call, kind, absent)) for kind, absent in kinds]


def batch_norm(call: Call) -> Tensor:
    """BatchNormalization over the last axis."""
    _want_last_axis(call)
    statistics = _constants(call, ("moving_mean", 0), ("moving_variance", 1))
    names = _constants(call, ("gamma", 1), ("beta", 0)) + statistics
    epsilon = float(call.config.get("epsilon", 1e-3))
    return call.build.node("BatchNormalization", [call.x.name, *names], call.x.shape, epsilon=epsilon)


def layer_norm(call: Call) -> Tensor:
    """LayerNormalization over the last axis."""
    _want_last_axis(call)
    if call.config.get("rms_scaling"):
        raise call.refuse("rms_scaling")
    inputs = [call.build.channels_last(call.x).name, *_constants(call, ("gamma", 1), ("beta", 0))]
    epsilon = float(call.config.get("epsilon", 1e-3))
    made = call.build.node("LayerNormalization", inputs, call.x.shape, axis=-1, epsilon=epsilon)
    return call.build.planar(made)


def rms_norm(call: Call) -> Tensor:
    """RMSNormalization over the last axis."""
    _want_last_axis(call)
    inputs = [call.build.channels_last(call.x).name, *_constants(call, ("scale", 1))]
    epsilon = float(call.config.get("epsilon", 1e-6))
    return call.build.planar(call.build.node("RMSNormalization", inputs, call.x.shape, axis=-1, epsilon=epsilon))


def group_norm(call: Call) -> Tensor:
    """GroupNormalization over the last axis; -1 groups are one a channel."""
    _want_last_axis(call)
    channels, groups = call.x.shape[-1], call.config.get("groups", 32)
    groups = channels if groups == -1 else groups
    if not isinstance(groups, int) or groups < 1 or channels % groups:
        raise call.refuse(f"{channels} channels in {groups} groups", Errc.BadShape)
    inputs = [call.x.name, *_constants(call, ("gamma", 1), ("beta", 0))]
    epsilon = float(call.config.get("epsilon", 1e-3))
    return call.build.node("GroupNormalization", inputs, call.x.shape, num_groups=groups, epsilon=epsilon)


def layer_scale(call: Call) -> Tensor:
    """LayerScale of ConvNeXt: a factor for each channel."""
    return call.build.node("Mul", [call.x.name, _along_channels(call, "gamma", call.weights["gamma"])], call.x.shape)


def unit_norm(call: Call) -> Tensor:
    """UnitNormalization: each pixel's vector of channels, of length 1."""
    _want_last_axis(call)
    return call.build.node("LpNormalization", [call.x.name], call.x.shape, axis=1, p=2)


def _along_channels(call: Call, what: str, numbers: Any) -> str:
    """One number, or one a channel, as a constant that a picture is multiplied with."""
    array = np.asarray(numbers, np.float64).reshape(-1)
    channels, between = call.x.shape[-1], len(call.x.shape) - 2
    if array.size not in (1, channels) or not np.all(np.isfinite(array)):
        raise call.refuse(f"{what} is {str(numbers)[:80]}, expected one number or {channels}", Errc.BadModel)
    shaped = array.reshape(()) if array.size == 1 else array.reshape(channels, *[1] * between)
    return call.build.constant(what, shaped.astype(np.float32))


def _scale_and_shift(call: Call, scale: Any, offset: Any) -> Tensor:
    y = call.build.node("Mul", [call.x.name, _along_channels(call, "scale", scale)], call.x.shape)
    return call.build.node("Add", [y.name, _along_channels(call, "offset", offset)], y.shape)


def rescaling(call: Call) -> Tensor:
    """Rescaling by a factor and an offset."""
    return _scale_and_shift(call, call.config.get("scale", 1.0), call.config.get("offset", 0.0))


def normalization(call: Call) -> Tensor:
    """Normalization of the last axis by numbers in the config or, once adapted, by weights."""
    _want_last_axis(call)
    if call.config.get("invert"):
        raise call.refuse("inversion")
    mean, variance = (call.weights.get(key, call.config.get(key)) for key in ("mean", "variance"))
    centred = _along_channels(call, "shift", -np.asarray(mean, np.float64))
    scale = 1 / np.maximum(np.sqrt(np.asarray(variance, np.float64)), 1e-7)
    y = call.build.node("Add", [call.x.name, centred], call.x.shape)
    return call.build.node("Mul", [y.name, _along_channels(call, "scale", scale)], call.x.shape)
