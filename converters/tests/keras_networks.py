"""A network of Keras layers with a model within it, and what it answers, by NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras_files import Json, functional, layer, numbers
from networks import Array


def slow_conv(x: Array, kernel: Array, stride: int, same: bool, dilation: int = 1) -> Array:
    """A convolution over N,H,W,C, or more or fewer axes, by its definition; 'same' pads the odd row at the end."""
    *window, _, filters = kernel.shape
    reach = [dilation * (k - 1) + 1 for k in window]
    if same:
        spans = zip(x.shape[1:-1], reach, strict=True)
        pads = [max((-(-size // stride) - 1) * stride + span - size, 0) for size, span in spans]
        x = np.pad(x, [(0, 0), *((p // 2, p - p // 2) for p in pads), (0, 0)])
    lengths = [(size - span) // stride + 1 for size, span in zip(x.shape[1:-1], reach, strict=True)]
    y = np.zeros((x.shape[0], *lengths, filters))
    for at in np.ndindex(*lengths):
        seen = [slice(i * stride, i * stride + span, dilation) for i, span in zip(at, reach, strict=True)]
        here = tuple([slice(None), *at])
        y[here] = np.tensordot(x[tuple([slice(None), *seen])], kernel, axes=len(window) + 1)
    return y


def residual_network() -> tuple[Json, dict[str, Any]]:
    """An inner model with a skip, used in an outer one; two outputs."""
    inner = functional(
        "block",
        [
            layer("InputLayer", "start", shape=[None, 6, 6, 4]),
            layer("Conv2D", "conv", ["start"], padding="same", use_bias=False, activation="linear"),
            layer("BatchNormalization", "norm", ["conv"], axis=3, epsilon=1e-3),
            layer("Add", "sum", ["norm", "start"]),
        ],
        ["start"],
        ["sum"],
        called_on=["first"],
    )
    model = functional(
        "model",
        [
            layer("InputLayer", "in", shape=[None, 6, 6, 3]),
            layer("Conv2D", "first", ["in"], padding="same", activation="relu"),
            inner,
            layer("Concatenate", "joined", ["block", "first"], axis=-1),
            layer("Conv2D", "mask", ["joined"], activation="sigmoid"),
            layer("GlobalAveragePooling2D", "pooled", ["joined"]),
            layer("Dense", "classes", ["pooled"], activation="softmax"),
        ],
        ["in"],
        ["mask", "classes"],
    )
    weights: dict[str, Any] = {
        "first": {"kernel": numbers(3, 3, 3, 4, seed=1), "bias": numbers(4, seed=2)},
        "block": {
            "conv": {"kernel": numbers(3, 3, 4, 4, seed=3)},
            "norm": {
                "gamma": numbers(4, seed=4),
                "beta": numbers(4, seed=5),
                "moving_mean": numbers(4, seed=6),
                "moving_variance": numbers(4, seed=7, positive=True),
            },
        },
        "mask": {"kernel": numbers(1, 1, 8, 1, seed=8), "bias": numbers(1, seed=9)},
        "classes": {"kernel": numbers(8, 5, seed=10), "bias": numbers(5, seed=11)},
    }
    return model, weights


def expected_of_residual_network(x: Array, weights: dict[str, Any]) -> list[Array]:
    first = np.maximum(slow_conv(x, weights["first"]["kernel"], 1, True) + weights["first"]["bias"], 0)
    y = slow_conv(first, weights["block"]["conv"]["kernel"], 1, True)
    norm = weights["block"]["norm"]
    y = (y - norm["moving_mean"]) / np.sqrt(norm["moving_variance"].astype(np.float64) + 1e-3) * norm["gamma"] + norm[
        "beta"
    ]
    joined = np.concatenate([y + first, first], axis=-1)
    mask = slow_conv(joined, weights["mask"]["kernel"], 1, False) + weights["mask"]["bias"]
    logits = joined.mean(axis=(1, 2)) @ weights["classes"]["kernel"] + weights["classes"]["bias"]
    e = np.exp(logits)
    return [1 / (1 + np.exp(-mask)), e / e.sum(axis=1, keepdims=True)]
