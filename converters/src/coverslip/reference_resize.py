"""Resize (nearest and linear) in double precision, one axis after the other, as ONNX defines it."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .attributes import label, text
from .errors import Errc, Error
from .ir import Node

Arrays: TypeAlias = npt.NDArray[Any]

PLAIN_COORDINATES = ("half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners")


def resize(node: Node, x: Arrays, scales: Arrays | None, sizes: Arrays | None) -> Arrays:
    """`sizes` win over `scales`; one of them must be there.

    Scales give an axis an extent, which may be a fraction; its length is the whole part.
    """
    if sizes is not None and sizes.size:
        lengths = [int(n) for n in sizes]
        extents = [float(n) for n in lengths]
    elif scales is not None and scales.size:
        pairs = list(zip(x.shape, scales, strict=True))
        lengths = [int(np.floor(np.float32(n) * np.float32(s))) for n, s in pairs]  # as float: 10 * 0.7 is 7
        extents = [n * float(s) for n, s in pairs]
    else:
        raise Error(Errc.BadModel, label(node), "needs scales or sizes")
    for axis, (length, extent) in enumerate(zip(lengths, extents, strict=True)):
        if extent != x.shape[axis]:
            x = _along(node, x, axis, length, extent)
    return x


def _along(node: Node, x: Arrays, axis: int, length: int, extent: float) -> Arrays:
    size = x.shape[axis]
    at = _coordinates(node, size, length, extent)
    if text(node, "mode", "nearest") == "nearest":
        return x.take(_nearest(node, at).clip(0, size - 1), axis=axis)
    low = np.floor(at)
    part = (at - low).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
    below = x.take(low.astype(np.int64).clip(0, size - 1), axis=axis)
    above = x.take((low.astype(np.int64) + 1).clip(0, size - 1), axis=axis)
    result: Arrays = below * (1 - part) + above * part
    return result


def _coordinates(node: Node, size: int, length: int, extent: float) -> Arrays:
    """Where each output position lies in the input."""
    i = np.arange(length, dtype=np.float64)
    mode = text(node, "coordinate_transformation_mode", "half_pixel")
    if mode == "asymmetric":
        return i * size / extent
    if mode == "align_corners":
        return i * (size - 1) / (extent - 1) if length > 1 else i * 0
    if mode == "half_pixel" or (mode == "pytorch_half_pixel" and length > 1):
        return (i + 0.5) * size / extent - 0.5
    if mode == "pytorch_half_pixel":
        return i * 0
    raise Error(Errc.Unsupported, label(node), f"coordinate_transformation_mode '{mode}'")


def _nearest(node: Node, at: Arrays) -> npt.NDArray[np.int64]:
    mode = text(node, "nearest_mode", "round_prefer_floor")
    rounded = {
        "round_prefer_floor": lambda: np.ceil(at - 0.5),
        "round_prefer_ceil": lambda: np.floor(at + 0.5),
        "floor": lambda: np.floor(at),
        "ceil": lambda: np.ceil(at),
    }
    if mode not in rounded:
        raise Error(Errc.Unsupported, label(node), f"nearest_mode '{mode}'")
    return rounded[mode]().astype(np.int64)
