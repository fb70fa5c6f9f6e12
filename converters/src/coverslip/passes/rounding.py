"""Rounds weights to 16-bit floats so that the errors of those which one output sums cancel."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..ir import Array, Node


def nearest(array: Array, dtype: str) -> Array:
    """To nearest, ties to even."""
    with np.errstate(over="ignore", invalid="ignore"):
        half: Array = array.astype(dtypes.NUMPY[dtype])
    return half


def summed_axes(node: Node, name: str, rank: int) -> tuple[int, ...]:
    """The axes of a constant that a product sums over; none where it is no weight, or that is not known."""
    if name not in node.inputs[:2] or rank < 2:
        return ()
    if node.op == "Conv":
        return tuple(range(1, rank))
    if node.op == "ConvTranspose":
        return (0,) if node.attributes.get("group", 1) == 1 else ()
    first = node.inputs[0] == name
    if node.op == "Gemm":
        return (0,) if bool(node.attributes.get("transA" if first else "transB", 0)) == first else (1,)
    if node.op == "MatMul":
        return (rank - 1,) if first else (rank - 2,)
    return ()


def keeping_sums(array: Array, half: Array, axes: tuple[int, ...]) -> Array:
    """`half`, `array` rounded to nearest, but for some numbers that go the other way, so that sums along the axes stay.

    They stay within half a place of the largest number. What a layer reads is seldom 0 on average, behind a Relu never,
    so errors that sum to something shift its outputs: Nagel et al., "Data-Free Quantization Through Weight Equalization
    and Bias Correction" (arXiv:1906.04721), correct that in biases. Numbers near the middle of two go first.
    """
    last = tuple(range(-len(axes), 0))
    wide, moved = np.moveaxis(array, axes, last), np.moveaxis(half, axes, last).copy()
    rows = (-1, int(np.prod(wide.shape[-len(axes) :])))
    with np.errstate(invalid="ignore"):
        error = (moved.astype(np.float64) - wide).reshape(rows)
    error[~np.isfinite(error)] = 0
    other = _other_neighbours(moved.reshape(rows), error)
    with np.errstate(invalid="ignore"):
        step = other.astype(np.float64) - moved.reshape(rows).astype(np.float64)
    total = error.sum(axis=1, keepdims=True)
    helps = (error * total > 0) & (step * error < 0) & np.isfinite(step)
    step[~helps] = 0
    # A number that moves by `step` adds so much to the squares of all errors, for each unit of the sum.
    order = np.argsort(np.where(helps, np.abs(step) - 2 * np.abs(error), np.inf), axis=1, kind="stable")
    sums = total + np.cumsum(np.take_along_axis(step, order, axis=1), axis=1)
    count = np.argmin(np.abs(np.concatenate([total, sums], axis=1)), axis=1)
    chosen = np.zeros(step.shape, bool)
    np.put_along_axis(chosen, order, np.arange(step.shape[1]) < count[:, None], axis=1)
    made: Array = np.where(chosen & helps, other, moved.reshape(rows)).reshape(moved.shape)
    return np.moveaxis(made, last, axes)


def _other_neighbours(half: Array, error: Array) -> Array:
    """Of the two numbers around each one that was rounded, the one that it did not become; zeros stay."""
    bits = half.view(np.int16)
    away = np.where((error < 0) ^ np.signbit(half), 1, -1)  # from 0: one more in the bits
    return np.where((half != 0) & (error != 0), bits + away, bits).astype(np.int16).view(half.dtype)
