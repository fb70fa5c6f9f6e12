"""Reads a `.tflite` file into tensors and operators, by the schema of the package `tflite`."""

from __future__ import annotations

import importlib
import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import Errc, Error
from ..ir import FREE, Array
from . import sparse as tflite_sparse

_DTYPES = {
    "FLOAT32": np.float32,
    "FLOAT16": np.float16,
    "INT4": np.int8,  # weights only, unpacked
    "INT8": np.int8,
    "UINT8": np.uint8,
    "INT32": np.int32,
    "INT64": np.int64,
    "BOOL": np.bool_,
}

MAX_RANK = 8
MAX_OPERATORS = 1 << 15
"""A list can name the same operator any number of times."""

MAX_NAME = 120
SHARED = 64
"""How many times the file's size all constants may be, for tensors can look at the same bytes."""

DAMAGE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, struct.error)
"""What offsets and numbers that contradict themselves raise."""


@dataclass(frozen=True)
class Quantization:
    """real = scale * (stored - zero_point), of one scale or one for each index of `axis`."""

    scale: Array  # f32
    zero_point: Array  # i64
    axis: int

    def same(self, other: Quantization | None) -> bool:
        """Whether stored numbers mean the same in both."""
        return (
            other is not None
            and np.array_equal(self.scale, other.scale)
            and np.array_equal(self.zero_point, other.zero_point)
        )


@dataclass(frozen=True)
class Tensor:
    """A value of the file. `data` is what is known of it before the network runs."""

    name: str
    dtype: np.dtype[Any] | None  # None: a type that is not read, which `kind` names
    kind: str
    shape: tuple[int, ...]  # may hold FREE
    data: Array | None
    quantization: Quantization | None

    def real(self) -> Array:
        """A constant's real numbers; what is not quantized as it is, half precision as single."""
        data, q = self.data, self.quantization
        if data is None:
            raise Error(Errc.Unsupported, f"tensor '{self.name}'", "is computed; only a constant can stand here")
        if q is None:
            return data.astype(np.float32) if data.dtype == np.float16 else data
        along = [1] * data.ndim
        if q.scale.size > 1:
            along[q.axis] = -1
        whole = data.astype(np.int64) - q.zero_point.reshape(along)
        real: Array = whole * q.scale.reshape(along).astype(np.float64)
        return real.astype(np.float32)


@dataclass(frozen=True)
class Operator:
    """One step; an absent input is -1. `options` is the schema's own table, None where there is none."""

    kind: str
    inputs: list[int]
    outputs: list[int]
    options: Any


@dataclass(frozen=True)
class Network:
    """The only subgraph of a file of so many bytes."""

    size: int
    tensors: list[Tensor]
    operators: list[Operator]
    inputs: list[int]
    outputs: list[int]


def load(path: Path) -> Network:
    """The network in a file. Raises Error where it is damaged, or holds several."""
    found = schema()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Error(Errc.Io, str(path), error.strerror or str(error)) from error
    if data[4:8] != b"TFL3":
        raise Error(Errc.BadModel, str(path), "is no TensorFlow Lite file: bytes 4 to 8 are not TFL3")
    return _folded(_Reading(found, data).network())


