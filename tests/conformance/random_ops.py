"""How the random graphs draw operators that work on elements, axes and shapes: a function for each, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from onnx import helper
from random_draft import Array, Draft, Drawn, Rejected

Emit: TypeAlias = Callable[[Draft], object]


def _unary(op: str, kind: str = "f", **draws: tuple[float, float]) -> Emit:
    """An operator of one input; its attributes are drawn from these ranges."""

    def emit(d: Draft) -> object:
        drawn = {name: float(np.float32(d.random.uniform(*ends))) for name, ends in draws.items() if d.chance(0.8)}
        return d.add(op, [d.value(kind, (0, 5))], 1, **drawn)

    return emit


def _within(op: str, low: float, high: float) -> Emit:
    """An operator that is defined, or well conditioned, between two bounds only."""

    def emit(d: Draft) -> object:
        (unit,) = d.add("Sigmoid", [d.value()])
        (wide,) = d.add("Mul", [unit, d.constant(high - low, np.float32)])
        return d.add(op, d.add("Add", [wide, d.constant(low, np.float32)]))

    return emit


def broadcasting(d: Draft, a: Drawn, nonzero: bool = False) -> Drawn:
    """A second operand: another value, or a constant with some axes of 1, some left out, or one more in front."""
    if d.chance(0.5) and not nonzero:
        for other in reversed(d.values):
            try:
                shape = np.broadcast_shapes(other.shape, a.shape)
            except ValueError:
                continue
            if other.name != a.name and other.array.dtype == a.array.dtype and len(shape) <= 5 and d.chance(0.6):
                return other
    shape = tuple(1 if d.chance(0.4) else n for n in a.shape)[d.below(a.rank + 1) if d.chance(0.4) else 0 :]
    made = d.numbers((2, *shape) if len(shape) == a.rank < 4 and d.chance(0.1) else shape, a.array.dtype)
    if nonzero:
        made = np.where(made < 0, made - made.dtype.type(1), made + made.dtype.type(1))
    return d.constant(made, a.array.dtype)


def _binary(op: str, kind: str = "f", nonzero: bool = False, **attributes: Any) -> Emit:
    def emit(d: Draft) -> object:
        a = d.value(kind)
        b = broadcasting(d, a, nonzero)
        return d.add(op, [b, a] if d.chance(0.4) and not nonzero else [a, b], **attributes)

    return emit


def _prelu(d: Draft) -> object:
    """The slope stretches to the input, never the other way round."""
    a = d.value()
    slope = broadcasting(d, a)
    if slope.rank > a.rank or np.broadcast_shapes(slope.shape, a.shape) != a.shape:
        raise Rejected
    return d.add("PRelu", [a, slope])


def _pow(d: Draft) -> object:
    (base,) = d.add("Abs", [d.value()])
    (base,) = d.add("Add", [base, d.constant(0.5, np.float32)])
    return d.add("Pow", [base, d.constant(d.choose([2.0, 0.5, 3.0, -1.0, 1.7]), np.float32)])


def _shift(d: Draft) -> object:
    a = d.value("q", fits=lambda value: value.array.dtype == np.uint8)
    return d.add("BitShift", [a, d.constant(d.random.integers(0, 8, a.shape[-1:]), np.uint8)], direction="RIGHT")


def _variadic(op: str) -> Emit:
    def emit(d: Draft) -> object:
        a = d.value()
        return d.add(op, [a, *(broadcasting(d, a) for _ in range(d.below(3)))])

    return emit


def _where(d: Draft) -> object:
    a = d.value("*")
    truths = d.value("b") if d.chance(0.3) else d.constant(d.numbers(a.shape[-2:], np.bool_))
    return d.add("Where", [truths, a, broadcasting(d, a)])


def _clip(d: Draft) -> object:
    a = d.value("f" if d.chance(0.7) else "w", (0, 5))
    low, high = (d.constant(bound, a.array.dtype) for bound in (-2 + d.below(3), 1 + d.below(5)))
    return d.add("Clip", [a, low if d.chance(0.8) else None, high])


def _cast(d: Draft) -> object:
    a = d.value("*", (0, 5))
    to = d.choose([np.float32, np.int64, np.int32, np.uint8, np.int8, np.bool_])
    # What lies outside of the type is the machine's business.
    held = np.iinfo(to) if np.issubdtype(to, np.integer) else None
    if held and not (held.min <= a.array.min() and a.array.max() <= held.max):
        raise Rejected
    if d.chance(0.2):
        return d.add("CastLike", [a, d.constant(np.zeros(1, to))])
    return d.add("Cast", [a], to=helper.np_dtype_to_tensor_dtype(np.dtype(to)))


def _axis(op: str, kind: str = "f", **attributes: Any) -> Emit:
    """An operator along one axis."""

    def emit(d: Draft) -> object:
        a = d.value(kind)
        return d.add(op, [a], axis=d.axis(a), **attributes)

    return emit


def _axes(d: Draft, a: Drawn) -> list[int]:
    chosen = sorted(d.random.choice(a.rank, 1 + d.below(min(a.rank, 3)), replace=False).tolist())
    return [axis - a.rank if d.chance(0.3) else axis for axis in chosen]


def _reduce(op: str, positive: bool = False) -> Emit:
    def emit(d: Draft) -> object:
        a = d.value()
        if positive:  # a logarithm
            a = d.add("Add", [d.add("Abs", [a])[0], d.constant(0.5, np.float32)])[0]
        keep, axes = d.below(2), _axes(d, a)
        if d.opset >= (13 if op == "ReduceSum" else 18):
            return d.add(op, [a] if d.chance(0.2) else [a, d.ints(axes)], keepdims=keep)
        return d.add(op, [a], 1, keepdims=keep, **({} if d.chance(0.2) else {"axes": axes}))

    return emit


def _arg(op: str) -> Emit:
    def emit(d: Draft) -> object:
        a = d.value("*", fits=lambda value: value.array.dtype != np.bool_)
        return d.add(op, [a], axis=d.axis(a), keepdims=d.below(2), select_last_index=d.below(2))

    return emit


def _top_k(d: Draft) -> object:
    a = d.value()
    axis = d.axis(a)
    return d.add("TopK", [a, d.ints([1 + d.below(a.shape[axis])])], 2, axis=axis, largest=d.below(2))


def _cumulate(op: str) -> Emit:
    def emit(d: Draft) -> object:
        a = d.value("f" if d.chance(0.7) else "w")
        return d.add(op, [a, d.constant(d.axis(a), np.int64)], exclusive=d.below(2), reverse=d.below(2))

    return emit


# --- shapes ---


def _reshape(d: Draft) -> object:
    a = d.value("*", (0, 5))
    rest, shape = a.array.size, []
    for _ in range(d.below(4)):
        shape.append(d.choose([n for n in range(1, rest + 1) if rest % n == 0]))
        rest //= shape[-1]
    shape.insert(d.below(len(shape) + 1), -1 if d.chance(0.5) else rest)
    return d.add("Reshape", [a, d.ints(shape)])


def _reshape_by_shape(d: Draft) -> object:
    """As exporters write it: the batch from Shape, the rest flattened."""
    a = d.value("f", (2, 5))
    (batch,) = d.add("Gather", [d.add("Shape", [a])[0], d.ints([0])], axis=0)
    return d.add("Reshape", [a, d.add("Concat", [batch, d.ints([-1])], axis=0)[0]])


def _transpose(d: Draft) -> object:
    a = d.value("*")
    return d.add("Transpose", [a], perm=d.random.permutation(a.rank).tolist())


def _squeeze(d: Draft) -> object:
    a = d.value("*", fits=lambda value: 1 in value.shape)
    return d.add("Squeeze", [a, d.ints([d.choose([i for i, n in enumerate(a.shape) if n == 1])])])


def _unsqueeze(d: Draft) -> object:
    a = d.value("*", (0, 4))
    return d.add("Unsqueeze", [a, d.ints([d.below(a.rank + 1)])])


def _concat(d: Draft) -> object:
    a = d.value("*")
    axis = d.axis(a)
    parts = [a]
    for _ in range(1 + d.below(2)):
        shape = list(a.shape)
        shape[axis] = 1 + d.below(4)
        parts.append(a if d.chance(0.2) else d.constant(d.numbers(shape, a.array.dtype)))
        others = [v for v in d.values if v.array.dtype == a.array.dtype and _but(v, axis, a) and v is not a]
        if others and d.chance(0.8):
            parts[-1] = d.choose(others)
    return d.add("Concat", [parts[i] for i in d.random.permutation(len(parts))], axis=axis)


def _but(value: Drawn, axis: int, like: Drawn) -> bool:
    """Whether it has the other's shape, but for an axis."""
    at = axis % like.rank
    return value.rank == like.rank and all(i == at or value.shape[i] == n for i, n in enumerate(like.shape))


