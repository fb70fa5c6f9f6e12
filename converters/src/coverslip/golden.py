"""The inputs of a golden case, made from its seed as docs/FORMAT.md says; twin of include/coverslip/io/golden.hpp."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from . import dtypes
from .ir import Array, GoldenCase, Value

_STEP = 0x9E3779B97F4A7C15
_MASK = 2**64 - 1


def _mix(z: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The output function of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014)."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        z = np.multiply(z ^ (z >> np.uint64(shift)), np.uint64(factor), dtype=np.uint64)
    return z


def golden_input(case: GoldenCase, number: int, value: Value) -> Array:
    """Input `number` of the case, of the element type of `value` and the shape that the case says."""
    shape = case.shapes[number]
    stream = _mix(np.array([(case.seed + number * _STEP) & _MASK], np.uint64))
    counter = np.arange(1, math.prod(shape) + 1, dtype=np.uint64)
    unit = (_mix(stream + counter * np.uint64(_STEP)) >> np.uint64(40)).astype(np.float64) * 2.0**-24
    low, high = float(np.float32(case.low)), float(np.float32(case.high))
    wide = low + unit * (high - low)
    dtype = dtypes.NUMPY[value.dtype]
    made: Array
    if value.dtype == "bool":
        made = unit >= 0.5
    elif value.dtype in ("f32", "f16", "bf16"):
        made = wide.astype(np.float32).astype(dtype)
    else:
        made = _whole(np.floor(wide), dtype)
    return made.reshape(shape)


def _whole(numbers: npt.NDArray[np.float64], dtype: np.dtype[np.generic]) -> Array:
    """Integers, the nearest of the type where they lie outside it."""
    info = np.iinfo(dtype)  # type: ignore[type-var]
    below, above = numbers < float(info.min), numbers >= float(info.max)
    made: Array = np.where(below | above, 0, numbers).astype(dtype)
    made[below], made[above] = info.min, info.max
    return made
