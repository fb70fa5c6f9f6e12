"""Runs an ONNX model in double precision by ONNX's own reference, which knows nothing of this converter. Slow."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator

from . import dtypes
from .errors import Errc, Error
from .ir import Array, Graph, Node, Value
from .onnx.corrections import CORRECTED
from .onnx.file import tensors
from .onnx.opsets import NEWEST
from .to_onnx import to_onnx

Feeds = dict[str, Array]

_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16)


def run(model: onnx.ModelProto, feeds: Feeds, double: bool = True) -> dict[str, Array]:
    """The outputs by name; without `double` in the model's own types. Raises Error(Unsupported) where it cannot."""
    try:
        evaluator = ReferenceEvaluator(_in_double(model) if double else model, new_ops=CORRECTED)
        made = evaluator.run(None, {name: _wide(array) for name, array in feeds.items()} if double else feeds)
        return dict(zip(evaluator.output_names, made, strict=True))
    except Exception as error:  # the evaluator's exceptions share no base class
        reason = str(error).strip() or repr(error)
        raise Error(Errc.Unsupported, "ONNX reference", f"cannot run the network: {reason}") from error


def evaluate(node: Node, inputs: list[Array | None]) -> list[Array]:
    """One node of a graph, floats as float64."""
    given = {name: np.asarray(array) for name, array in zip(node.inputs, inputs, strict=True) if array is not None}
    values = [Value(name, _stored(array), array.shape) for name, array in given.items()]
    graph = Graph(inputs=values, nodes=[node], outputs=[Value(name, "", ()) for name in node.outputs])
    if node.op == "ConstantOfShape":
        graph.constants = {name: given[name] for name in node.inputs[1:]}
    made = run(to_onnx(graph, opset=NEWEST), given)
    return [np.asarray(made[name]) for name in node.outputs]


def _stored(array: Array) -> str:
    """The type by which the file would hold the array; doubles stand for any float."""
    return "f32" if array.dtype == np.float64 else dtypes.of_array(array, "value")


def _wide(array: Array) -> Array:
    floating = array.dtype in (np.float32, np.float16, dtypes.NUMPY["bf16"])
    return array.astype(np.float64) if floating else array


def _in_double(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with every float constant, input and cast as float64."""
    double = onnx.ModelProto()
    double.CopyFrom(model)
    for tensor in tensors(double.graph):
        if tensor.data_type in _FLOATS:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name))
    for info in [*double.graph.input, *double.graph.output, *double.graph.value_info]:
        if info.type.tensor_type.elem_type in _FLOATS:
            info.type.tensor_type.elem_type = TensorProto.DOUBLE
    for node in double.graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i in _FLOATS:
                attribute.i = TensorProto.DOUBLE
    return double