def _split(d: Draft) -> object:
    a = d.value("*", fits=lambda value: max(value.shape) >= 2)
    axis = d.choose([i for i, n in enumerate(a.shape) if n >= 2])
    n = a.shape[axis]
    if d.opset >= 18 and d.chance(0.4):
        return d.add("Split", [a], 2, axis=axis, num_outputs=2)
    first = 1 + d.below(n - 1)
    return d.add("Split", [a, d.ints([first, n - first])], 2, axis=axis)


def _slice(d: Draft) -> object:
    a = d.value("*")
    axes = _axes(d, a)
    starts, ends, steps = [], [], []
    for axis in axes:
        n, step = a.shape[axis], d.choose([1, 1, 2, 3, -1, -2])
        low, high = sorted(d.random.choice(n + 1, 2, replace=n == 0).tolist())
        starts.append(low if step > 0 else high - 1)
        ends.append((high if d.chance(0.7) else 2**31) if step > 0 else (low - 1 if low else -(2**31)))
        steps.append(step)
    return d.add("Slice", [a, *(d.ints(part) for part in (starts, ends, axes, steps))])


def _pad(d: Draft) -> object:
    a = d.value("f" if d.chance(0.8) else "w", (1, 5))
    mode = d.choose(["constant", "reflect", "edge", *(["wrap"] if d.opset >= 19 else [])])
    least = -1 if mode == "constant" else 0
    pads = [int(d.random.integers(least, max(min(3, n), least + 1))) if d.chance(0.5) else 0 for n in 2 * a.shape]
    value = [d.constant(d.below(3), a.array.dtype)] if mode == "constant" and d.chance(0.5) else []
    return d.add("Pad", [a, d.ints(pads), *value], mode=mode)


