"""Runs an ONNX model in double precision by ONNX's own reference, which knows nothing of this converter. Slow."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator

from .draws import Feeds
from .errors import Errc, Error
from .ir import Array
from .onnx_file import tensors


def run(model: onnx.ModelProto, feeds: Feeds) -> dict[str, Array]:
    """The outputs by name. Raises Error(Unsupported) where the reference cannot."""
    try:
        evaluator = ReferenceEvaluator(_in_double(model))
        made = evaluator.run(None, {name: _wide(array) for name, array in feeds.items()})
        return dict(zip(evaluator.output_names, made, strict=True))
    except Exception as error:  # the evaluator's exceptions share no base class
        raise Error(Errc.Unsupported, "ONNX reference", f"cannot run the network: {error}") from error


def _wide(array: Array) -> Array:
    return array.astype(np.float64) if array.dtype == np.float32 else array


def _in_double(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with every float32 constant, input and cast as float64."""
    double = onnx.ModelProto()
    double.CopyFrom(model)
    for tensor in tensors(double.graph):
        if tensor.data_type == TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name))
    for info in [*double.graph.input, *double.graph.output, *double.graph.value_info]:
        if info.type.tensor_type.elem_type == TensorProto.FLOAT:
            info.type.tensor_type.elem_type = TensorProto.DOUBLE
    for node in double.graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.DOUBLE
    return double
