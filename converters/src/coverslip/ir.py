"""The portable network as the converter holds it: what front-ends make, passes rewrite and the writer stores."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy.typing as npt

Attribute: TypeAlias = int | float | str | list[int] | list[float]
Array: TypeAlias = npt.NDArray[Any]

FREE = -1
"""A dimension that the caller of the network chooses."""

MAX_ELEMENTS = 1 << 30
"""Of one value: a small file can ask for any amount of memory."""

DTYPES = ("f32", "f16", "bf16", "i8", "u8", "i32", "i64", "bool")


@dataclass
class Value:
    """A graph input or output. `shape` is logical and may hold FREE."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass
class Node:
    """One operator by its ONNX name. An absent optional input is the empty string."""

    op: str
    name: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Attribute] = field(default_factory=dict)


@dataclass
class Preprocess:
    """How pixels become the network's input; the fields mirror `Preprocess` of the C++ API."""

    layout: str = "NCHW"  # of the network's input: NCHW or NHWC
    color: str = "RGB"  # order of the channels: RGB, BGR or GRAY
    width: int = 0  # 0: the size of the network's input, or of the picture where that is free
    height: int = 0
    resize: str = "linear"  # nearest, linear (half-pixel centres), or none: another size is refused
    scale: float = 1.0 / 255.0  # value = (pixel * scale - mean[c]) / std[c]
    mean: list[float] = field(default_factory=list)  # empty: zeros
    std: list[float] = field(default_factory=list)  # empty: ones


@dataclass
class GoldenCase:
    """A seeded input and samples of the expected outputs, stored in the file and run by `verify`."""

    seed: int
    low: float  # uniform inputs in [low, high)
    high: float
    shapes: list[tuple[int, ...]]  # of each graph input, without FREE
    samples: list[tuple[int, int, float]]  # output, flat index (row-major, logical axes), expected value
    tolerance: float  # |got - expected| <= tolerance * max(1, largest |sample|)


@dataclass
class Graph:
    """Nodes stand in an order in which they can run; every value name is made once."""

    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)  # inferred types of the values between the nodes
    labels: list[str] = field(default_factory=list)  # class names of the first output
    preprocess: Preprocess | None = None
    meta: dict[str, str] = field(default_factory=dict)  # title, licence, authors, source_hash, converter, verified, ...
    golden: GoldenCase | None = None
