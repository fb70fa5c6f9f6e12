"""Keras' activations, by name and as layers, in the engine's operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir import Attribute
from .build import Call, Tensor


def activation(call: Call, x: Tensor | None = None) -> Tensor:
    """The function that a layer's config names."""
    y = call.x if x is None else x
    name = call.config.get("activation") or "linear"
    if isinstance(name, dict) and name.get("class_name") in _LAYERS and isinstance(name.get("config"), dict):
        return _LAYERS[name["class_name"]](Call(call.build, name["config"], [y], {}))
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
    return call.build.node("Softmax", [x.name], x.shape, axis=planar_axis(call, -1, len(x.shape)))


def _tanh_shrink(call: Call, x: Tensor) -> Tensor:
    tanh = call.build.node("Tanh", [x.name], x.shape)
    return call.build.node("Sub", [x.name, tanh.name], x.shape)


def _log_sigmoid(call: Call, x: Tensor) -> Tensor:
    """-softplus(-x), which no large |x| spoils."""
    negative = call.build.node("Neg", [x.name], x.shape)
    return call.build.node("Neg", [call.build.node("Softplus", [negative.name], x.shape).name], x.shape)


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
    "elu": _plain("Elu", alpha=1.0),
    "selu": _plain("Selu"),
    "gelu": _plain("Gelu"),
    "tanh": _plain("Tanh"),
    "log_softmax": lambda call, x: call.build.node(
        "LogSoftmax", [x.name], x.shape, axis=planar_axis(call, -1, len(x.shape))
    ),
    "log_sigmoid": _log_sigmoid,
    "tanh_shrink": _tanh_shrink,
    "sparse_sigmoid": _plain("HardSigmoid", alpha=0.5, beta=0.5),
    "celu": _plain("Celu", alpha=1.0),
    "hard_shrink": _plain("Shrink", lambd=0.5, bias=0.0),
    "soft_shrink": _plain("Shrink", lambd=0.5, bias=0.5),
    "hard_tanh": lambda call, x: _clip(call, x, -1, 1),
    "softplus": _plain("Softplus"),
    "softsign": _plain("Softsign"),
    "exponential": _plain("Exp"),
    "mish": _plain("Mish"),
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
    return call.build.node("Softmax", [call.x.name], call.x.shape, axis=planar_axis(call, axis, len(call.x.shape)))


def elu(call: Call) -> Tensor:
    """The layer ELU."""
    return call.build.node("Elu", [call.x.name], call.x.shape, alpha=float(call.config.get("alpha", 1.0)))


def prelu(call: Call) -> Tensor:
    """The layer PReLU; its slopes have the axes of the input without N, of length 1 where they are shared."""
    alpha = call.weights["alpha"]
    slopes = np.moveaxis(alpha, -1, 0) if alpha.ndim > 1 else alpha
    return call.build.node("PRelu", [call.x.name, call.build.constant("alpha", slopes)], call.x.shape)


def thresholded_relu(call: Call) -> Tensor:
    """The layer ThresholdedReLU."""
    theta = float(call.config.get("theta", 1.0))
    return call.build.node("ThresholdedRelu", [call.x.name], call.x.shape, alpha=theta)


_LAYERS: dict[str, Callable[[Call], Tensor]] = {"ELU": elu, "LeakyReLU": leaky_relu, "ReLU": relu, "Softmax": softmax}
"""Those that other layers name as their activation, config and all."""


def planar_axis(call: Call, axis: object, rank: int) -> int:
    """Where an axis of Keras lies in the graph."""
    axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    if not isinstance(axis, int) or not -rank <= axis < rank:
        raise call.refuse(f"axis {axis} of {rank}")
    at = axis % rank
    return at if rank < 3 or at == 0 else 1 if at == rank - 1 else at + 1
