"""How the random graphs draw quantized operators, and what quantizers write around others; a function for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from random_draft import Draft, Drawn, Fits
from random_layers import groups_of, vector, window
from random_ops import Emit, broadcasting


def _zero(d: Draft, dtype: Any) -> Drawn:
    return d.constant(d.below(9) + (120 if dtype == np.uint8 else 0), dtype)


def _quantize(d: Draft) -> object:
    x = d.value("f", (1, 4))
    dtype = d.choose([np.uint8, np.int8])
    if d.chance(0.3) and x.rank > 1:
        n = x.shape[1]
        zeros = d.constant(d.numbers([n], dtype))
        return d.add("QuantizeLinear", [x, d.constant(d.random.uniform(0.05, 0.2, n), np.float32), zeros], axis=1)
    return d.add("QuantizeLinear", [x, d.constant(d.random.uniform(0.05, 0.2), np.float32), _zero(d, dtype)])


def _quantize_by_range(d: Draft) -> object:
    return d.add("DynamicQuantizeLinear", [d.value()], 3)


def _dequantize(d: Draft) -> object:
    x = d.value("q", (1, 4))
    return d.add("DequantizeLinear", [x, d.constant(d.random.uniform(0.01, 0.1), np.float32), _zero(d, x.array.dtype)])


def _integers_of(d: Draft, ranks: tuple[int, int]) -> Drawn:
    """A quantized value of some rank; where there is none, one is made of floats."""
    x = d.value("f", ranks, lambda value: value.array.size < 600)
    step = d.constant(max(float(np.abs(x.array).max()), 0.1) / 100, np.float32)
    return d.add("QuantizeLinear", [x, step, d.constant(128, np.uint8)])[0]


def _conv_integer(d: Draft) -> object:
    x = _integers_of(d, (4, 4))
    drawn = window(d, x, dilated=False)
    w = d.constant(d.numbers((1 + d.below(4), x.shape[1], *drawn["kernel_shape"]), np.uint8))
    (sums,) = d.add("ConvInteger", [x, w, _zero(d, np.uint8), d.constant(3, np.uint8)], **drawn)
    return d.add("Mul", [d.add("Cast", [sums], to=1)[0], d.constant(1e-3, np.float32)])


def _q_linear_conv(d: Draft) -> object:
    x = _integers_of(d, (4, 4))
    drawn, made = window(d, x, dilated=False), 1 + d.below(4)
    w = d.constant(d.numbers((made, x.shape[1], *drawn["kernel_shape"]), np.int8))
    scales = [d.constant(scale, np.float32) for scale in (0.02, 0.01, 0.05)]
    zeros = [_zero(d, np.uint8), d.constant(0, np.int8), _zero(d, np.uint8)]
    given = [x, scales[0], zeros[0], w, scales[1], zeros[1], scales[2], zeros[2]]
    (y,) = d.add("QLinearConv", [*given, d.constant(d.numbers([made], np.int32))], **drawn)
    return d.add("DequantizeLinear", [y, scales[2], zeros[2]])


def _mat_mul_integer(d: Draft) -> object:
    a = _integers_of(d, (2, 4))
    b = d.constant(d.numbers((a.shape[-1], 1 + d.below(9)), np.uint8))
    (sums,) = d.add("MatMulInteger", [a, b, _zero(d, np.uint8), d.constant(4, np.uint8)])
    return d.add("Mul", [d.add("Cast", [sums], to=1)[0], d.constant(1e-3, np.float32)])


def _q_linear_mat_mul(d: Draft) -> object:
    a = _integers_of(d, (2, 4))
    b = d.constant(d.numbers((a.shape[-1], 1 + d.below(9)), np.uint8))
    scales = [d.constant(scale, np.float32) for scale in (0.02, 0.01, 0.05)]
    zeros = [_zero(d, np.uint8), d.constant(4, np.uint8), _zero(d, np.uint8)]
    (y,) = d.add("QLinearMatMul", [a, scales[0], zeros[0], b, scales[1], zeros[1], scales[2], zeros[2]])
    return d.add("DequantizeLinear", [y, scales[2], zeros[2]])


def _through_integers(d: Draft, x: Drawn) -> Drawn:
    """As quantizers write it: rounded to 8 bits, and back."""
    dtype = d.choose([np.uint8, np.int8])
    step = d.constant(max(float(np.abs(x.array).max()), 0.1) / (100 if d.chance(0.8) else 40), np.float32)
    zero = _zero(d, dtype) if d.chance(0.8) else d.constant(0, dtype)
    return d.add("DequantizeLinear", [d.add("QuantizeLinear", [x, step, zero])[0], step, zero])[0]


def _integer_weights(d: Draft, shape: Sequence[int], axis: int) -> Drawn:
    w, scale = d.constant(d.random.integers(-127, 128, tuple(shape)), np.int8), 1 / 64 / np.sqrt(np.prod(shape[1:]))
    if d.chance(0.5):
        return d.add("DequantizeLinear", [w, d.constant(scale, np.float32), d.constant(0, np.int8)])[0]
    n = shape[axis]
    scales = d.constant(scale * d.random.uniform(0.5, 1.5, n), np.float32)
    return d.add("DequantizeLinear", [w, scales, d.constant(np.zeros(n), np.int8)], axis=axis)[0]


def _small(rank: int) -> tuple[str, tuple[int, int], Fits]:
    return "f", (rank, rank), lambda value: bool(value.array.size < 600)


def _quantized_conv(d: Draft) -> object:
    x = _through_integers(d, d.value(*_small(4)))
    drawn, channels = window(d, x, dilated=d.chance(0.3)), x.shape[1]
    groups = groups_of(d, channels)
    made = groups * (1 + d.below(3))
    w = _integer_weights(d, (made, channels // groups, *drawn["kernel_shape"]), 0)
    (y,) = d.add("Conv", [x, w, *([vector(d, made)] if d.chance(0.6) else [])], group=groups, **drawn)
    if d.chance(0.5):
        (y,) = d.add("Relu", [y])
    return _through_integers(d, y)


def _quantized_mat_mul(d: Draft) -> object:
    x = _through_integers(d, d.value(*_small(d.choose([2, 3, 4]))))
    n = 1 + d.below(9)
    (y,) = d.add("MatMul", [x, _integer_weights(d, (x.shape[-1], n), 1)])
    if d.chance(0.5):
        (y,) = d.add("Add", [y, vector(d, n)])
    return _through_integers(d, y)


def _quantized_sum(d: Draft) -> object:
    a = d.value(*_small(d.choose([2, 3, 4])))
    b = d.constant(d.numbers(a.shape)) if d.chance(0.5) else broadcasting(d, a)
    return _through_integers(d, d.add("Add", [_through_integers(d, a), _through_integers(d, b)])[0])


QUANTIZED: dict[str, Emit] = {
    "QuantizeLinear": _quantize,
    "DequantizeLinear": _dequantize,
    "DynamicQuantizeLinear": _quantize_by_range,
    "ConvInteger": _conv_integer,
    "QLinearConv": _q_linear_conv,
    "MatMulInteger": _mat_mul_integer,
    "QLinearMatMul": _q_linear_mat_mul,
    "quantized Conv": _quantized_conv,
    "quantized MatMul": _quantized_mat_mul,
    "quantized Add": _quantized_sum,
}