def _indices(d: Draft, shape: tuple[int, ...], most: int) -> Drawn:
    return d.constant(d.random.integers(-most, most, shape), d.choose([np.int64, np.int64, np.int32]))


def _gather(d: Draft) -> object:
    a = d.value("*")
    axis = d.axis(a)
    return d.add("Gather", [a, _indices(d, d.sizes(d.below(3)), a.shape[axis])], axis=axis)


def _gather_elements(d: Draft) -> object:
    a = d.value("*")
    axis = d.axis(a)
    shape = tuple(1 + d.below(n) for n in a.shape)
    return d.add("GatherElements", [a, _indices(d, shape, a.shape[axis])], axis=axis)


def _deep_indices(d: Draft, a: Drawn, repeat: bool) -> tuple[Drawn, int]:
    """Places along the first axes, for GatherND and ScatterND."""
    depth = 1 + d.below(a.rank)
    all_places = int(np.prod(a.shape[:depth]))
    count = 1 + d.below(min(all_places, 6))
    flat = d.random.choice(all_places, count, replace=repeat)
    return d.ints(np.stack(np.unravel_index(flat, a.shape[:depth]), -1)), depth


def _gather_nd(d: Draft) -> object:
    a = d.value("*")
    return d.add("GatherND", [a, _deep_indices(d, a, True)[0]])


