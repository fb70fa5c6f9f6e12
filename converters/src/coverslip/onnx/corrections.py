"""Operators that ONNX's own reference computes otherwise than ONNX's text, or not at all, as the text has them.

`CORRECTED` replaces them where ONNX's reference is asked; each says what the reference does instead.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx.reference.op_run import OpRun
from onnx.reference.ops.op_batch_normalization import BatchNormalization_14
from onnx.reference.ops.op_conv_transpose import ConvTranspose as ReferenceConvTranspose
from onnx.reference.ops.op_dequantize_linear import DequantizeLinear_25
from onnx.reference.ops.op_grid_sample import GridSample as ReferenceGridSample
from onnx.reference.ops.op_pad import Pad_18 as ReferencePad

from ..ir import Array
from .pools import AveragePool, LpPool, MaxPool


class BatchNormalization(BatchNormalization_14):  # type: ignore[misc]
    """Of opsets 9 to 13: mixes the statistics of the batch in."""


class ConvTranspose(ReferenceConvTranspose):  # type: ignore[misc]
    """In groups: takes channels of other groups, or fails."""

    def _run(self, x: Array, w: Array, b: Array | None = None, group: int = 1, **attributes: Any) -> tuple[Array]:
        parts = zip(np.split(x, group, axis=1), np.split(w, group), strict=True)
        made = [super(ConvTranspose, self)._run(a, v, None, group=1, **attributes)[0] for a, v in parts]
        y: Array = np.concatenate(made, axis=1)
        return (y if b is None else y + b.reshape(-1, *[1] * (x.ndim - 2)),)


class DequantizeLinear(DequantizeLinear_25):  # type: ignore[misc]
    """Is not there for opsets before 19."""


class GatherElements(OpRun):  # type: ignore[misc]
    """Wants indices as long as the data along the other axes."""

    def _run(self, x: Array, indices: Array, axis: int = 0) -> tuple[Array]:
        at = axis % x.ndim
        seen = tuple(slice(None if i == at else n) for i, n in enumerate(indices.shape))
        return (np.take_along_axis(x[seen], np.where(indices < 0, indices + x.shape[at], indices), at),)


class GlobalLpPool(OpRun):  # type: ignore[misc]
    """Is not there."""

    def _run(self, x: Array, p: int = 2) -> tuple[Array]:
        sums = (np.abs(x) ** p).sum(axis=tuple(range(2, x.ndim)), keepdims=True)
        return ((sums ** (1 / p)).astype(x.dtype),)


class GlobalMaxPool(OpRun):  # type: ignore[misc]
    """Takes two axes as the spatial ones, however many there are."""

    def _run(self, x: Array) -> tuple[Array]:
        return (x.max(axis=tuple(range(2, x.ndim)), keepdims=True),)


class GridSample(ReferenceGridSample):  # type: ignore[misc]
    """Does not know the modes by their names before opset 20."""

    def _run(self, x: Array, grid: Array, mode: str = "linear", **attributes: Any) -> Any:
        return super()._run(x, grid, {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode), **attributes)


class GroupNormalization(OpRun):  # type: ignore[misc]
    """Computes in float32 whatever it is given, and a variance as the difference of two squares."""

    def _run(
        self, x: Array, scale: Array, bias: Array, epsilon: float = 1e-5, num_groups: int = 1, **_: Any
    ) -> tuple[Array]:
        rows = x.reshape(x.shape[0], num_groups, -1).astype(np.result_type(x, np.float32))
        rows = (rows - rows.mean(2, keepdims=True)) / np.sqrt(rows.var(2, keepdims=True) + epsilon)
        factor, shift = (
            np.repeat(part, x.shape[1] // part.size).reshape(-1, *[1] * (x.ndim - 2)) for part in (scale, bias)
        )
        return ((rows.reshape(x.shape) * factor + shift).astype(x.dtype),)


class LRN(OpRun):  # type: ignore[misc]
    """Norms but as many channels as there are pictures in the batch."""

    def _run(self, x: Array, alpha: float, beta: float, bias: float, size: int) -> tuple[Array]:
        before, channels = (size - 1) // 2, x.shape[1]
        sums = [(x[:, max(0, c - before) : c - before + size] ** 2).sum(axis=1) for c in range(channels)]
        return ((x / (bias + alpha / size * np.stack(sums, 1)) ** beta).astype(x.dtype),)


class LpNormalization(OpRun):  # type: ignore[misc]
    """Forgets the sign with p = 1."""

    def _run(self, x: Array, axis: int = -1, p: int = 2) -> tuple[Array]:
        norm = (np.abs(x) ** p).sum(axis=axis, keepdims=True) ** (1 / p)
        return (np.where(norm == 0, 0, x / np.where(norm == 0, 1, norm)).astype(x.dtype),)


class Mean(OpRun):  # type: ignore[misc]
    """Stretches the first operand to none of the others."""

    def _run(self, *operands: Array) -> tuple[Array]:
        return (np.asarray(sum(operands[1:], operands[0]) / np.asarray(len(operands), operands[0].dtype)),)


class MeanVarianceNormalization(OpRun):  # type: ignore[misc]
    """Fails in double precision: its definition holds constants of float32."""

    def _run(self, x: Array, axes: Any = (0, 2, 3)) -> tuple[Array]:
        mean = x.mean(axis=tuple(axes), keepdims=True)
        return (((x - mean) / (x.std(axis=tuple(axes), keepdims=True) + 1e-9)).astype(x.dtype),)


class Pad(ReferencePad):  # type: ignore[misc]
    """Cannot crop, which negative padding does."""

    def _run(self, x: Array, pads: Array, *more: Any, **attributes: Any) -> Any:
        axes = [int(axis) % x.ndim for axis in more[1]] if len(more) > 1 and more[1] is not None else range(x.ndim)
        index = [slice(None)] * x.ndim
        for axis, begin, end in zip(axes, *np.reshape(pads, (2, -1)), strict=True):
            index[axis] = slice(max(-begin, 0), x.shape[axis] - max(-end, 0))
        return super()._run(x[tuple(index)], np.maximum(pads, 0), *more, **attributes)


class Unique(OpRun):  # type: ignore[misc]
    """Unsorted: takes places in the input for places among the results, or sorts all the same."""

    def _run(self, x: Array, axis: int | None = None, sorted: int = 1) -> tuple[Array, ...]:
        along = None if axis is None or np.isnan(axis) else axis
        y, first, inverse, counts = np.unique(x, True, True, True, axis=along)
        order = np.arange(first.size) if sorted else np.argsort(first)
        rows = y.take(order, axis=along or 0)
        places = np.argsort(order)[inverse.reshape(-1)]
        return (rows, first[order], places, counts[order])[: len(self.onnx_node.output)]


CORRECTED = (
    AveragePool,
    BatchNormalization,
    ConvTranspose,
    DequantizeLinear,
    GatherElements,
    GlobalLpPool,
    GlobalMaxPool,
    GridSample,
    GroupNormalization,
    LRN,
    LpNormalization,
    LpPool,
    MaxPool,
    Mean,
    MeanVarianceNormalization,
    Pad,
    Unique,
)
