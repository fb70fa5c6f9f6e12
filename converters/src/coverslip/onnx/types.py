"""Element types of a model: float64 that is only stored becomes float32; what no operator computes in is refused."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from .. import dtypes
from ..ir import Array

_STORES = ("Cast", "CastLike", "Constant", "Identity")
"""Operators that may touch float64: they store it or turn it into something else, but do not compute."""

_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16)

_LOG_SUM_EXP = ("Log", "ReduceSum", "Exp", "Cast")
"""How ONNX defines ReduceLogSumExp since opset 28, from its end to its beginning, in float64."""


def join_sums(graph: onnx.GraphProto) -> None:
    """Makes one operator again of each ReduceLogSumExp that is written out in float64, which that has no need of."""
    types, makers = _types(graph), {name: node for node in graph.node for name in node.output}
    for end in graph.node:
        chain, name = [], end.input[0] if end.op_type in ("Cast", "CastLike") else ""
        for op in _LOG_SUM_EXP:
            if name not in makers or makers[name].op_type != op:
                break
            chain.append(makers[name])
            name = chain[-1].input[0]
        narrow = types.get(name) in _FLOATS and types.get(name) == types.get(end.output[0])
        if narrow and len(chain) == len(_LOG_SUM_EXP) and types.get(chain[-1].output[0]) == TensorProto.DOUBLE:
            joined = helper.make_node("ReduceLogSumExp", [name, *chain[1].input[1:]], list(end.output), end.name)
            joined.attribute.extend(chain[1].attribute)
            end.CopyFrom(joined)
    _drop_unread(graph)


def _drop_unread(graph: onnx.GraphProto) -> None:
    """Takes out the nodes in float64 that nothing reads any more."""
    double = {name for name, kind in _types(graph).items() if kind == TensorProto.DOUBLE}
    read = {value.name for value in graph.output}
    for node in reversed(list(graph.node)):
        if read.isdisjoint(node.output) and double.issuperset(node.output):
            graph.node.remove(node)
        else:
            read.update(node.input)


def problems(graph: onnx.GraphProto) -> list[str]:
    """The nodes that compute in float64, or make what no operator of the engine can."""
    types = _types(graph)
    double = {name for name, kind in types.items() if kind == TensorProto.DOUBLE}
    found = []
    for node in graph.node:
        name = f"{node.op_type} '{node.name or next(filter(None, node.output), '')}'"
        if node.op_type not in _STORES and double.intersection([*node.input, *node.output]):
            found.append(f"{name}: computes in float64; cast its inputs to float32")
        kinds = {types[value] for value in node.output if value in types}
        for kind in sorted(kinds - {*dtypes.ONNX.values(), TensorProto.DOUBLE}):
            found.append(f"{name}: makes {_name(kind)}; possible are {', '.join(dtypes.ONNX)}")
    for info in graph.output:
        if info.type.tensor_type.elem_type == TensorProto.DOUBLE:
            found.append(f"output '{info.name}': is float64; cast it to float32")
    return found


def _types(graph: onnx.GraphProto) -> dict[str, int]:
    """Of every value that has one; a sequence, map or optional is -1."""
    types = {tensor.name: int(tensor.data_type) for tensor in graph.initializer}
    for info in [*graph.input, *graph.value_info, *graph.output]:
        tensor = info.type.HasField("tensor_type")
        kind = int(info.type.tensor_type.elem_type) if tensor else -1
        if kind and info.type.WhichOneof("value") is not None:
            types[info.name] = kind
    return types


def _name(kind: int) -> str:
    return str(TensorProto.DataType.Name(kind)).lower() if kind >= 0 else "a sequence, map or optional"


def narrow(graph: onnx.GraphProto) -> None:
    """Makes float32 of float64 wherever it is only stored."""
    for tensor in graph.initializer:
        _narrow_tensor(tensor)
    for info in [*graph.value_info]:
        if info.type.tensor_type.elem_type == TensorProto.DOUBLE:
            info.type.tensor_type.elem_type = TensorProto.FLOAT
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                _narrow_tensor(attribute.t)
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.DOUBLE:
                attribute.i = TensorProto.FLOAT


def _narrow_tensor(tensor: onnx.TensorProto) -> None:
    if tensor.data_type == TensorProto.DOUBLE:
        array: Array = numpy_helper.to_array(tensor)
        tensor.CopyFrom(numpy_helper.from_array(array.astype(np.float32), tensor.name))