def _scatter_nd(d: Draft) -> object:
    a = d.value("f" if d.chance(0.7) else "w")
    reductions = ["none", "add", "mul", "max", "min"][: 5 if d.opset >= 18 else 3 if d.opset >= 16 else 1]
    reduction = d.choose(reductions)
    # Of places written twice without a reduction, ONNX does not say which write is the last.
    places, depth = _deep_indices(d, a, reduction != "none")
    updates = d.constant(d.numbers((places.shape[0], *a.shape[depth:]), a.array.dtype))
    return d.add("ScatterND", [a, places, updates], **({"reduction": reduction} if d.opset >= 16 else {}))


def _scatter_elements(d: Draft) -> object:
    a = d.value("f" if d.chance(0.7) else "w")
    axis = d.axis(a)
    shape = tuple(1 + d.below(n) for n in a.shape)
    along = np.argsort(d.random.random((*shape[: axis % a.rank], a.shape[axis], *shape[axis % a.rank + 1 :])), axis)
    places = d.ints(np.take(along, range(shape[axis]), axis))  # each but once
    return d.add("ScatterElements", [a, places, d.constant(d.numbers(shape, a.array.dtype))], axis=axis)


def _expand(d: Draft) -> object:
    a = d.value("*", (0, 4))
    shape = [2 + d.below(4) if n == 1 else n for n in a.shape]
    return d.add("Expand", [a, d.ints([2, *shape] if d.chance(0.3) else shape)])


def _tile(d: Draft) -> object:
    a = d.value("*")
    return d.add("Tile", [a, d.ints([1 + d.below(3) if d.chance(0.4) else 1 for _ in a.shape])])


def _compress(d: Draft) -> object:
    a = d.value("*")
    axis = d.axis(a)
    kept: Array = np.arange(a.shape[axis]) % 2 == 0
    return d.add("Compress", [a, d.constant(kept)], axis=axis)


def _one_hot(d: Draft) -> object:
    a = d.value("w", (0, 3))
    if d.chance(0.5):
        a = d.constant(d.random.integers(-4, 4, d.sizes(2)), np.int64)
    return d.add("OneHot", [a, d.ints(4 + d.below(3)), d.constant([-1, 2], np.float32)], axis=d.choose([-1, 0]))


def _trilu(d: Draft) -> object:
    a = d.value("f", (2, 5))
    return d.add("Trilu", [a, d.ints(d.below(5) - 2)], upper=d.below(2))


def _reverse(d: Draft) -> object:
    a = d.value("f", (2, 5))
    time = d.below(2)
    lengths = d.random.integers(1, a.shape[time] + 1, a.shape[1 - time])
    return d.add("ReverseSequence", [a, d.ints(lengths)], time_axis=time, batch_axis=1 - time)


def _unique(d: Draft) -> object:
    a = d.value("f" if d.chance(0.5) else "w")
    if a.array.dtype == np.float32:  # whether two are the same may hang on rounding
        (a,) = d.add("Round", [a])
    outputs, along = 1 + d.below(4), {} if d.chance(0.5) else {"axis": d.axis(a)}
    return d.add("Unique", [a], outputs, sorted=d.below(2), **along)


def _suppressed(d: Draft) -> object:
    """Of boxes that overlap, those with the best scores."""
    scores = d.value("f", (3, 3))
    corners = d.random.uniform(0, 4, (scores.shape[0], scores.shape[2], 2))
    boxes = np.concatenate([corners, corners + d.random.uniform(0.5, 3, corners.shape)], -1)
    limits = [d.ints([1 + d.below(4)]), d.constant([0.3], np.float32), d.constant([-0.5], np.float32)]
    return d.add("NonMaxSuppression", [d.constant(boxes, np.float32), scores, *limits])


def _filled(d: Draft) -> object:
    """ConstantOfShape on a computed shape."""
    (shape,) = d.add("Shape", [d.value("*")])
    return d.add("ConstantOfShape", [shape], value=helper.make_tensor("value", 1, [1], [1.5]))


def _range(d: Draft) -> object:
    (size,) = d.add("Size", [d.value("*", (0, 5), lambda value: value.array.size < 400)])
    return d.add("Range", [d.ints(0), size, d.ints(1 + d.below(3))])


