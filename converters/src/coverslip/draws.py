"""Inputs to try a network on, drawn by element type and meaning: pixels for pictures, else the normal distribution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from . import golden
from .dtypes import NUMPY
from .ir import FREE, Array, GoldenCase, Graph, Preprocess, Value

Feeds: TypeAlias = dict[str, Array]

GOLDEN_SEED = 20200824
_BATCH, _PICTURE, _OTHER = (1, 2), (224, 256), (64, 96)
"""Sizes of free dimensions, first and second choice: those of pictures suit networks that halve them five times."""


@dataclass(frozen=True)
class Draw:
    """One set of inputs, and what it is."""

    what: str
    feeds: Feeds
    optional: bool = False  # the network need not be able to run it


def channel_axis(value: Value) -> int | None:
    """Where a picture has its 1 or 3 channels; None if the value is not a picture."""
    if len(value.shape) != 4 or value.dtype not in ("f32", "f16", "bf16", "u8"):
        return None
    if value.shape[1] in (1, 3):
        return 1
    return 3 if value.shape[3] in (1, 3) else None


def concrete(value: Value, preprocess: Preprocess | None = None, choice: int = 0) -> tuple[int, ...]:
    """The value's shape with a number for each free dimension: the first choice, or the second."""
    axis = channel_axis(value)
    size = _OTHER[choice] if axis is None else _PICTURE[choice]
    shape = [size if dim == FREE else dim for dim in value.shape]
    if shape and value.shape[0] == FREE:
        shape[0] = _BATCH[choice]
    if axis is not None and preprocess is not None:
        rows = 2 if axis == 1 else 1
        for at, size in ((rows, preprocess.height), (rows + 1, preprocess.width)):
            if value.shape[at] == FREE and size:
                shape[at] = size
    return tuple(shape)


def golden_case(graph: Graph) -> GoldenCase:
    """The case that goes into the file, still without samples."""
    low, high = pixel_range(graph)
    shapes = [concrete(value, graph.preprocess) for value in graph.inputs]
    return GoldenCase(GOLDEN_SEED, low, high, shapes, [], 0.0)


def pixel_range(graph: Graph) -> tuple[float, float]:
    """What the first input's numbers lie between."""
    value, preprocess = graph.inputs[0], graph.preprocess
    if value.dtype not in ("f32", "f16", "bf16"):
        return {"u8": (0.0, 256.0), "i8": (-128.0, 128.0)}.get(value.dtype, (0.0, 10.0))
    if preprocess is None:
        return (0.0, 1.0) if channel_axis(value) is not None else (-1.0, 1.0)
    ends = []
    for pixel in (0.0, 255.0 * preprocess.scale):
        pairs = zip(preprocess.mean or [0.0], preprocess.std or [1.0] * max(len(preprocess.mean), 1), strict=False)
        ends += [(pixel - mean) / std for mean, std in pairs]
    return min(ends), max(ends)


def draws(graph: Graph, case: GoldenCase) -> list[Draw]:
    """The golden input, then two more pictures (one of them beyond the pixels' range) or normal draws.

    Where dimensions are free, one more draw has other sizes.
    """
    first = {value.name: golden.golden_input(case, i, value) for i, value in enumerate(graph.inputs)}
    result = [Draw("golden input", first)]
    second = [concrete(value, graph.preprocess, 1) for value in graph.inputs]
    tries = [(1, case.shapes), (2, case.shapes)] + ([(3, second)] if second != case.shapes else [])
    for seed, shapes in tries:
        random = np.random.default_rng(seed)
        pixels = seed == 1 and channel_axis(graph.inputs[0]) is not None
        pairs = zip(graph.inputs, shapes, strict=True)
        feeds = {value.name: _draw(random, value, shape, pixels, case) for value, shape in pairs}
        what = f"{'pixels' if pixels else 'normal'}, seed {seed}"
        sizes = f", shapes {', '.join(map(str, map(list, shapes)))}" if seed == 3 else ""
        result.append(Draw(what + sizes, feeds, optional=seed == 3))
    return result


def _draw(random: np.random.Generator, value: Value, shape: tuple[int, ...], pixels: bool, case: GoldenCase) -> Array:
    dtype = NUMPY[value.dtype]
    made: Array
    if value.dtype == "bool":
        made = random.integers(0, 2, shape).astype(dtype)
    elif value.dtype in ("i8", "u8", "i32", "i64"):
        low, high = {"i8": (-128, 128), "u8": (0, 256)}.get(value.dtype, (0, 10))
        made = random.integers(low, high, shape).astype(dtype)
    elif pixels:
        made = random.uniform(case.low, case.high, shape).astype(dtype)
    else:
        made = random.standard_normal(shape).astype(dtype)
    return made
