"""How the random graphs draw operators of layers: windows, norms and matrices; a function for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from random_draft import Draft, Drawn, Rejected
from random_ops import Emit


def _weights(d: Draft, shape: Sequence[int], terms: int | None = None) -> Drawn:
    """Weights that keep the size of what they are summed with."""
    return d.constant(d.numbers(shape, scale=(terms or int(np.prod(shape[1:]))) ** -0.5))


def vector(d: Draft, n: int, near: float = 0.0) -> Drawn:
    """A number for each channel."""
    return d.constant(near + d.numbers([n], scale=0.3), np.float32)


def window(d: Draft, x: Drawn, pooling: bool = False, dilated: bool = True) -> dict[str, Any]:
    """Kernel, strides, dilations and pads that fit in the picture."""
    sizes = x.shape[2:]
    dilations = [2 if dilated and d.chance(0.2) else 1 for _ in sizes]
    kernel = [1 + d.below(max(1, min(4, (n - 1) // by + 1))) for n, by in zip(sizes, dilations, strict=True)]
    drawn: dict[str, Any] = {"kernel_shape": kernel}
    if d.chance(0.6):
        drawn["strides"] = [1 + d.below(3) for _ in sizes]
    if 2 in dilations:
        drawn["dilations"] = dilations
    if d.chance(0.6):
        # A window of a pool must not lie in the padding as a whole.
        drawn["pads"] = [d.below(k if pooling else 3) for k in 2 * kernel]
    elif d.chance(0.3):
        # In onnxruntime, a pool of the same size forgets its dilations.
        same = [] if pooling and 2 in dilations else ["SAME_UPPER", "SAME_LOWER"]
        drawn["auto_pad"] = d.choose([*same, "VALID"])
    return drawn


def groups_of(d: Draft, channels: int) -> int:
    """A number of groups that divides the channels."""
    divisors = [n for n in range(1, channels + 1) if channels % n == 0]
    return int(d.choose([1, 1, channels, d.choose(divisors)]))


def _conv(d: Draft) -> object:
    x = d.image(least=1)
    drawn, channels = window(d, x), x.shape[1]
    groups = groups_of(d, channels)
    made = groups * (1 + d.below(5))
    w = _weights(d, (made, channels // groups, *drawn["kernel_shape"]))
    return d.add("Conv", [x, w, *([vector(d, made)] if d.chance(0.6) else [])], group=groups, **drawn)


def _conv_block(d: Draft) -> object:
    """What passes fold and fuse: pad, convolution, batch norm, residual, activation."""
    x = d.image()
    sides = len(x.shape) - 2
    before = x
    if d.chance(0.4):
        (before,) = d.add("Pad", [x, d.ints([0, 0, *[1] * sides] * 2)])
    pads = [0 if before is not x else 1] * 2 * sides
    c = x.shape[1]
    w = _weights(d, (c, c, *[3] * sides))
    (y,) = d.add("Conv", [before, w, *([vector(d, c)] if d.chance(0.5) else [])], pads=pads)
    if d.chance(0.6):
        y = _normalized(d, y)
    if d.chance(0.5):
        (y,) = d.add("Add", [y, x] if d.chance(0.5) else [x, y])
    return d.add(d.choose(["Relu", "LeakyRelu", "Sigmoid", "HardSwish", "Tanh", "Elu"]), [y])


def _silu(d: Draft) -> object:
    x = d.value()
    return d.add("Mul", [x, d.add("Sigmoid", [x])[0]])


def _conv_transpose(d: Draft) -> object:
    x = d.image(least=1)
    drawn, channels = window(d, x, dilated=d.chance(0.3)), x.shape[1]
    drawn.pop("auto_pad", None)
    groups = groups_of(d, channels)
    made = 1 + d.below(4)
    w = _weights(d, (channels, made, *drawn["kernel_shape"]), terms=channels // groups)
    strides = drawn.get("strides", [1] * (x.rank - 2))
    if d.chance(0.3):
        drawn["output_padding"] = [d.below(stride) for stride in strides]
    bias = [vector(d, made * groups)] if d.chance(0.5) else []
    return d.add("ConvTranspose", [x, w, *bias], group=groups, **drawn)


def _begins_behind(x: Drawn, drawn: dict[str, Any]) -> bool:
    """Whether a window that ceil_mode adds begins behind the picture."""
    rank = x.rank - 2
    strides, pads = drawn.get("strides", [1] * rank), drawn.get("pads", [0] * 2 * rank)
    for i, (n, kernel) in enumerate(zip(x.shape[2:], drawn["kernel_shape"], strict=True)):
        reach = (kernel - 1) * drawn.get("dilations", [1] * rank)[i] + 1
        windows = -(-(n + pads[i] + pads[i + rank] - reach) // strides[i]) + 1
        if (windows - 1) * strides[i] >= n + pads[i]:
            return True
    return False


def _pool(op: str) -> Emit:
    def emit(d: Draft) -> object:
        x = d.image(least=1)
        dilated = op == "MaxPool" or d.opset >= (19 if op == "AveragePool" else 18)
        drawn = window(d, x, pooling=True, dilated=dilated)
        if d.chance(0.3) and (op != "LpPool" or d.opset >= 18) and "auto_pad" not in drawn:
            drawn["ceil_mode"] = 1
            if d.opset < 22 and _begins_behind(x, drawn):
                raise Rejected  # before, ONNX's shapes have windows that onnxruntime leaves out
        if op == "AveragePool":
            drawn["count_include_pad"] = d.below(2)
        if op == "LpPool":
            drawn["p"] = 1 + d.below(3)
        return d.add(op, [x], 2 if op == "MaxPool" and d.chance(0.15) else 1, **drawn)

    return emit


def _global(op: str) -> Emit:
    return lambda d: d.add(op, [d.image(least=1)])


def _resize(d: Draft) -> object:
    x = d.image(least=1)
    mode = d.choose(["nearest", "linear", *(["cubic"] if x.rank == 4 else [])])
    drawn: dict[str, Any] = {
        "mode": mode,
        "coordinate_transformation_mode": d.choose(["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"]),
    }
    if mode == "nearest":
        drawn["nearest_mode"] = d.choose(["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
    # Sizes and steps of whole or half pixels: else a coordinate may lie so near to a border between two pixels that
    # its rounding in float decides.
    if d.chance(0.5):
        sizes = [n * (1 + d.below(3)) for n in x.shape[2:]]
        return d.add("Resize", [x, None, None, d.ints([*x.shape[:2], *sizes])], **drawn)
    scales = [d.choose([0.5, 1, 2, 3]) for _ in x.shape[2:]]
    return d.add("Resize", [x, None, d.constant([1, 1, *scales], np.float32)], **drawn)


def _depth_to_space(d: Draft) -> object:
    x = d.value("f", (4, 4), lambda value: value.shape[1] % 4 == 0)
    return d.add("DepthToSpace", [x], blocksize=2, mode=d.choose(["DCR", "CRD"]))


def _space_to_depth(d: Draft) -> object:
    x = d.value("f", (4, 4), lambda value: not (value.shape[2] % 2 or value.shape[3] % 2))
    return d.add("SpaceToDepth", [x], blocksize=2)


def _grid_sample(d: Draft) -> object:
    if d.opset < 16:
        raise Rejected
    x = d.image((4, 5) if d.opset >= 20 else (4, 4))
    modes = ["linear", "nearest"] if d.opset >= 20 else ["bilinear", "nearest"]
    shape = (x.shape[0], *(1 + d.below(6) for _ in x.shape[2:]), x.rank - 2)
    grid = d.constant(d.random.uniform(-1.3, 1.3, shape), np.float32)
    padding = d.choose(["zeros", "border", "reflection"])
    return d.add("GridSample", [x, grid], mode=d.choose(modes), padding_mode=padding, align_corners=d.below(2))


def _center_crop_pad(d: Draft) -> object:
    x = d.image()
    axes = list(range(2, x.rank))
    sizes = d.ints([max(1, n + d.below(5) - 2) for n in x.shape[2:]])
    return d.add("CenterCropPad", [x, sizes], axes=axes)


# --- norms ---


def _normalized(d: Draft, x: Drawn) -> Drawn:
    c = x.shape[1]
    variance = d.constant(d.random.uniform(0.3, 2, c), np.float32)
    given = [x, vector(d, c, 1), vector(d, c), vector(d, c), variance]
    return d.add("BatchNormalization", given, epsilon=d.choose([1e-5, 1e-3]))[0]


def _instance_norm(d: Draft) -> object:
    x = d.image()
    return d.add("InstanceNormalization", [x, vector(d, x.shape[1], 1), vector(d, x.shape[1])])


def _group_norm(d: Draft) -> object:
    if d.opset < 21:
        raise Rejected
    x = d.image()
    c = x.shape[1]
    return d.add("GroupNormalization", [x, vector(d, c, 1), vector(d, c)], num_groups=groups_of(d, c))


def _trailing_norm(op: str) -> Emit:
    def emit(d: Draft) -> object:
        x = d.value("f", (1, 5))
        axis = d.below(x.rank) - x.rank
        scale = d.constant(1 + d.numbers(x.shape[axis:], scale=0.3), np.float32)
        bias = [d.constant(d.numbers(x.shape[axis:]))] if op == "LayerNormalization" and d.chance(0.7) else []
        return d.add(op, [x, scale, *bias], axis=axis, epsilon=d.choose([1e-5, 1e-3]))

    return emit


def _lp_norm(d: Draft) -> object:
    x = d.value()
    return d.add("LpNormalization", [x], axis=d.axis(x), p=1 + d.below(2))


def _lrn(d: Draft) -> object:
    return d.add("LRN", [d.image((4, 4))], size=d.choose([1, 3, 5]), alpha=0.3, beta=0.75, bias=1.5)


def _mean_variance(d: Draft) -> object:
    x = d.image((4, 4))
    return d.add("MeanVarianceNormalization", [x], axes=d.choose([[0, 2, 3], [2, 3], [1, 2, 3]]))


# --- matrices ---


def _mat_mul(d: Draft) -> object:
    a = d.value("f", (1, 5))
    others = [v for v in d.values if v.array.dtype == np.float32 and v.rank >= 2 and v.shape[-2] == a.shape[-1]]
    if others and d.chance(0.6):
        (b,) = d.add("Mul", [d.choose(others), d.constant(a.shape[-1] ** -0.5, np.float32)])
        return d.add("MatMul", [a, b])
    batch = tuple(d.choose([n, 1]) for n in a.shape[:-2]) if d.chance(0.3) else ()
    (y,) = d.add("MatMul", [a, _weights(d, (*batch, a.shape[-1], 1 + d.below(19)), terms=a.shape[-1])])
    return d.add("Add", [y, vector(d, y.shape[-1])]) if d.chance(0.5) and y.rank else y


def _gemm(d: Draft) -> object:
    a = d.value("f", (2, 2))
    trans_a, trans_b, n = d.below(2), d.below(2), 1 + d.below(19)
    m, k = a.shape[::-1] if trans_a else a.shape
    b = _weights(d, (n, k) if trans_b else (k, n), terms=k)
    c = [vector(d, 1) if d.chance(0.3) else d.constant(d.numbers(d.choose([(n,), (m, n), (m, 1)])))]
    alpha, beta = d.choose([1.0, 0.5]), d.choose([1.0, 2.0])
    return d.add("Gemm", [a, b, *(c if d.chance(0.7) else [])], transA=trans_a, transB=trans_b, alpha=alpha, beta=beta)


EQUATIONS = {1: ("i,ij->j", "i,i->"), 2: ("ij,jk->ik", "ij,kj->ki", "ij,ij->i"), 3: ("bij,bjk->bik", "bij,jk->bik")}


def _einsum(d: Draft) -> object:
    a = d.value("f", (1, 3))
    equation = d.choose(EQUATIONS[a.rank])
    left, right = equation.split("->")[0].split(",")
    lengths = dict(zip(left, a.shape, strict=True))
    shape = [lengths.setdefault(letter, 1 + d.below(9)) for letter in right]
    summed = int(np.prod([lengths[letter] for letter in set(left) & set(right)]))
    return d.add("Einsum", [a, _weights(d, shape, terms=summed)], equation=equation)


def _written_out_attention(d: Draft) -> object:
    """As exporters write it: one projection, split into queries, keys and values of two heads."""
    x = d.value("f", (3, 3))
    n, length, width = x.shape
    per_head = 2 + d.below(4)
    (made,) = d.add("MatMul", [x, _weights(d, (width, 6 * per_head), terms=width)])
    (heads,) = d.add("Reshape", [made, d.ints([n, length, 3, 2, per_head])])
    (first,) = d.add("Transpose", [heads], perm=[2, 0, 3, 1, 4])
    q, k, v = (d.add("Gather", [first, d.ints(i)], axis=0)[0] for i in range(3))
    (scores,) = d.add("MatMul", [q, d.add("Transpose", [k], perm=[0, 1, 3, 2])[0]])
    (scaled,) = d.add("Mul", [scores, d.constant(per_head**-0.5, np.float32)])
    if d.chance(0.5):
        (scaled,) = d.add("Add", [scaled, d.constant(d.numbers((1, 2, length, length)))])
    (mixed,) = d.add("MatMul", [d.add("Softmax", [scaled], axis=-1)[0], v])
    (back,) = d.add("Transpose", [mixed], perm=[0, 2, 1, 3])
    return d.add("Reshape", [back, d.ints([n, length, 2 * per_head])])


def _attention(d: Draft) -> object:
    if d.opset < 23:
        raise Rejected
    q = d.value("f", (4, 4))
    n, heads, length, width = q.shape
    keys, values = 1 + d.below(9), 1 + d.below(9)
    k, v = (d.constant(d.numbers((n, heads, keys, size))) for size in (width, values))
    mask = [d.constant(d.numbers((length, keys)))] if d.chance(0.4) else []
    return d.add("Attention", [q, k, v, *mask], is_causal=0 if mask else d.below(2), softcap=d.choose([0.0, 2.0]))


def _rotary(d: Draft) -> object:
    if d.opset < 23:
        raise Rejected
    x = d.value("f", (4, 4), lambda value: value.shape[3] % 2 == 0)
    shape = (x.shape[0], x.shape[2], x.shape[3] // 2)
    turn = d.random.uniform(-3, 3, shape)
    cosines, sines = d.constant(np.cos(turn), np.float32), d.constant(np.sin(turn), np.float32)
    return d.add("RotaryEmbedding", [x, cosines, sines], interleaved=d.below(2))


WINDOWS: dict[str, Emit] = {
    "Conv": _conv,
    "Conv, norm, residual, activation": _conv_block,
    "Sigmoid and Mul": _silu,
    "ConvTranspose": _conv_transpose,
    **{op: _pool(op) for op in ("MaxPool", "AveragePool", "LpPool")},
    **{op: _global(op) for op in ("GlobalAveragePool", "GlobalMaxPool")},
    "GlobalLpPool": lambda d: d.add("GlobalLpPool", [d.image(least=1)], p=1 + d.below(3)),
    "Resize": _resize,
    "DepthToSpace": _depth_to_space,
    "SpaceToDepth": _space_to_depth,
    "GridSample": _grid_sample,
    "CenterCropPad": _center_crop_pad,
}

NORMS: dict[str, Emit] = {
    "BatchNormalization": lambda d: _normalized(d, d.value("f", (2, 5))),
    "InstanceNormalization": _instance_norm,
    "GroupNormalization": _group_norm,
    "LayerNormalization": _trailing_norm("LayerNormalization"),
    "RMSNormalization": _trailing_norm("RMSNormalization"),
    "LpNormalization": _lp_norm,
    "LRN": _lrn,
    "MeanVarianceNormalization": _mean_variance,
}

MATRICES: dict[str, Emit] = {
    "MatMul": _mat_mul,
    "Gemm": _gemm,
    "Einsum": _einsum,
    "attention written out": _written_out_attention,
    "Attention": _attention,
    "RotaryEmbedding": _rotary,
}
