"""Pooling as ONNX's text has it: any rank, padding, dilation and rounding, indices included.

ONNX's own reference forgets dilations without padding, reads outside of the picture with ceil_mode, loses indices where
a window is as long as the picture, and takes a mean for a sum at the edge.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from onnx.reference.op_run import OpRun

from ..ir import Array


@dataclass(frozen=True)
class _Axis:
    """Where the windows lie along one axis."""

    size: int
    kernel: int
    stride: int
    dilation: int
    begin: int  # padding
    end: int
    windows: int

    def places(self, tap: int) -> Array:
        """Of one element of each window in the picture; may lie outside."""
        made: Array = np.arange(self.windows) * self.stride + tap * self.dilation - self.begin
        return made


def _axes(x: Array, given: dict[str, Any]) -> list[_Axis]:
    rank = x.ndim - 2
    strides, dilations = (given.get(key) or [1] * rank for key in ("strides", "dilations"))
    pads, auto = given.get("pads") or [0] * 2 * rank, given.get("auto_pad") or "NOTSET"
    made = []
    for i, (n, kernel) in enumerate(zip(x.shape[2:], given["kernel_shape"], strict=True)):
        reach, stride = (kernel - 1) * dilations[i] + 1, strides[i]
        begin, end = (pads[i], pads[i + rank]) if auto == "NOTSET" else (0, 0)
        if auto.startswith("SAME"):
            windows = -(-n // stride)
            both = max((windows - 1) * stride + reach - n, 0)
            begin = both // 2 if auto == "SAME_UPPER" else both - both // 2
            end = both - begin
        elif given.get("ceil_mode"):
            windows = -(-(n + begin + end - reach) // stride) + 1
            windows -= (windows - 1) * stride >= n + begin  # it would begin behind the picture
        else:
            windows = (n + begin + end - reach) // stride + 1
        made.append(_Axis(n, kernel, stride, dilations[i], begin, end, windows))
    return made


def _seen(x: Array, axes: list[_Axis], fill: Any) -> Iterator[Array]:
    """What each window sees, one of its elements after the other. `fill` stands for the padding."""
    for tap in product(*(range(axis.kernel) for axis in axes)):
        places = [axis.places(t) for axis, t in zip(axes, tap, strict=True)]
        inside = [(at >= 0) & (at < axis.size) for at, axis in zip(places, axes, strict=True)]
        part = x
        for i, (at, axis) in enumerate(zip(places, axes, strict=True)):
            part = part.take(at.clip(0, axis.size - 1), axis=2 + i)
        yield np.where(_all(inside), part, fill)


def _all(parts: list[Array]) -> Array:
    """The product of conditions along each axis."""
    made: Array = np.array(True)
    for part in parts:
        made = made[..., None] & part
    return made


class MaxPool(OpRun):  # type: ignore[misc]
    """The largest, and if it is asked where that is."""

    def _run(self, x: Array, storage_order: int = 0, **given: Any) -> tuple[Array, ...]:
        axes = _axes(x, given)
        low = np.iinfo(x.dtype).min if x.dtype.kind in "iu" else -np.inf
        order = (0, 1, *(range(2, x.ndim) if not storage_order else range(x.ndim - 1, 1, -1)))
        numbers = np.arange(x.size).reshape([x.shape[i] for i in order]).transpose(np.argsort(order))
        largest, place = np.array(low), np.array(-1)
        for seen, number in zip(_seen(x, axes, low), _seen(numbers, axes, -1), strict=True):
            better = (number >= 0) & ((place < 0) | (seen > largest))
            largest, place = np.where(better, seen, largest), np.where(better, number, place)
        return (largest.astype(x.dtype), place.astype(np.int64))[: len(self.onnx_node.output)]


class AveragePool(OpRun):  # type: ignore[misc]
    """The mean."""

    def _run(self, x: Array, count_include_pad: int = 0, **given: Any) -> tuple[Array]:
        axes = _axes(x, given)
        counts: Array = np.array(1)
        for axis in axes:
            low, high = (-axis.begin, axis.size + axis.end) if count_include_pad else (0, axis.size)
            places = np.stack([axis.places(tap) for tap in range(axis.kernel)])
            counts = counts[..., None] * ((places >= low) & (places < high)).sum(axis=0)
        return ((sum(_seen(x, axes, 0)) / counts).astype(x.dtype),)


class LpPool(OpRun):  # type: ignore[misc]
    """The norm."""

    def _run(self, x: Array, p: int = 2, **given: Any) -> tuple[Array]:
        made: Array = np.asarray(sum(_seen(np.abs(x) ** p, _axes(x, given), 0))) ** (1 / p)
        return (made.astype(x.dtype),)