def schema() -> Any:
    """The generated schema, which only this format needs: of its own package, or of LiteRT."""
    for name in ("tflite", "ai_edge_litert.schema_py_generated"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    text = "reading .tflite needs the Python package 'tflite' (the file format's schema): pip install tflite"
    raise Error(Errc.Unsupported, "tflite", text)


@contextmanager
def _place(where: str) -> Iterator[None]:
    """Says where in the file it was damaged."""
    try:
        yield
    except DAMAGE as error:
        raise Error(Errc.BadModel, where, f"the file is damaged: {error}") from error


class _Reading:
    """One walk through the tables. A list's length is checked against the bytes that the file has for it."""

    def __init__(self, schema: Any, data: bytes) -> None:
        self._schema, self._data = schema, data
        self._kinds = _names(schema.TensorType)
        self._codes, self._tables = _names(schema.BuiltinOperator), _names(schema.BuiltinOptions)
        self._listed, self._constant = len(data), SHARED * len(data)  # what is left of numbers, and of constants' bytes
        self._named: dict[str, int] = {}

    def network(self) -> Network:
        with _place("network"):
            self._model = self._schema.Model.GetRootAsModel(self._data, 0)
            count = self._model.SubgraphsLength()
            if count != 1:
                raise Error(Errc.Unsupported, "network", f"{count} subgraphs (control flow), only one is read")
            graph = self._model.Subgraphs(0)
            counts = self._counted(graph.TensorsLength()), self._counted(graph.OperatorsLength())
            if counts[1] > MAX_OPERATORS:
                text = f"{counts[1]} operators, more than {MAX_OPERATORS} are not converted"
                raise Error(Errc.OverBudget, "network", text)
        tensors = [self._tensor(graph, i) for i in range(counts[0])]
        operators = [self._operator(graph, i, len(tensors)) for i in range(counts[1])]
        with _place("network"):
            inputs, outputs = (_within(self._numbers(graph, f"{end}puts"), len(tensors), 0) for end in ("In", "Out"))
            if not inputs or not outputs:
                raise ValueError("no inputs or no outputs")
        for index in {*inputs, *(made for operator in operators for made in operator.outputs)}:
            tensors[index] = _computed(tensors[index])
        return Network(len(self._data), tensors, operators, inputs, outputs)

    def _entry(self, what: str, index: int) -> Any:
        """Of the model's list, whose end the schema's own access does not look at."""
        count = getattr(self._model, f"{what}Length")()
        if not 0 <= index < count:
            raise ValueError(f"{what} number {index}, there are {count}")
        return getattr(self._model, what)(index)

    def _counted(self, count: int) -> int:
        self._listed -= count
        if self._listed < 0:
            raise ValueError(f"lists of more than {len(self._data)} entries, as many as it has bytes")
        return count

    def _numbers(self, table: Any, what: str) -> list[int]:
        self._counted(getattr(table, f"{what}Length")())
        array = getattr(table, f"{what}AsNumpy")()
        return [] if isinstance(array, int) else [int(index) for index in array]

    def _tensor(self, graph: Any, number: int) -> Tensor:
        with _place(f"tensor {number}"):
            table = graph.Tensors(number)
            kind = self._kinds.get(table.Type(), str(table.Type()))
            dtype = np.dtype(_DTYPES[kind]) if kind in _DTYPES else None
            stored, declared = self._numbers(table, "Shape"), self._numbers(table, "ShapeSignature")
            if len(stored) > MAX_RANK:
                raise ValueError(f"{len(stored)} axes, more than {MAX_RANK}")
            shape = tuple(FREE if dim < 0 else dim for dim in (declared if len(declared) == len(stored) else stored))
            name = self._name(table.Name())
            data = self._contents(table, kind, dtype, stored)
            quantization = self._quantization(table.Quantization(), kind, stored)
            return Tensor(name, dtype, kind, shape, data, quantization)

    def _name(self, raw: bytes | None) -> str:
        self._counted(len(raw or b""))
        base = _readable((raw or b"tensor").decode())
        name, count = base, self._named.get(base, 0)
        while name in self._named:
            name, count = f"{base}_{count}", count + 1
        self._named |= {base: max(count, 1), name: 1}
        return name

    def _contents(self, table: Any, kind: str, dtype: np.dtype[Any] | None, shape: list[int]) -> Array | None:
        """The bytes of a constant, seen as what it is."""
        if not table.Buffer():
            return None
        buffer = self._entry("Buffers", table.Buffer())
        held: Any = buffer.DataAsNumpy()
        if isinstance(held, int) and getattr(buffer, "Offset", int)() > 1:  # behind the tables, as in files beyond 2 GB
            held = np.frombuffer(self._data, np.uint8, buffer.Size(), buffer.Offset())
        if isinstance(held, int) or dtype is None or not held.size:
            return None
        self._constant -= held.size
        self._within_bounds()
        if min(shape, default=0) < 0:
            raise ValueError(f"a constant of shape {shape}")
        if kind == "INT4":
            held = _nibbles(held)[: math.prod(shape)]
        sparsity, values = table.Sparsity(), held.view(dtype)
        if sparsity is not None:
            self._constant -= math.prod(shape) * dtype.itemsize
            self._within_bounds()
            return tflite_sparse.dense(self._schema, sparsity, values, shape)
        array: Array = values.reshape(shape)
        return array

    def _within_bounds(self) -> None:
        if self._constant < 0:
            raise ValueError(f"constants are more than {SHARED} times the file")

    def _quantization(self, table: Any, kind: str, shape: list[int]) -> Quantization | None:
        if table is None or kind not in ("INT4", "INT8", "UINT8", "INT32") or not self._counted(table.ScaleLength()):
            return None
        if table.DetailsType():
            raise Error(Errc.Unsupported, "quantization", "is in blocks; one scale, or one for each channel, is read")
        scale, axis = np.array(table.ScaleAsNumpy(), np.float32), int(table.QuantizedDimension())
        zeros = np.array(self._numbers(table, "ZeroPoint") or [0], np.int64)
        if scale.size > 1 and not (0 <= axis < len(shape) and shape[axis] == scale.size):
            raise ValueError(f"{scale.size} scales along axis {axis} of {shape}")
        if not np.all(np.isfinite(scale)) or np.any(scale < 0):
            raise ValueError("a scale that is negative or no number")
        limits = np.iinfo(_DTYPES[kind])
        if np.any(zeros < limits.min) or np.any(zeros > limits.max):
            raise ValueError(f"a zero point that {kind} does not hold")
        return Quantization(scale, np.array(np.broadcast_to(zeros, scale.shape)), axis)

    def _operator(self, graph: Any, number: int, tensors: int) -> Operator:
        with _place(f"operator {number}"):
            table = graph.Operators(number)
            code = self._entry("OperatorCodes", table.OpcodeIndex())
            builtin = _builtin(code)
            kind = self._codes.get(builtin, f"operator {builtin}")
            if kind == "CUSTOM":
                kind = f"CUSTOM {(code.CustomCode() or b'').decode(errors='replace')[:80]}"
            inputs = _within(self._numbers(table, "Inputs"), tensors, -1)
            outputs = _within(self._numbers(table, "Outputs"), tensors, 0)
            if not outputs:
                raise ValueError("makes nothing")
            return Operator(kind, inputs, outputs, self._options(table))

    def _options(self, table: Any) -> Any:
        name, union = self._tables.get(table.BuiltinOptionsType(), "NONE"), table.BuiltinOptions()
        if name == "NONE" or union is None or not hasattr(self._schema, name):
            return None
        options = getattr(self._schema, name)()
        options.Init(union.Bytes, union.Pos)
        return options


def _builtin(code: Any) -> int:
    """The operator's number. Old files have it in a field of 8 bits; the package looks at the newer one too seldom."""
    table = code._tab
    at = table.Offset(10)
    newer = table.Get(importlib.import_module("flatbuffers.number_types").Int32Flags, at + table.Pos) if at else 0
    return max(int(newer), int(code.DeprecatedBuiltinCode()))


def _nibbles(packed: Array) -> Array:
    """Two integers from -8 to 7 of each byte, the first in its low half."""
    made: Array = np.stack([packed << 4, packed], axis=1).reshape(-1).view(np.int8) >> 4
    return made


def _readable(name: str) -> str:
    """Without control characters, and of names made of whole paths of modules the end of the first."""
    plain = "".join(letter if letter.isprintable() else "_" for letter in name)
    return plain if len(plain) <= MAX_NAME else f"...{plain.split(';')[0][-MAX_NAME:]}"


def _names(enumeration: Any) -> dict[int, str]:
    return {number: name for name, number in vars(enumeration).items() if isinstance(number, int)}


def _computed(tensor: Tensor) -> Tensor:
    """What is given or made is not constant; 32-bit integers then stand for themselves, and none has 4 bits."""
    quantization = None if tensor.kind == "INT32" else tensor.quantization
    return replace(tensor, data=None, quantization=quantization, dtype=None if tensor.kind == "INT4" else tensor.dtype)


def _within(indices: list[int], count: int, least: int) -> list[int]:
    for index in indices:
        if not least <= index < count:
            raise ValueError(f"tensor {index}, there are {count}")
    return indices


def _folded(network: Network) -> Network:
    """Without the operators that widen constants, as files with sparse weights, or of half precision, have them."""
    tensors, operators = list(network.tensors), []
    for operator in network.operators:
        source = operator.inputs[0] if operator.inputs and operator.kind in ("DENSIFY", "DEQUANTIZE") else -1
        found = tensors[source].data if source >= 0 else None
        if found is None:
            operators.append(operator)
            continue
        made, whole = operator.outputs[0], found if operator.kind == "DENSIFY" else tensors[source].real()
        tensors[made] = replace(tensors[made], data=whole, shape=whole.shape)
    return replace(network, tensors=tensors, operators=operators)
