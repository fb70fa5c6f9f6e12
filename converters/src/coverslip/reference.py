"""Runs a graph in double precision with NumPy: the definition of every operator, slow and readable."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from . import onnx_double
from . import reference_quantized as quantized
from . import window as win
from .attributes import integer, integers, label, real, text
from .dtypes import NUMPY
from .errors import Errc, Error
from .ir import Graph, Node
from .operators import ALPHAS
from .reference_resize import PLAIN_COORDINATES, resize

Arrays: TypeAlias = npt.NDArray[Any]
Index: TypeAlias = tuple[Any, ...]
Inputs: TypeAlias = list["Arrays | None"]
Settle: TypeAlias = Callable[[str, Arrays], Arrays]

_INTEGER_WINDOWS = ("ConvInteger", "QLinearConv")
_ONNX_TYPES = {1: "f32", 2: "u8", 3: "i8", 6: "i32", 7: "i64", 9: "bool", 10: "f16", 16: "bf16"}


def run(graph: Graph, feeds: dict[str, Arrays], settle: Settle | None = None) -> dict[str, Arrays]:
    """The outputs by name. Floats are computed as float64, integers as they are. Raises Error(Unsupported).

    `settle` sees each value that a node makes, by name, and says what to go on with.
    """
    values = {name: widen(array) for name, array in graph.constants.items()}
    values |= {name: widen(array) for name, array in feeds.items()}
    last_use = {name: i for i, node in enumerate(graph.nodes) for name in node.inputs}
    kept = {value.name for value in graph.outputs} | set(graph.constants)
    for i, node in enumerate(graph.nodes):
        inputs = [values[name] if name else None for name in node.inputs]
        made = [evaluate(node, inputs)] if knows(node) else onnx_double.evaluate(node, inputs)
        if settle is not None:
            made = [settle(name, array) for name, array in zip(node.outputs, made, strict=True)]
        values |= zip(node.outputs, made, strict=True)
        for name in set(node.inputs):
            if name and last_use[name] == i and name not in kept:
                del values[name]
    return {value.name: values[value.name] for value in graph.outputs}


def knows(node: Node) -> bool:
    """Whether the node is defined here; of all others ONNX's own reference is asked."""
    return node.op in _OPERATORS and len(node.outputs) == 1 and _plain(node)


def _plain(node: Node) -> bool:
    """Whether it is of the kind that the functions below compute."""
    if node.op == "Resize":
        crops = text(node, "coordinate_transformation_mode", "half_pixel") not in PLAIN_COORDINATES
        bent = integer(node, "antialias", 0) or integer(node, "exclude_outside", 0) or "axes" in node.attributes
        stretched = text(node, "keep_aspect_ratio_policy", "stretch") == "stretch"
        return not crops and not bent and stretched and text(node, "mode", "nearest") != "cubic"
    if node.op == "BatchNormalization":
        return not integer(node, "training_mode", 0)
    if node.op == "Pad":
        return len(node.inputs) < 4 and text(node, "mode", "constant") != "wrap"
    if node.op in ("QuantizeLinear", "DequantizeLinear"):
        return quantized.plain(node)
    return node.op not in (*win.WINDOWED, *_INTEGER_WINDOWS) or text(node, "auto_pad", "NOTSET") in ("NOTSET", "VALID")


def widen(array: Arrays) -> Arrays:
    """Any float as float64."""
    floating = np.issubdtype(array.dtype, np.floating) or array.dtype == NUMPY["bf16"]
    return array.astype(np.float64) if floating else array


def evaluate(node: Node, inputs: Inputs) -> Arrays:
    """One node's output, fused residual and activation included. Raises Error, where its inputs do not fit too."""
    if node.op not in _OPERATORS:
        raise Error(Errc.Unsupported, label(node), "the reference does not know this operator")
    try:
        return activate(node, _OPERATORS[node.op](node, inputs))
    except (ValueError, IndexError, ArithmeticError) as error:
        raise Error(Errc.BadShape, label(node), f"its inputs do not fit: {error}") from error


def activate(node: Node, y: Arrays) -> Arrays:
    """The activation that is fused into a node, if any."""
    kind = text(node, "activation", "")
    if not kind:
        return y
    if kind not in _ACTIVATIONS:
        raise Error(Errc.BadModel, label(node), f"unknown activation '{kind}'")
    return _ACTIVATIONS[kind](y, real(node, "activation_alpha", 0.0), real(node, "activation_beta", 0.0))