_PLAIN = """
Relu HardSwish Tanh Softplus Softsign Mish Exp Erf Sin Cos Tan Atan Asinh Sinh Cosh Ceil Floor Round Sigmoid
Identity IsNaN IsInf Abs Neg Sign
"""

ELEMENTS: dict[str, Emit] = {
    **{op: _unary(op) for op in _PLAIN.split()},
    **{f"{op} of integers": _unary(op, "w") for op in ("Abs", "Neg", "Sign")},
    **{op: _within(op, -0.9, 0.9) for op in ("Asin", "Acos", "Atanh")},
    **{op: _within(op, 0.3, 4) for op in ("Log", "Sqrt", "Reciprocal")},
    "Acosh": _within("Acosh", 1.3, 4),
    **{op: _unary(op, alpha=(0.01, 1.5)) for op in ("LeakyRelu", "Elu", "Celu", "ThresholdedRelu", "Swish")},
    "Selu": _unary("Selu", alpha=(1, 2), gamma=(0.5, 1.5)),
    "HardSigmoid": _unary("HardSigmoid", alpha=(0.1, 0.5), beta=(0.3, 0.6)),
    "Shrink": _unary("Shrink", lambd=(0.1, 0.9), bias=(-0.5, 0.5)),
    "Gelu": lambda d: d.add("Gelu", [d.value()], approximate=d.choose(["none", "tanh"])),
    "Not": _unary("Not", "b"),
    "BitwiseNot": _unary("BitwiseNot", "i"),
    **{op: _binary(op) for op in ("Add", "Sub", "Mul")},
    "PRelu": _prelu,
    **{f"{op} of integers": _binary(op, "w") for op in ("Add", "Sub", "Mul")},
    "Div": _binary("Div", nonzero=True),
    "Div of integers": _binary("Div", "w", nonzero=True),
    "Mod": _binary("Mod", "w", nonzero=True),
    "Mod of floats": _binary("Mod", "f", nonzero=True, fmod=1),
    "Equal": _binary("Equal", "i"),
    **{op: _binary(op, "f") for op in ("Greater", "Less", "GreaterOrEqual", "LessOrEqual")},
    **{op: _binary(op, "b") for op in ("And", "Or", "Xor")},
    **{op: _binary(op, "i") for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor")},
    **{op: _variadic(op) for op in ("Max", "Min", "Sum", "Mean")},
    "Pow": _pow,
    "BitShift": _shift,
    "Where": _where,
    "Clip": _clip,
    "Cast": _cast,
}

AXES: dict[str, Emit] = {
    **{op: _axis(op) for op in ("Softmax", "LogSoftmax", "Hardmax")},
    **{op: _reduce(op) for op in ("ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin")},
    **{op: _reduce(op) for op in ("ReduceProd", "ReduceSum", "ReduceSumSquare")},
    "ReduceLogSum": _reduce("ReduceLogSum", positive=True),
    "ArgMax": _arg("ArgMax"),
    "ArgMin": _arg("ArgMin"),
    "TopK": _top_k,
    "CumSum": _cumulate("CumSum"),
}

SHAPES: dict[str, Emit] = {
    "Reshape": _reshape,
    "Reshape by Shape": _reshape_by_shape,
    "Transpose": _transpose,
    "Flatten": _axis("Flatten", "*"),
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Concat": _concat,
    "Split": _split,
    "Slice": _slice,
    "Pad": _pad,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GatherND": _gather_nd,
    "ScatterND": _scatter_nd,
    "ScatterElements": _scatter_elements,
    "Expand": _expand,
    "Tile": _tile,
    "Compress": _compress,
    "OneHot": _one_hot,
    "NonMaxSuppression": _suppressed,
    "NonZero": lambda d: d.add("NonZero", [d.value("*")]),
    "Trilu": _trilu,
    "ReverseSequence": _reverse,
    "ConstantOfShape": _filled,
    "Range": _range,
    "Size": _unary("Size", "*"),
    "Unique": _unique,
    "Dropout": _unary("Dropout"),
    "EyeLike": lambda d: d.add("EyeLike", [d.value("f", (2, 2))], k=d.below(3) - 1),
}
