"""Integers that stand for floats: what the passes on quantized networks look for and add."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .. import dtypes, reference, reference_quantized
from ..attributes import integer
from ..ir import Array, Graph, Node
from .matching import Matcher

_8_BITS = ("i8", "u8")


@dataclass(frozen=True)
class Grid:
    """How a whole value is stored: an integer q stands for (q - zero) * scale."""

    scale: float  # a float32
    zero: int
    dtype: str  # i8 or u8

    @property
    def least(self) -> int:
        """The smallest integer."""
        return -128 if self.dtype == "i8" else 0

    @property
    def most(self) -> int:
        """The largest integer."""
        return 127 if self.dtype == "i8" else 255

    def of(self, number: float) -> int:
        """The integer that stands for a number, or for the nearest there is."""
        return int(self.quantized(np.asarray(number)))

    def quantized(self, array: Array) -> Array:
        """The same of an array."""
        return reference_quantized.rounded(array, np.float32(self.scale), self.integer(self.zero))

    def holds(self, number: float) -> bool:
        """Whether an integer stands for just this number."""
        return float(np.float32((self.of(number) - self.zero) * np.float32(self.scale))) == number

    def integer(self, number: int) -> Array:
        """A number of the integers' type."""
        return np.asarray(number, dtypes.NUMPY[self.dtype])


@dataclass
class Weights:
    """Constant integers with a scale and a zero point for all, or for each place along an axis."""

    integers: Array
    scale: npt.NDArray[np.float32]
    zero: Array
    axis: int

    def along(self, axis: int) -> bool:
        """Whether scales lie along no other axis, and sums for each place along it fit into 32 bits."""
        size = np.abs(self.integers.astype(np.int64)) + 128
        sums = size.sum(axis=tuple(i for i in range(size.ndim) if i != axis % size.ndim)) * 256
        return (self.scale.size == 1 or self.axis == axis % self.integers.ndim) and sums.max(initial=0) < 2**31

    def transposed(self) -> Weights:
        """The same matrix with its axes exchanged."""
        return Weights(self.integers.T.copy(), self.scale, self.zero, 1 - self.axis)

    def scaled(self, factors: npt.NDArray[np.float64]) -> Weights:
        """The same integers standing for others, by one factor for all or one for each place along the axis."""
        count = self.integers.shape[self.axis] if factors.size > 1 else self.scale.size
        scale = np.broadcast_to(self.scale.reshape(-1), (count,)) * factors
        return Weights(self.integers, scale.astype(np.float32), np.resize(self.zero, scale.shape), self.axis)