def sigmoid(x: Arrays) -> Arrays:
    """Exact for large |x| too: exp never sees a positive argument."""
    e = np.exp(-np.abs(x))
    result: Arrays = np.where(x >= 0, 1 / (1 + e), e / (1 + e))
    return result


def need(inputs: Inputs, index: int) -> Arrays:
    """A required input."""
    value = optional(inputs, index)
    if value is None:
        raise Error(Errc.BadModel, f"input {index}", "is missing")
    return value


def optional(inputs: Inputs, index: int) -> Arrays | None:
    """An input that may be absent."""
    return inputs[index] if index < len(inputs) else None


def _taps(w: win.Window) -> Iterator[tuple[int, ...]]:
    yield from product(*(range(k) for k in w.kernel))


def _at(w: win.Window, tap: tuple[int, ...], lengths: list[int]) -> tuple[slice, ...]:
    """Where a tap reads in the padded input, for every window position."""
    starts = [w.dilations[i] * tap[i] for i in range(len(tap))]
    spans = zip(starts, lengths, w.strides, strict=True)
    return (slice(None), slice(None), *(slice(s, s + (n - 1) * d + 1, d) for s, n, d in spans))


def _padded(x: Arrays, begin: list[int], end: list[int], value: float) -> Arrays:
    """Pads the spatial axes; negative padding crops."""
    grow = [(0, 0), (0, 0), *((max(b, 0), max(e, 0)) for b, e in zip(begin, end, strict=True))]
    cut = tuple(slice(max(-b, 0), -max(-e, 0) or None) for b, e in zip(begin, end, strict=True))
    index = (slice(None), slice(None), *cut)
    return np.pad(x, grow, constant_values=value)[index]


