"""Reads a TensorFlow Lite network, float or quantized, into the graph that the passes work on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import dtypes, shapes
from ..errors import Errc, Error
from ..ir import FREE, Graph, Value
from . import axes as axes
from . import file as tflite_file
from . import pointwise as pointwise
from . import windows as windows
from .build import TO_LAST, Builder, Call, Made

_UNARY = {
    "ABS": "Abs",
    "CEIL": "Ceil",
    "COS": "Cos",
    "ELU": "Elu",
    "EXP": "Exp",
    "FLOOR": "Floor",
    "HARD_SWISH": "HardSwish",
    "LOG": "Log",
    "LOGICAL_NOT": "Not",
    "LOGISTIC": "Sigmoid",
    "NEG": "Neg",
    "RELU": "Relu",
    "ROUND": "Round",
    "SIGN": "Sign",
    "SIN": "Sin",
    "SQRT": "Sqrt",
    "TANH": "Tanh",
}
_BINARY = {
    "ADD": "Add",
    "DIV": "Div",
    "EQUAL": "Equal",
    "GREATER": "Greater",
    "GREATER_EQUAL": "GreaterOrEqual",
    "LESS": "Less",
    "LESS_EQUAL": "LessOrEqual",
    "LOGICAL_AND": "And",
    "LOGICAL_OR": "Or",
    "MAXIMUM": "Max",
    "MINIMUM": "Min",
    "MUL": "Mul",
    "POW": "Pow",
    "SUB": "Sub",
}
_REDUCTIONS = {
    "MEAN": "ReduceMean",
    "REDUCE_ALL": "ReduceMin",
    "REDUCE_ANY": "ReduceMax",
    "REDUCE_MAX": "ReduceMax",
    "REDUCE_MIN": "ReduceMin",
    "REDUCE_PROD": "ReduceProd",
    "SUM": "ReduceSum",
}

OPERATORS: dict[str, Callable[[Call], None]] = {
    **{kind: pointwise.unary(op) for kind, op in _UNARY.items()},
    **{kind: pointwise.binary(op) for kind, op in _BINARY.items()},
    **{kind: axes.reduction(op) for kind, op in _REDUCTIONS.items()},
    "ADD_N": pointwise.add_n,
    "ARG_MAX": axes.arg("ArgMax"),
    "ARG_MIN": axes.arg("ArgMin"),
    "AVERAGE_POOL_2D": windows.pool("AveragePool"),
    "BATCH_MATMUL": windows.batch_matmul,
    "BATCH_TO_SPACE_ND": axes.batch_to_space,
    "BROADCAST_TO": axes.broadcast_to,
    "CAST": pointwise.cast,
    "CONCATENATION": axes.concatenation,
    "CONV_2D": windows.conv,
    "CONV_3D": windows.conv_3d,
    "CUMSUM": axes.cumsum,
    "DEPTHWISE_CONV_2D": windows.depthwise,
    "DEPTH_TO_SPACE": axes.depth_to_space,
    "DEQUANTIZE": pointwise.same,
    "EMBEDDING_LOOKUP": axes.embedding_lookup,
    "EXPAND_DIMS": axes.expand_dims,
    "FILL": axes.fill,
    "FLOOR_DIV": pointwise.floor_div,
    "FLOOR_MOD": pointwise.floor_mod,
    "FULLY_CONNECTED": windows.fully_connected,
    "GATHER": axes.gather,
    "GATHER_ND": axes.gather_nd,
    "GELU": pointwise.gelu,
    "L2_NORMALIZATION": axes.l2_normalization,
    "LEAKY_RELU": pointwise.leaky_relu,
    "LOG_SOFTMAX": pointwise.log_softmax,
    "MAX_POOL_2D": windows.pool("MaxPool"),
    "MIRROR_PAD": axes.mirror_pad,
    "NOT_EQUAL": pointwise.not_equal,
    "PACK": axes.pack,
    "PAD": axes.pad,
    "PADV2": axes.pad,
    "PRELU": pointwise.prelu,
    "QUANTIZE": pointwise.same,
    "RELU_0_TO_1": pointwise.clip(0.0, 1.0),
    "RELU6": pointwise.clip(0.0, 6.0),
    "RELU_N1_TO_1": pointwise.clip(-1.0, 1.0),
    "RESHAPE": axes.reshape,
    "RESIZE_BILINEAR": axes.resize("linear"),
    "RESIZE_NEAREST_NEIGHBOR": axes.resize("nearest"),
    "REVERSE_V2": axes.reverse,
    "RSQRT": pointwise.unary("Sqrt", "Reciprocal"),
    "SELECT": pointwise.select,
    "SELECT_V2": pointwise.select,
    "SHAPE": axes.shape,
    "SLICE": axes.slice_,
    "SOFTMAX": pointwise.softmax,
    "SPACE_TO_BATCH_ND": axes.space_to_batch,
    "SPACE_TO_DEPTH": axes.space_to_depth,
    "SPLIT": axes.split,
    "SPLIT_V": axes.split_v,
    "SQUARE": pointwise.square,
    "SQUARED_DIFFERENCE": pointwise.squared_difference,
    "SQUEEZE": axes.squeeze,
    "STRIDED_SLICE": axes.strided_slice,
    "TILE": axes.tile,
    "TRANSPOSE": axes.transpose,
    "TRANSPOSE_CONV": windows.transpose_conv,
    "UNPACK": axes.unpack,
}


@dataclass(frozen=True)
class Imported:
    """A network as it was read, and which values of the graph are which tensors of the file."""

    graph: Graph
    network: tflite_file.Network
    made: dict[str, Made]


def read(path: Path, shapes_wanted: dict[str, tuple[int, ...]] | None = None) -> Imported:
    """The graph, as the file computes: nothing folded yet. Pictures go in and come out as N,H,W,C."""
    network = tflite_file.load(path)
    _refuse_unknown(network)
    builder = Builder(network)
    for index in network.inputs:
        _input(builder, index)
    for operator in network.operators:
        call = Call(builder, operator)
        try:
            OPERATORS[operator.kind](call)
        except tflite_file.DAMAGE as error:
            raise Error(Errc.BadModel, call.label, f"its options or constants do not fit: {error}") from error
    for index in network.outputs:
        _output(builder, index)
    _fix_shapes(builder.graph, shapes_wanted or {})
    shapes.annotate(builder.graph)
    _check_types(builder)
    return Imported(builder.graph, network, builder.made)


def _check_types(builder: Builder) -> None:
    """The file's own types and shapes, by which windows were padded, must be those that the operators make."""
    for name, made in builder.made.items():
        value, tensor = builder.graph.values.get(name), builder.network.tensors[made.tensor]
        if value is None:
            continue
        declared, wanted = tensor.shape, dtypes.of_array(np.empty(0, tensor.dtype), f"tensor '{tensor.name}'")
        if value.dtype != wanted:
            text = f"makes {value.dtype}, the file says {wanted}{'' if tensor.quantization else ' without a scale'}"
            raise Error(Errc.BadModel, Call(builder, made.operator).label, text)
        shape = tuple(value.shape[axis] for axis in TO_LAST) if made.planar else value.shape
        fits = len(shape) == len(declared) and all(
            FREE in (a, b) or a == b for a, b in zip(shape, declared, strict=True)
        )
        if not fits:
            text = f"makes {list(shape)}, the file says {list(declared)}"
            raise Error(Errc.BadShape, Call(builder, made.operator).label, text)


