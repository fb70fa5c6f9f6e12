"""A graph under construction: each node is run as it is added, and only what is well conditioned stays.

A graph is of use only where two engines that round differently must agree. So every value is computed three times: as
it is, and by two neighbours, which every computing node pushes off by NOISE of the largest value in random directions,
far more than rounding does. A node is taken back where the neighbours part by more than SPREAD, or where an integer or
a truth depends on them: a logarithm near 0, the norm of a constant row, a floor or an arg-max at a tie.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import helper, numpy_helper

Array: TypeAlias = npt.NDArray[Any]
Fits: TypeAlias = Callable[["Drawn"], bool]

OPSETS = (13, 15, 17, 18, 20, 21, 23, 24)
SIZES = (1, 2, 3, 4, 5, 7, 8, 9, 13, 17)

NOISE = 1e-4
"""Winograd's rounding is the widest of any kernel, a few 1e-5 of the largest value for one convolution."""

SPREAD = 1e-2
"""So a graph makes its rounding a hundred times larger at most."""

LARGEST = 1e3
MOST = 12_000  # elements of a value

KINDS: dict[str, tuple[type[np.generic], ...]] = {
    "f": (np.float32,),
    "i": (np.int64, np.int32, np.int8, np.uint8),
    "w": (np.int64, np.int32),  # wide
    "q": (np.int8, np.uint8),
    "b": (np.bool_,),
}
KINDS["*"] = (np.float32, np.int64, np.int32, np.uint8, np.bool_)

_EXACT = """
Identity Reshape Transpose Flatten Squeeze Unsqueeze Concat Split Slice Pad Gather GatherElements GatherND
ScatterElements ScatterND Expand Tile Compress Trilu ReverseSequence MaxPool GlobalMaxPool Relu Abs Neg Max Min Clip
Where Dropout SpaceToDepth DepthToSpace ReduceMax ReduceMin Cast CenterCropPad EyeLike OneHot TopK ConstantOfShape
Sign Ceil Floor Round Hardmax Shape Size Unique CastLike
"""

EXACT = frozenset(_EXACT.split())
"""Operators that choose, move or round to whole numbers, so they add no rounding of their own."""


class Rejected(Exception):
    """The node cannot be added here."""


@dataclass(frozen=True)
class Drawn:
    """A value with its neighbours."""

    name: str
    at: tuple[Array, Array, Array]

    @property
    def array(self) -> Array:
        """The value itself."""
        return self.at[0]

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        return self.at[0].shape

    @property
    def rank(self) -> int:
        """How many axes it has."""
        return self.at[0].ndim


def onnx_type(array: Array) -> int:
    """ONNX's number of the element type."""
    return int(helper.np_dtype_to_tensor_dtype(array.dtype))


