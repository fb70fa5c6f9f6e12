"""Constants of `.tflite` files of which only what is not zero is stored, along axes in any order and in blocks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ir import Array

_VECTORS = {1: "Int32Vector", 2: "Uint16Vector", 3: "Uint8Vector"}


def dense(schema: Any, table: Any, values: Array, shape: list[int]) -> Array:
    """The whole constant. Raises ValueError where the tables contradict themselves."""
    order = [int(level) for level in table.TraversalOrderAsNumpy()]
    blocked = [int(axis) for axis in table.BlockMapAsNumpy()] if table.BlockMapLength() else []
    known = len(blocked) <= len(shape) and sorted(order) == list(range(len(shape) + len(blocked)))
    if not known or table.DimMetadataLength() != len(order):
        raise ValueError(f"a sparse constant of {len(shape)} axes is stored in the order {order[:16]}")
    if any(not 0 <= axis < len(shape) for axis in blocked):
        raise ValueError(f"blocks along axes {blocked} of {len(shape)}")
    places = np.zeros((1, 0), np.int64)  # a row for each number stored so far, a column for each level
    sizes = []
    for level in range(len(order)):
        entry = table.DimMetadata(level)
        places = _denser(entry, places, math.prod(shape)) if entry.Format() == 0 else _sparser(schema, entry, places)
        sizes.append(int(entry.DenseSize()))
    by_axis = {axis: (places[:, i], sizes[i]) for i, axis in enumerate(order)}
    index = [by_axis[axis][0] for axis in range(len(shape))]
    for i, axis in enumerate(blocked):
        inner, size = by_axis[len(shape) + i]
        index[axis] = index[axis] * size + inner
    made = np.zeros(shape, values.dtype)
    if len(places) != values.size or any(np.any((at < 0) | (at >= n)) for at, n in zip(index, shape, strict=True)):
        raise ValueError(f"a sparse constant of shape {shape} has {values.size} numbers for {len(places)} places")
    made[tuple(index)] = values
    return made


def _denser(entry: Any, places: Array, most: int) -> Array:
    """A level that stores every index."""
    size = int(entry.DenseSize())
    if not 0 < size <= most or len(places) * size > most:
        raise ValueError(f"a level of {size} within {most} numbers")
    return np.column_stack([np.repeat(places, size, axis=0), np.tile(np.arange(size), len(places))])


def _sparser(schema: Any, entry: Any, places: Array) -> Array:
    """A level that stores some indices of each place before, which begin and end in segments."""
    segments = _vector(schema, entry.ArraySegmentsType(), entry.ArraySegments())
    indices = _vector(schema, entry.ArrayIndicesType(), entry.ArrayIndices())
    counts = np.diff(segments)
    ends = segments.size == len(places) + 1 and segments[0] == 0 and segments[-1] == indices.size
    if not ends or np.any(counts < 0):
        raise ValueError(f"{segments.size} segments of {indices.size} indices for {len(places)} places")
    return np.column_stack([np.repeat(places, counts, axis=0), indices])


def _vector(schema: Any, kind: int, union: Any) -> Array:
    if kind not in _VECTORS or union is None:
        raise ValueError(f"indices of kind {kind}")
    table = getattr(schema, _VECTORS[kind])()
    table.Init(union.Bytes, union.Pos)
    held = table.ValuesAsNumpy()
    return np.zeros(0, np.int64) if isinstance(held, int) else np.asarray(held, np.int64)