def _refuse_unknown(network: tflite_file.Network) -> None:
    """Lists every operator and type that cannot be read."""
    problems = []
    for operator in network.operators:
        tensors = [network.tensors[i] for i in (*operator.inputs, *operator.outputs) if i >= 0]
        where = f"{operator.kind} '{network.tensors[operator.outputs[0]].name if operator.outputs else ''}'"
        if operator.kind not in OPERATORS:
            problems.append(f"{where}: unknown operator")
        for tensor in tensors:
            if tensor.dtype is None:
                problems.append(f"{where}: '{tensor.name}' is {tensor.kind}")
    if problems:
        listed, known = "\n  ".join(dict.fromkeys(problems)), ", ".join(sorted(OPERATORS))
        text = f"{len(problems)} operators cannot be converted:\n  {listed}\nthe operators are {known}"
        raise Error(Errc.Unsupported, "network", text)


def _input(builder: Builder, index: int) -> None:
    tensor = builder.network.tensors[index]
    if tensor.dtype is None:
        raise Error(Errc.Unsupported, f"input '{tensor.name}'", f"elements are {tensor.kind}")
    kind = next(name for name, dtype in dtypes.NUMPY.items() if dtype == tensor.dtype)
    name = builder.name(tensor.name)
    builder.graph.inputs.append(Value(name, kind, tensor.shape))
    builder.forms[index] = {(False, tensor.quantization is not None): name}


def _output(builder: Builder, index: int) -> None:
    """An output bears its tensor's name where that is free, and has the file's axes and type."""
    graph, tensor = builder.graph, builder.network.tensors[index]
    made = builder.form(index, False, True)
    name = builder.node("Identity", f"{tensor.name}", [made])
    graph.outputs.append(Value(name, "", ()))


def _fix_shapes(graph: Graph, wanted: dict[str, tuple[int, ...]]) -> None:
    """Gives free dimensions of the inputs the sizes that are asked for."""
    by_name = {value.name: value for value in graph.inputs}
    for name, given in wanted.items():
        value = by_name.get(name) if name else (graph.inputs[0] if len(graph.inputs) == 1 else None)
        if value is None:
            raise Error(Errc.BadInput, "--shape", f"no input '{name}'; there are {', '.join(by_name)}")
        fits = len(given) == len(value.shape) and all(
            a in (FREE, b) or b == FREE for a, b in zip(value.shape, given, strict=True)
        )
        if not fits:
            have = ["free" if dim == FREE else dim for dim in value.shape]
            raise Error(Errc.BadShape, f"input '{name}'", f"the network wants {have}, --shape says {list(given)}")
        value.shape = tuple(a if b == FREE else b for a, b in zip(value.shape, given, strict=True))