class Draft:
    """A graph that grows node by node, from one seed."""

    def __init__(self, seed: int, noise: float = NOISE, spread: float = SPREAD) -> None:
        self.random, self.noise, self.spread = np.random.default_rng(seed), noise, spread
        self.opset = int(self.random.choice(OPSETS))
        self.operators = operators_of(self.opset)
        self.nodes: list[onnx.NodeProto] = []
        self.inputs: list[Drawn] = []
        self.values: list[Drawn] = []  # inputs and results, in order
        self.constants: dict[str, Array] = {}

    def chance(self, probability: float) -> bool:
        """True as often as said."""
        return bool(self.random.random() < probability)

    def below(self, most: int) -> int:
        """0 to most - 1."""
        return int(self.random.integers(most))

    def choose(self, things: Sequence[Any]) -> Any:
        """One of them."""
        return things[self.below(len(things))]

    def sizes(self, rank: int) -> tuple[int, ...]:
        """A shape, smaller along each axis where there are many."""
        most = len(SIZES) if rank <= 3 else 8 if rank == 4 else 6
        return tuple(SIZES[self.below(most)] for _ in range(rank))

    def numbers(self, shape: Sequence[int], dtype: Any = np.float32, scale: float = 1.0) -> Array:
        """Random numbers near 0."""
        if dtype == np.float32:
            return np.asarray(self.random.standard_normal(tuple(shape)) * scale, np.float32)
        if dtype == np.bool_:
            return np.asarray(self.random.random(tuple(shape)) < 0.5)
        return np.asarray(self.random.integers(0 if dtype == np.uint8 else -9, 10, tuple(shape)), dtype)

    def constant(self, array: Any, dtype: Any = None) -> Drawn:
        """An initializer; one that no node uses is left out in the end."""
        made = np.asarray(array, dtype)
        drawn = Drawn(f"c{len(self.constants)}", (made, made, made))
        self.constants[drawn.name] = made
        return drawn

    def ints(self, numbers: int | Sequence[int] | Array) -> Drawn:
        """A constant of shape arithmetic."""
        return self.constant(numbers, np.int64)

    def input(self, shape: Sequence[int], dtype: Any = np.float32) -> Drawn:
        """One more input of the graph, up to four; then a constant."""
        made = self.numbers(shape, dtype)
        if len(self.inputs) >= 4:
            return self.constant(made)
        drawn = Drawn(f"x{len(self.inputs)}", (made, made, made))
        self.inputs.append(drawn)
        self.values.append(drawn)
        return drawn

    def value(self, kind: str = "f", ranks: tuple[int, int] = (1, 5), fits: Fits = lambda value: True) -> Drawn:
        """A value of the graph of this kind, mostly a late one; a new input where there is none."""
        dtypes = KINDS[kind]
        known = [
            value
            for value in self.values
            if value.array.dtype in dtypes and ranks[0] <= value.rank <= ranks[1] and fits(value)
        ]
        if known and not self.chance(0.05):
            late = known[-4:] if self.chance(0.7) else known
            return self.choose(late)  # type: ignore[no-any-return]
        fresh = self.input(self.sizes(int(self.random.integers(ranks[0], ranks[1] + 1))), self.choose(dtypes))
        if not fits(fresh):
            raise Rejected
        return fresh

    def image(self, ranks: tuple[int, int] = (3, 5), least: int = 2) -> Drawn:
        """Batch, channels and one to three spatial axes."""
        return self.value("f", ranks, lambda value: min(value.shape[2:]) >= least)

    def axis(self, value: Drawn) -> int:
        """One of its axes, from either end."""
        return self.below(value.rank) - (value.rank if self.chance(0.5) else 0)

    def add(self, op: str, inputs: Sequence[Drawn | None], outputs: int = 1, **attributes: Any) -> list[Drawn]:
        """Adds a node and returns its results. Raises Rejected, and leaves the graph as it was."""
        if op not in self.operators:
            raise Rejected  # onnxruntime takes some before they were ONNX's
        first = len(self.nodes)
        names = [f"v{first}" if i == 0 else f"v{first}_{i}" for i in range(outputs)]
        given = [value.name if value else "" for value in inputs]
        node = helper.make_node(op, given, names, name=f"{op}_{first}", **attributes)
        runs = self._run(node, [value for value in inputs if value])
        drawn = [
            Drawn(name, (at[0], *self._neighbours(op, at[0], at[1:])))
            for name, at in zip(names, zip(*runs, strict=True), strict=True)
        ]
        if not all(sound(value, self.spread) for value in drawn):
            raise Rejected
        self.nodes.append(node)
        self.values += drawn
        return drawn

    def _neighbours(self, op: str, array: Array, apart: Sequence[Array]) -> tuple[Array, Array]:
        low, high = apart
        if array.dtype != np.float32 or op in EXACT or not array.size:
            return low, high
        if low.shape != array.shape or high.shape != array.shape:
            raise Rejected
        if not np.isfinite(array).all():
            raise Rejected
        push = self.noise * np.abs(array).max() * self.random.choice([-1.0, 1.0], array.shape)
        return (low + push).astype(np.float32), (high - push).astype(np.float32)

    def _run(self, node: onnx.NodeProto, given: Sequence[Drawn]) -> list[list[Array]]:
        once = {value.name: value for value in given}
        infos = [
            helper.make_tensor_value_info(name, onnx_type(value.array), value.shape) for name, value in once.items()
        ]
        made = [helper.make_empty_tensor_value_info(name) for name in node.output]
        model = wrap(helper.make_graph([node], "node", infos, made), self.opset)
        try:
            session = onnxruntime.InferenceSession(
                model.SerializeToString(), session_options(), providers=["CPUExecutionProvider"]
            )
            return [
                [np.asarray(array) for array in session.run(None, {name: value.at[i] for name, value in once.items()})]
                for i in range(3)
            ]
        except Exception as error:  # its exceptions share no base class
            raise Rejected(str(error)) from error

    def model(self) -> onnx.ModelProto:
        """The whole graph: what nobody reads is an output, and so are a few others."""
        used = {name for node in self.nodes for name in node.input}
        results = [value for value in self.values if value not in self.inputs]
        outputs = [value for value in results if value.name not in used or self.chance(0.1)]
        free = self.chance(0.5)
        infos = [
            helper.make_tensor_value_info(
                value.name,
                onnx_type(value.array),
                [f"{value.name}_{i}" if free and self.chance(0.4) else n for i, n in enumerate(value.shape)],
            )
            for value in self.inputs
            if value.name in used
        ]
        graph = helper.make_graph(
            self.nodes,
            "random",
            infos,
            [
                helper.make_tensor_value_info(
                    value.name,
                    onnx_type(value.array),
                    [f"{value.name}_{i}" if free else n for i, n in enumerate(value.shape)],
                )
                for value in outputs
            ],
            [numpy_helper.from_array(array, name) for name, array in self.constants.items() if name in used],
        )
        return wrap(graph, self.opset)

    def feeds(self) -> dict[str, Array]:
        """What the inputs were drawn as."""
        used = {name for node in self.nodes for name in node.input}
        return {value.name: value.array for value in self.inputs if value.name in used}


def sound(value: Drawn, spread: float) -> bool:
    """Whether two engines that round differently must agree about it."""
    array = value.array
    if not 0 < array.size <= MOST or array.ndim > 5 or any(at.shape != array.shape for at in value.at):
        return False
    if array.dtype != np.float32:
        small = array.dtype.itemsize == 1 or bool(np.abs(array).max() < 2**20)
        return small and all(np.array_equal(at, array) for at in value.at)
    if not np.isfinite(array).all():
        return False
    largest = np.abs(array).max()
    apart = max(float(np.abs(at - array).max()) for at in value.at[1:])
    return bool(largest <= LARGEST and apart <= spread * largest)


@cache
def operators_of(opset: int) -> frozenset[str]:
    """ONNX's operators in a version."""
    return frozenset(
        schema.name
        for schema in onnx.defs.get_all_schemas_with_history()
        if not schema.domain and schema.since_version <= opset
    )


def wrap(graph: onnx.GraphProto, opset: int) -> onnx.ModelProto:
    """A model of an opset, of the file version that goes with it."""
    domains = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=domains, ir_version=helper.find_min_ir_version_for(domains))


def session_options() -> Any:
    """Single-threaded, node by node as written."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return options
