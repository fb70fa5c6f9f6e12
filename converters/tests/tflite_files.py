"""Writes small `.tflite` files for the tests, table by table."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt

from coverslip.tflite import file as tflite_file

Array = npt.NDArray[Any]
Quantized = tuple[Any, Any] | tuple[Any, Any, int]
"""Scale and zero point, one or many, and the axis of many."""

_KINDS = {"f": "FLOAT32", "e": "FLOAT16", "b": "INT8", "B": "UINT8", "h": "INT16", "i": "INT32", "l": "INT64"}
_STEPS: dict[str, Any] = {"StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1}
CONV: dict[str, Any] = _STEPS | {"options": "Conv2DOptions"}
DEPTHWISE: dict[str, Any] = _STEPS | {"options": "DepthwiseConv2DOptions", "DepthMultiplier": 1}
POOL: dict[str, Any] = {"options": "Pool2DOptions", "StrideH": 2, "StrideW": 2, "FilterHeight": 2, "FilterWidth": 2}
SAME, VALID = 0, 1
NONE, RELU, RELU_N1_TO_1, RELU6 = 0, 1, 2, 3


@dataclass
class File:
    """The network under construction; tensors are known by number."""

    tensors: list[dict[str, Any]] = field(default_factory=list)
    operators: list[dict[str, Any]] = field(default_factory=list)
    buffers: list[bytes] = field(default_factory=lambda: [b""])
    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    subgraphs: int = 1
    old_codes: bool = True  # operators by the field of 8 bits too

    def tensor(self, *shape: int, kind: str = "FLOAT32", q: Quantized | None = None, **more: Any) -> int:
        """A tensor without contents. `more`: name, signature, buffer."""
        self.tensors.append({"shape": shape, "kind": kind, "q": q, **more})
        return len(self.tensors) - 1

    def input(self, *shape: int, **more: Any) -> int:
        """An input, named `in` where it is the first."""
        more.setdefault("name", f"in{len(self.inputs) or ''}")
        self.inputs.append(self.tensor(*shape, **more))
        return self.inputs[-1]

    def constant(self, array: Any, dtype: Any = np.float32, q: Quantized | None = None) -> int:
        """A tensor with contents."""
        made = np.asarray(array, dtype)
        self.buffers.append(np.ascontiguousarray(made).tobytes())
        kind = "BOOL" if made.dtype == np.bool_ else _KINDS[made.dtype.char]
        return self.tensor(*made.shape, kind=kind, q=q, buffer=len(self.buffers) - 1)

    def constant_4_bit(self, array: Array, q: Quantized) -> int:
        """Integers from -8 to 7, two in a byte."""
        low, high = np.append(array.reshape(-1), [0] * (array.size % 2)).astype(np.uint8).reshape(-1, 2).T
        self.buffers.append(((low & 15) | (high << 4)).tobytes())
        return self.tensor(*array.shape, kind="INT4", q=q, buffer=len(self.buffers) - 1)

    def sparse(self, values: Any, shape: tuple[int, ...], levels: list[Any], blocks: tuple[int, ...] = ()) -> int:
        """A constant of which some numbers are stored: a level is a size, or segments and indices."""
        number = self.constant(values)
        self.tensors[number] |= {"shape": shape, "sparse": (levels, blocks)}
        return number

    def shape(self, *dims: int) -> int:
        """A constant list of 32-bit integers."""
        return self.constant(dims, np.int32)

    def op(self, kind: str, inputs: list[int], *made: int, options: str = "", version: int = 1, **fields: Any) -> int:
        """An operator; returns the first tensor that it makes."""
        entry = {"kind": kind, "inputs": inputs, "outputs": list(made), "version": version}
        self.operators.append(entry | {"options": options, "fields": fields})
        return made[0]

    def bytes(self) -> bytes:
        """The file."""
        return _Writer(self).file()

    def write(self, path: Path, *outputs: int) -> Path:
        """The file, with these outputs."""
        self.outputs = list(outputs) or [self.operators[-1]["outputs"][0]]
        path.write_bytes(self.bytes())
        return path


class _Writer:
    def __init__(self, file: File) -> None:
        self._file, self._schema = file, tflite_file.schema()
        self._b: Any = flatbuffers.Builder(1024)

    def file(self) -> bytes:
        """All tables, the root last."""
        kinds = sorted({(op["kind"], op["version"]) for op in self._file.operators})
        codes = [self._code(kind, version) for kind, version in kinds]
        tensors = [self._tensor(entry, i) for i, entry in enumerate(self._file.tensors)]
        operators = [self._operator(op, kinds.index((op["kind"], op["version"]))) for op in self._file.operators]
        ends = {"Inputs": self._integers(self._file.inputs), "Outputs": self._integers(self._file.outputs)}
        graph = self._table("SubGraph", Tensors=self._list(tensors), Operators=self._list(operators), **ends)
        buffers = [self._buffer(contents) for contents in self._file.buffers]
        parts = {"OperatorCodes": codes, "Subgraphs": [graph] * self._file.subgraphs, "Buffers": buffers}
        root = self._table("Model", Version=3, **{key: self._list(made) for key, made in parts.items()})
        self._b.Finish(root, file_identifier=b"TFL3")
        return bytes(self._b.Output())

    def _table(self, kind: str, **fields: Any) -> int:
        getattr(self._schema, f"{kind}Start")(self._b)
        for key, value in fields.items():
            getattr(self._schema, f"{kind}Add{key}")(self._b, value)
        return int(getattr(self._schema, f"{kind}End")(self._b))

    def _list(self, offsets: list[int]) -> int:
        self._b.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self._b.PrependUOffsetTRelative(offset)
        return int(self._b.EndVector())

    def _integers(self, values: Any, dtype: Any = np.int32) -> int:
        return int(self._b.CreateNumpyVector(np.asarray(values, dtype).reshape(-1)))

    def _buffer(self, contents: bytes) -> int:
        if not contents:
            return self._table("Buffer")
        return self._table("Buffer", Data=self._integers(np.frombuffer(contents, np.uint8), np.uint8))

    def _code(self, kind: str, version: int) -> int:
        if kind.startswith("CUSTOM "):
            name = self._b.CreateString(kind[7:])
            return self._table("OperatorCode", DeprecatedBuiltinCode=32, BuiltinCode=32, CustomCode=name)
        number = getattr(self._schema.BuiltinOperator, kind)
        old = min(number, 127) if self._file.old_codes else 0
        return self._table("OperatorCode", DeprecatedBuiltinCode=old, BuiltinCode=number, Version=version)

    def _tensor(self, entry: dict[str, Any], number: int) -> int:
        fields = {
            "Shape": self._integers(entry["shape"]),
            "Type": getattr(self._schema.TensorType, entry["kind"]),
            "Buffer": entry.get("buffer", 0),
            "Name": self._b.CreateString(entry.get("name", f"t{number}")),
        }
        if "sparse" in entry:
            fields["Sparsity"] = self._sparsity(*entry["sparse"])
        if "signature" in entry:
            fields["ShapeSignature"] = self._integers(entry["signature"])
        if entry["q"] is not None:
            scale, zero, *axis = entry["q"]
            parts = {"Scale": self._integers(scale, np.float32), "ZeroPoint": self._integers(zero, np.int64)}
            fields["Quantization"] = self._table(
                "QuantizationParameters", **parts, QuantizedDimension=axis[0] if axis else 0
            )
        return self._table("Tensor", **fields)

    def _sparsity(self, levels: list[Any], blocks: tuple[int, ...]) -> int:
        made = []
        for level in levels:
            if isinstance(level, int):
                made.append(self._table("DimensionMetadata", Format=0, DenseSize=level))
                continue
            tables = [self._table("Int32Vector", Values=self._integers(values)) for values in level]
            fields = {
                "ArraySegmentsType": 1,
                "ArraySegments": tables[0],
                "ArrayIndicesType": 1,
                "ArrayIndices": tables[1],
            }
            made.append(self._table("DimensionMetadata", Format=1, **fields))
        parts = {"TraversalOrder": self._integers(range(len(levels))), "DimMetadata": self._list(made)}
        return self._table("SparsityParameters", BlockMap=self._integers(blocks), **parts)

    def _operator(self, op: dict[str, Any], code: int) -> int:
        fields: dict[str, Any] = {"OpcodeIndex": code}
        fields |= {"Inputs": self._integers(op["inputs"]), "Outputs": self._integers(op["outputs"])}
        if op["options"]:
            made = {
                key: self._integers(value) if isinstance(value, (list, tuple)) else value
                for key, value in op["fields"].items()
            }
            fields["BuiltinOptionsType"] = getattr(self._schema.BuiltinOptions, op["options"])
            fields["BuiltinOptions"] = self._table(op["options"], **made)
        return self._table("Operator", **fields)


def numbers(*shape: int, seed: int = 1) -> Array:
    """Seeded normal numbers."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def integers(*shape: int, low: int = -127, high: int = 128, seed: int = 1, dtype: Any = np.int8) -> Array:
    """Seeded integers."""
    return np.random.default_rng(seed).integers(low, high, shape).astype(dtype)
