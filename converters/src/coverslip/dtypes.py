"""Names of element types in the file, in NumPy and in ONNX."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import onnx

from .errors import Errc, Error
from .ir import Array

NUMPY: dict[str, np.dtype[np.generic]] = {
    "f32": np.dtype(np.float32),
    "f16": np.dtype(np.float16),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "i8": np.dtype(np.int8),
    "u8": np.dtype(np.uint8),
    "i32": np.dtype(np.int32),
    "i64": np.dtype(np.int64),
    "bool": np.dtype(np.bool_),
}

ONNX: dict[str, int] = {
    "f32": onnx.TensorProto.FLOAT,
    "f16": onnx.TensorProto.FLOAT16,
    "bf16": onnx.TensorProto.BFLOAT16,
    "i8": onnx.TensorProto.INT8,
    "u8": onnx.TensorProto.UINT8,
    "i32": onnx.TensorProto.INT32,
    "i64": onnx.TensorProto.INT64,
    "bool": onnx.TensorProto.BOOL,
}

_FROM_NUMPY = {dtype: name for name, dtype in NUMPY.items()}
_FROM_ONNX = {number: name for name, number in ONNX.items()}


def of_array(array: Array, where: str) -> str:
    """The file's name for the element type of an array."""
    if array.dtype not in _FROM_NUMPY:
        raise Error(Errc.Unsupported, where, f"elements are {array.dtype}; known are {', '.join(NUMPY)}")
    return _FROM_NUMPY[array.dtype]


def of_onnx(number: int, where: str) -> str:
    """The file's name for an ONNX element type."""
    if number not in _FROM_ONNX:
        name = onnx.TensorProto.DataType.Name(number) if number in onnx.TensorProto.DataType.values() else str(number)
        name = {"DOUBLE": "float64"}.get(name, name.lower())
        raise Error(Errc.Unsupported, where, f"elements are {name}; known are {', '.join(ONNX)}")
    return _FROM_ONNX[number]


def of_onnx_constant(number: int, where: str) -> str:
    """As `of_onnx`, but float64 constants are stored as float32, which is what the engine computes in."""
    return "f32" if number == onnx.TensorProto.DOUBLE else of_onnx(number, where)
