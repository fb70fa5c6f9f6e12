"""The quantized operators with NumPy: integer sums exactly, scales and rounding in float32 as ONNX defines them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from . import dtypes
from .attributes import integer
from .ir import Node

Arrays: TypeAlias = npt.NDArray[Any]
Inputs: TypeAlias = list["Arrays | None"]
Product: TypeAlias = Callable[[Node, Inputs], Arrays]

_FROM_ONNX = {number: name for name, number in dtypes.ONNX.items()}


def plain(node: Node) -> bool:
    """Whether it is of the kind that the functions below compute: in float32, a scale for all or along an axis."""
    others = ("block_size", "precision") + (("output_dtype",) if node.op == "DequantizeLinear" else ())
    return not any(integer(node, key, 0) for key in others)


def rounded(x: Arrays, scale: Arrays, zero: Arrays) -> Arrays:
    """The integers of the zero point's type that stand for x: to nearest, of two to the even one, within limits."""
    limits = np.iinfo(zero.dtype)
    with np.errstate(over="ignore"):
        steps = np.rint(np.asarray(x, np.float32) / np.asarray(scale, np.float32)).astype(np.float64)
    integers: Arrays = np.clip(np.nan_to_num(steps, nan=-np.inf) + zero, limits.min, limits.max).astype(zero.dtype)
    return integers


def restored(x: Arrays, scale: Arrays, zero: Arrays | int) -> Arrays:
    """The floats that integers stand for."""
    steps = (x.astype(np.int64) - np.asarray(zero, np.int64)).astype(np.float32)
    floats: Arrays = (steps * np.asarray(scale, np.float32)).astype(np.float64)
    return floats


def quantize_linear(node: Node, inputs: Inputs) -> Arrays:
    """QuantizeLinear."""
    x, scale, zero = _given(inputs)
    if zero is None:
        zero = np.zeros(scale.shape, dtypes.NUMPY[_FROM_ONNX[integer(node, "output_dtype", 0) or dtypes.ONNX["u8"]]])
    return rounded(x, _along(node, x, scale), _along(node, x, zero))


def dequantize_linear(node: Node, inputs: Inputs) -> Arrays:
    """DequantizeLinear."""
    x, scale, zero = _given(inputs)
    return restored(x, _along(node, x, scale), 0 if zero is None else _along(node, x, zero))


def conv_integer(product: Product, node: Node, inputs: Inputs) -> Arrays:
    """ConvInteger, of a convolution of floats."""
    x, w, x_zero, w_zero = [*inputs, None, None][:4]
    return _wrapped(_convolved(product, node, (x, x_zero), (w, w_zero)))


def qlinear_conv(product: Product, node: Node, inputs: Inputs) -> Arrays:
    """QLinearConv, of a convolution of floats."""
    x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias = [*inputs, None][:9]
    sums = _convolved(product, node, (x, x_zero), (w, w_zero))
    if bias is not None:
        sums = sums + _per_channel(bias, sums.ndim)
    factor = _factor(x_scale, _per_channel(np.asarray(w_scale), sums.ndim), y_scale)
    return _requantized(sums, factor, y_zero)


def matmul_integer(_: Node, inputs: Inputs) -> Arrays:
    """MatMulInteger."""
    a, b, a_zero, b_zero = [*inputs, None, None][:4]
    return _wrapped(_less(a, _rows(a_zero)) @ _less(b, b_zero))


def qlinear_matmul(_: Node, inputs: Inputs) -> Arrays:
    """QLinearMatMul."""
    a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero = inputs
    sums = _less(a, _rows(a_zero)) @ _less(b, b_zero)
    return _requantized(sums, _factor(_rows(a_scale), b_scale, y_scale), y_zero)


def _given(inputs: Inputs) -> tuple[Arrays, Arrays, Arrays | None]:
    x, scale, zero = [*inputs, None][:3]
    return np.asarray(x), np.asarray(scale), zero


def _along(node: Node, x: Arrays, numbers: Arrays) -> Arrays:
    """One number for all, or one for each place along the axis, shaped to broadcast over x."""
    if numbers.size == 1:
        return numbers.reshape(())
    axis = integer(node, "axis", 1) % x.ndim
    return numbers.reshape([-1 if i == axis else 1 for i in range(x.ndim)])


def _convolved(
    product: Product, node: Node, x: tuple[Arrays | None, Arrays | None], w: tuple[Arrays | None, Arrays | None]
) -> Arrays:
    weights = np.asarray(w[0])
    zero = None if w[1] is None else np.asarray(w[1]).reshape(-1, *[1] * (weights.ndim - 1))
    return product(node, [_less(*x), _less(weights, zero)])


def _less(x: Arrays | None, zero: Arrays | None) -> Arrays:
    """Integers less their zero point, as doubles, which hold their products and sums exactly."""
    integers = np.asarray(x).astype(np.float64)
    return integers if zero is None else integers - zero


def _rows(numbers: Arrays | None) -> Arrays | None:
    """A parameter of the first factor: one for all, or one for each row."""
    return numbers[:, None] if numbers is not None and numbers.ndim == 1 and numbers.size > 1 else numbers


def _per_channel(numbers: Arrays, rank: int) -> Arrays:
    return numbers.reshape(1, -1, *[1] * (rank - 2))


def _factor(a: Arrays | None, b: Arrays | None, y: Arrays | None) -> Arrays:
    parts = [np.asarray(scale).astype(np.float32) for scale in (a, b, y)]
    return np.asarray(parts[0] * parts[1] / parts[2])


def _wrapped(sums: Arrays) -> Arrays:
    """Sums as 32 bits hold them."""
    return sums.astype(np.int64).astype(np.int32)


def _requantized(sums: Arrays, factor: Arrays, zero: Arrays | None) -> Arrays:
    return rounded(_wrapped(sums).astype(np.float32) * factor, np.float32(1), np.asarray(zero).reshape(()))
