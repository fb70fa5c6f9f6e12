"""Keras' layers that pad, crop and resize, over one to three axes. Shapes are Keras' own."""

from __future__ import annotations

import numpy as np

from ..errors import Errc
from ..ir import FREE, Attribute
from .build import Call, Tensor


def _pairs(call: Call, key: str) -> list[tuple[int, int]]:
    """Begin and end of each axis."""
    value, axes = call.config.get(key), len(call.x.shape) - 2
    if axes == 1 and isinstance(value, list) and len(value) == 2:
        value = [value]
    listed = [value] * axes if isinstance(value, int) else value
    if not isinstance(listed, list) or len(listed) != axes:
        raise call.refuse(f"{key} is {str(value)[:80]}", Errc.BadModel)
    pairs = [pair if isinstance(pair, list) else [pair, pair] for pair in listed]
    if not all(len(pair) == 2 and all(isinstance(n, int) and n >= 0 for n in pair) for pair in pairs):
        raise call.refuse(f"{key} is {str(value)[:80]}", Errc.BadModel)
    return [(begin, end) for begin, end in pairs]


def _resized(call: Call, lengths: list[int]) -> tuple[int, ...]:
    return (call.x.shape[0], *lengths, call.x.shape[-1])


def zero_padding(call: Call) -> Tensor:
    """ZeroPadding1D to 3D."""
    pairs = _pairs(call, "padding")
    ends = [0, 0, *(begin for begin, _ in pairs), 0, 0, *(end for _, end in pairs)]
    pads = call.build.constant("pads", np.array(ends, np.int64))
    lengths = [FREE if n == FREE else n + sum(pair) for n, pair in zip(call.x.shape[1:-1], pairs, strict=True)]
    return call.build.node("Pad", [call.x.name, pads], _resized(call, lengths))


def cropping(call: Call) -> Tensor:
    """Cropping1D to 3D."""
    return _cropped(call, _pairs(call, "cropping"))


def _cropped(call: Call, pairs: list[tuple[int, int]]) -> Tensor:
    starts, ends = [begin for begin, _ in pairs], [-end or 2**62 for _, end in pairs]
    limits = {"starts": starts, "ends": ends, "axes": [2 + i for i in range(len(pairs))]}
    names = [call.build.constant(what, np.array(values, np.int64)) for what, values in limits.items()]
    lengths = [FREE if n == FREE else n - sum(pair) for n, pair in zip(call.x.shape[1:-1], pairs, strict=True)]
    if any(n < 1 and n != FREE for n in lengths):
        raise call.refuse(f"crops {list(call.x.shape)} to nothing", Errc.BadShape)
    return call.build.node("Slice", [call.x.name, *names], _resized(call, lengths))


def _wanted(call: Call) -> tuple[list[int], list[int]]:
    """Height and width before and after, of layers that say the latter."""
    before, wanted = list(call.x.shape[1:-1]), [call.config.get(key) for key in ("height", "width")]
    after = [n for n in wanted if isinstance(n, int) and n >= 1]
    if len(after) != 2:
        raise call.refuse(f"height and width are {wanted}", Errc.BadModel)
    return before, after


def center_crop(call: Call) -> Tensor:
    """CenterCrop of a picture that is large enough."""
    before, after = _wanted(call)
    if any(size < length for size, length in zip(before, after, strict=True)):
        raise call.refuse(f"crops {before} to {after}; only known larger sizes are read: give them by --shape")
    begins = [(size - length) // 2 for size, length in zip(before, after, strict=True)]
    spans = zip(before, after, begins, strict=True)
    return _cropped(call, [(begin, size - length - begin) for size, length, begin in spans])


_SCALING: dict[str, dict[str, Attribute]] = {
    "nearest": {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
    "bilinear": {"mode": "linear", "coordinate_transformation_mode": "half_pixel"},
}
_RESIZING = _SCALING | {
    "nearest": {
        "mode": "nearest",
        "coordinate_transformation_mode": "half_pixel",
        "nearest_mode": "round_prefer_ceil",
    }
}


def up_sampling(call: Call) -> Tensor:
    """UpSampling1D to 3D by whole factors."""
    factors, kind = call.per_axis("size", 2), call.config.get("interpolation", "nearest")
    if kind not in _SCALING:
        raise call.refuse(f"interpolation '{kind}', only {' and '.join(_SCALING)} are read")
    scales = call.build.constant("scales", np.array([1, 1, *factors], np.float32))
    lengths = [FREE if n == FREE else n * factor for n, factor in zip(call.x.shape[1:-1], factors, strict=True)]
    return call.build.node("Resize", [call.x.name, "", scales], _resized(call, lengths), **_SCALING[kind])


def resizing(call: Call) -> Tensor:
    """Resizing to a height and width, without antialias."""
    kind = call.config.get("interpolation", "bilinear")
    others = [key for key in ("antialias", "crop_to_aspect_ratio", "pad_to_aspect_ratio") if call.config.get(key)]
    if kind not in _RESIZING or others:
        raise call.refuse(f"interpolation '{kind}'" if kind not in _RESIZING else ", ".join(others))
    _, after = _wanted(call)
    before = call.build.node("Shape", [call.x.name], (2,), start=0, end=2)
    wanted = call.build.constant("sizes", np.array(after, np.int64))
    sizes = call.build.node("Concat", [before.name, wanted], (4,), axis=0)
    return call.build.node("Resize", [call.x.name, "", "", sizes.name], _resized(call, after), **_RESIZING[kind])