def _conv(node: Node, inputs: Inputs) -> Arrays:
    x, weights = need(inputs, 0), need(inputs, 1)
    groups = integer(node, "group", 1)
    w = win.of(node, list(weights.shape[2:]))
    lengths = [win.out_length(w, i, n) for i, n in enumerate(x.shape[2:])]
    if x.shape[1] != weights.shape[1] * groups or min(lengths, default=1) < 1:
        raise Error(Errc.BadShape, label(node), f"input {x.shape} does not fit weights {weights.shape}, group {groups}")
    padded = _padded(x, w.begin, w.end, 0)
    batch, filters = x.shape[0], weights.shape[0]
    y = np.zeros((batch, groups, filters // groups, int(np.prod(lengths))))
    by_group = weights.reshape(groups, filters // groups, *weights.shape[1:])
    for tap in _taps(w):
        seen = padded[_at(w, tap, lengths)].reshape(batch, groups, weights.shape[1], -1)
        index: Index = (..., *tap)
        y += np.matmul(by_group[index], seen)
    y = y.reshape(batch, filters, *lengths)
    return _residual(inputs, 3, y + _per_channel(optional(inputs, 2), y.ndim))


def _per_channel(vector: Arrays | None, rank: int) -> Arrays:
    if vector is None:
        return np.zeros([1] * rank)
    return vector.reshape(1, -1, *[1] * (rank - 2))


def _residual(inputs: Inputs, index: int, y: Arrays) -> Arrays:
    more = optional(inputs, index)
    return y if more is None else y + more


def _conv_transpose(node: Node, inputs: Inputs) -> Arrays:
    x, weights = need(inputs, 0), need(inputs, 1)
    groups, rank = integer(node, "group", 1), x.ndim - 2
    w = win.of(node, list(weights.shape[2:]))
    extra = integers(node, "output_padding", [0] * rank)
    batch, channels, filters = x.shape[0], x.shape[1], weights.shape[1] * groups
    if channels != weights.shape[0]:
        raise Error(Errc.BadShape, label(node), f"input has {channels} channels, weights want {weights.shape[0]}")
    sizes = list(x.shape[2:])
    full = [win.transposed_length(w, i, n, extra[i]) + w.begin[i] + w.end[i] for i, n in enumerate(sizes)]
    y = np.zeros((batch, filters, *full))
    by_group = weights.reshape(groups, channels // groups, *weights.shape[1:])
    flat = x.reshape(batch, groups, channels // groups, -1)
    for tap in _taps(w):
        index: Index = (..., *tap)
        made = np.matmul(np.swapaxes(by_group[index], 1, 2), flat)
        y[_at(w, tap, sizes)] += made.reshape(batch, filters, *sizes)
    y = _padded(y, [-b for b in w.begin], [-e for e in w.end], 0)
    return y + _per_channel(optional(inputs, 2), y.ndim)


def _pool_parts(node: Node, x: Arrays) -> tuple[win.Window, list[int], list[int]]:
    w = win.of(node, integers(node, "kernel_shape", []))
    lengths = [win.out_length(w, i, n, win.ceil_mode(node)) for i, n in enumerate(x.shape[2:])]
    covered = [(n - 1) * w.strides[i] + w.reach(i) for i, n in enumerate(lengths)]
    end = [max(c - x.shape[2 + i] - w.begin[i], 0) for i, c in enumerate(covered)]
    return w, lengths, end


def _max_pool(node: Node, inputs: Inputs) -> Arrays:
    x = need(inputs, 0)
    w, lengths, end = _pool_parts(node, x)
    padded = _padded(x.astype(np.float64), w.begin, end, -np.inf)
    y = np.full((*x.shape[:2], *lengths), -np.inf)
    for tap in _taps(w):
        y = np.maximum(y, padded[_at(w, tap, lengths)])
    return y.astype(x.dtype)


def _average_pool(node: Node, inputs: Inputs) -> Arrays:
    x = need(inputs, 0)
    w, lengths, end = _pool_parts(node, x)
    ones = np.ones((1, 1, *x.shape[2:]))
    if integer(node, "count_include_pad", 0):
        ones = _padded(ones, w.begin, w.end, 1)  # what ceil_mode reads beyond the padding does not count
        mask = _padded(ones, [0] * len(end), [max(e - p, 0) for e, p in zip(end, w.end, strict=True)], 0)
    else:
        mask = _padded(ones, w.begin, end, 0)
    padded = _padded(x, w.begin, end, 0)
    total, count = np.zeros((*x.shape[:2], *lengths)), np.zeros((1, 1, *lengths))
    for tap in _taps(w):
        at = _at(w, tap, lengths)
        total, count = total + padded[at], count + mask[at]
    result: Arrays = total / count
    return result


def _batch_norm(node: Node, inputs: Inputs) -> Arrays:
    x = need(inputs, 0)
    scale, bias, mean, var = (_per_channel(need(inputs, i), max(x.ndim, 2)) for i in range(1, 5))
    result: Arrays = (x - mean) / np.sqrt(var + real(node, "epsilon", 1e-5)) * scale + bias
    return result


def _clip(node: Node, inputs: Inputs) -> Arrays:
    low, high = optional(inputs, 1), optional(inputs, 2)
    y = need(inputs, 0)
    y = y if low is None else np.maximum(y, low)
    return y if high is None else np.minimum(y, high)


def _softmax(node: Node, inputs: Inputs) -> Arrays:
    x, axis = need(inputs, 0), integer(node, "axis", -1)
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    result: Arrays = e / e.sum(axis=axis, keepdims=True)
    return result


def _gemm(node: Node, inputs: Inputs) -> Arrays:
    a, b, c = need(inputs, 0), need(inputs, 1), optional(inputs, 2)
    a = a.T if integer(node, "transA", 0) else a
    b = b.T if integer(node, "transB", 0) else b
    y: Arrays = real(node, "alpha", 1.0) * (a @ b)
    y = y if c is None else y + real(node, "beta", 1.0) * c
    return _residual(inputs, 3, y)


def _slice(node: Node, inputs: Inputs) -> Arrays:
    x, starts, ends = need(inputs, 0), need(inputs, 1), need(inputs, 2)
    axes, steps = optional(inputs, 3), optional(inputs, 4)
    where = range(len(starts)) if axes is None else [int(axis) % x.ndim for axis in axes]
    index = [slice(None)] * x.ndim
    for i, axis in enumerate(where):
        step = 1 if steps is None else int(steps[i])
        start, end, size = int(starts[i]), int(ends[i]), x.shape[axis]
        if step < 0 and end < -size:
            index[axis] = slice(start, None, step)
        else:
            index[axis] = slice(start, end, step)
    return x[tuple(index)]


def _pad(node: Node, inputs: Inputs) -> Arrays:
    x, pads = need(inputs, 0), [int(p) for p in need(inputs, 1)]
    value = optional(inputs, 2)
    rank = x.ndim
    begin, end = pads[:rank], pads[rank:]
    grow = [(max(b, 0), max(e, 0)) for b, e in zip(begin, end, strict=True)]
    cut = tuple(slice(max(-b, 0), -max(-e, 0) or None) for b, e in zip(begin, end, strict=True))
    mode = text(node, "mode", "constant")
    if mode == "constant":
        return np.pad(x, grow, constant_values=0 if value is None else value.reshape(-1)[0])[cut]
    return np.pad(x, grow, mode="reflect" if mode == "reflect" else "edge")[cut]


def _reshape(node: Node, inputs: Inputs) -> Arrays:
    x, wanted = need(inputs, 0), [int(n) for n in need(inputs, 1)]
    if not integer(node, "allowzero", 0):
        wanted = [x.shape[i] if n == 0 else n for i, n in enumerate(wanted)]
    return x.reshape(wanted)


def _flatten(node: Node, inputs: Inputs) -> Arrays:
    x, axis = need(inputs, 0), integer(node, "axis", 1)
    return x.reshape(int(np.prod(x.shape[: axis + x.ndim if axis < 0 else axis])), -1)


def _transpose(node: Node, inputs: Inputs) -> Arrays:
    x = need(inputs, 0)
    result: Arrays = x.transpose(integers(node, "perm", list(range(x.ndim))[::-1]))
    return result


def _cast(node: Node, inputs: Inputs) -> Arrays:
    return widen(need(inputs, 0).astype(NUMPY[_ONNX_TYPES[integer(node, "to", 1)]]))


def _concat(node: Node, inputs: Inputs) -> Arrays:
    parts = [x for x in inputs if x is not None]
    result: Arrays = np.concatenate(parts, axis=integer(node, "axis", 0))
    return result


_ACTIVATIONS: dict[str, Callable[[Arrays, float, float], Arrays]] = {
    "Relu": lambda y, _a, _b: np.maximum(y, 0),
    "LeakyRelu": lambda y, alpha, _: np.where(y < 0, alpha * y, y),
    "Clip": lambda y, alpha, beta: np.minimum(np.maximum(y, alpha), beta),
    "Sigmoid": lambda y, _a, _b: sigmoid(y),
    "HardSigmoid": lambda y, alpha, beta: np.clip(alpha * y + beta, 0, 1),
    "Elu": lambda y, alpha, _: np.where(y < 0, alpha * np.expm1(np.minimum(y, 0)), y),
    "HardSwish": lambda y, _a, _b: y * np.clip(y / 6 + 0.5, 0, 1),
    "Tanh": lambda y, _a, _b: np.tanh(y),
    "Mish": lambda y, _a, _b: y * np.tanh(np.logaddexp(y, 0)),
    "Gelu": lambda y, _a, _b: y * np.vectorize(math.erfc)(-y * math.sqrt(0.5)).astype(y.dtype) / 2,
    "GeluTanh": lambda y, _a, _b: y / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (y + 0.044715 * y**3))),
    "Swish": lambda y, alpha, _: y * sigmoid(alpha * y),
}

_OPERATORS: dict[str, Callable[[Node, Inputs], Arrays]] = {
    "Add": lambda _, x: np.asarray(need(x, 0) + need(x, 1)),
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "Clip": _clip,
    "Concat": _concat,
    "Conv": _conv,
    "ConvInteger": partial(quantized.conv_integer, _conv),
    "ConvTranspose": _conv_transpose,
    "DequantizeLinear": quantized.dequantize_linear,
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GlobalAveragePool": lambda _, x: need(x, 0).mean(axis=tuple(range(2, need(x, 0).ndim)), keepdims=True),
    "HardSigmoid": lambda n, x: _ACTIVATIONS[n.op](need(x, 0), real(n, "alpha", 0.2), real(n, "beta", 0.5)),
    "Identity": lambda _, x: need(x, 0),
    "LeakyRelu": lambda n, x: _ACTIVATIONS[n.op](need(x, 0), real(n, "alpha", ALPHAS[n.op]), 0.0),
    "MatMul": lambda _, x: _residual(x, 3, _residual(x, 2, np.asarray(need(x, 0) @ need(x, 1)))),
    "MatMulInteger": quantized.matmul_integer,
    "MaxPool": _max_pool,
    "Mul": lambda _, x: np.asarray(need(x, 0) * need(x, 1)),
    "Pad": _pad,
    "QLinearConv": partial(quantized.qlinear_conv, _conv),
    "QLinearMatMul": quantized.qlinear_matmul,
    "QuantizeLinear": quantized.quantize_linear,
    "Relu": lambda n, x: _ACTIVATIONS[n.op](need(x, 0), 0.0, 0.0),
    "Reshape": _reshape,
    "Resize": lambda n, x: resize(n, need(x, 0), optional(x, 2), optional(x, 3)),
    "Sigmoid": lambda n, x: _ACTIVATIONS[n.op](need(x, 0), 0.0, 0.0),
    "Slice": _slice,
    "Softmax": _softmax,
    "Transpose": _transpose,
}