class Quantized(Matcher):
    """A matcher that knows quantized values, and writes integers in their place."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self._parameters: dict[Grid, list[str]] = {}

    def rewrite(self, rules: Mapping[str, Callable[[Quantized, Node], None]]) -> bool:
        """Applies the rule of its operator to each node without a fused activation. True if anything changed."""
        for node in list(self.graph.nodes):
            rule = rules.get(node.op)
            if rule is not None and "activation" not in node.attributes:
                rule(self, node)
        return self.clean()

    def grid(self, node: Node | None, op: str) -> Grid | None:
        """How a QuantizeLinear rounds, or a DequantizeLinear reads; None if not by constants for the whole value."""
        if node is None or node.op != op or not reference_quantized.plain(node):
            return None
        scale, zero = self.constant(node.inputs[1]), np.uint8(0) if op == "QuantizeLinear" else None
        if scale is None or scale.size != 1 or scale.dtype != np.float32 or not 0 < scale.reshape(-1)[0] < np.inf:
            return None
        if len(node.inputs) > 2 and node.inputs[2]:
            zero = self.constant(node.inputs[2])
        elif op == "DequantizeLinear":
            kind = self._dtypes.get(node.inputs[0], "")
            zero = np.zeros((), dtypes.NUMPY[kind]) if kind in _8_BITS else None
        elif integer(node, "output_dtype", 0) not in (0, dtypes.ONNX["u8"]):
            return None
        if zero is None or zero.size != 1 or zero.dtype not in (np.int8, np.uint8):
            return None
        dtype = "i8" if zero.dtype == np.int8 else "u8"
        return Grid(float(scale.reshape(-1)[0]), int(zero.reshape(-1)[0]), dtype)

    def channels(self, node: Node | None, op: str) -> tuple[Grid, npt.NDArray[np.float64]] | None:
        """The same where each channel has a scale: as if all were 1, and those scales."""
        if node is None or node.op != op or not reference_quantized.plain(node) or integer(node, "axis", 1) != 1:
            return None
        scale, zero = self.constant(node.inputs[1]), self.constant(node.inputs[2]) if len(node.inputs) > 2 else None
        if scale is None or zero is None or scale.ndim != 1 or scale.dtype != np.float32:
            return None
        if (
            zero.dtype not in (np.int8, np.uint8)
            or np.unique(zero).size != 1
            or not np.all((scale > 0) & (scale < np.inf))
        ):
            return None
        return Grid(1.0, int(zero[0]), "i8" if zero.dtype == np.int8 else "u8"), scale.astype(np.float64)

    def integers(self, value: str) -> tuple[str, Grid] | None:
        """The integers that were made a float value."""
        node = self.maker(value)
        grid = self.grid(node, "DequantizeLinear")
        return None if node is None or grid is None else (node.inputs[0], grid)

    def rounding(self, value: str) -> tuple[Node, Grid] | None:
        """The QuantizeLinear that alone reads a value."""
        node = self.only_user(value)
        grid = self.grid(node, "QuantizeLinear")
        return None if node is None or grid is None else (node, grid)

    def weights(self, value: str) -> Weights | None:
        """The constant integers that were made a float value."""
        node = self.maker(value)
        if node is None or node.op != "DequantizeLinear" or not reference_quantized.plain(node):
            return None
        array, scale = self.constant(node.inputs[0]), self.constant(node.inputs[1])
        if array is None or array.ndim == 0 or array.dtype not in (np.int8, np.uint8):
            return None
        if scale is None or scale.dtype != np.float32 or scale.ndim > 1 or not np.all((scale > 0) & (scale < np.inf)):
            return None
        given = self.constant(node.inputs[2]) if len(node.inputs) > 2 and node.inputs[2] else None
        zero, axis = np.zeros(scale.shape, array.dtype) if given is None else given, integer(node, "axis", 1)
        if zero.size != scale.size or (scale.size > 1 and scale.size != array.shape[axis % array.ndim]):
            return None
        return Weights(array, scale, zero.reshape(scale.shape), axis % array.ndim)

    def numbers(self, value: str) -> npt.NDArray[np.float64] | None:
        """A constant, which may be quantized, as floats."""
        array, node = self.constant(value), self.maker(value)
        if array is not None:
            return array.astype(np.float64) if array.dtype == np.float32 else None
        if node is None or node.op != "DequantizeLinear" or not reference_quantized.plain(node):
            return None
        constants = [self.constant(name) if name else None for name in node.inputs]
        if any(array is None for name, array in zip(node.inputs, constants, strict=True) if name):
            return None
        return reference.evaluate(node, [None if array is None else reference.widen(array) for array in constants])

    def parameters(self, grid: Grid) -> list[str]:
        """The names of constants that hold scale and zero point."""
        if grid not in self._parameters:
            name = f"grid{len(self._parameters)}"
            scale = self.add_constant(f"{name}.scale", np.asarray(grid.scale, np.float32))
            self._parameters[grid] = [scale, self.add_constant(f"{name}.zero", grid.integer(grid.zero))]
        return self._parameters[grid]

    def dequantize(self, integers: str, grid: Grid, value: str, name: str) -> Node:
        """A node that makes floats of integers, not yet in the graph."""
        return Node("DequantizeLinear", name, [integers, *self.parameters(grid)], [value])
