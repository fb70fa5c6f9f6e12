"""Reads an ONNX model into a graph of operators that the engine runs, or says all that it cannot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx_ir
import onnxscript.optimizer
from onnx import helper, numpy_helper
from onnx_ir.passes.common import CommonSubexpressionEliminationPass

from . import dtypes, lower, onnx_file, padding, shapes
from .errors import Errc, Error
from .ir import FREE, Array, Attribute, Graph, Node, Value
from .operators import SPATIAL_RANKS, SUPPORTED, WINDOWED, drop_defaults, problem

OLDEST, NEWEST = 17, 26
"""Opsets whose operators mean the same here; older ones are converted."""

Shapes = dict[str, tuple[int, ...]]


def read(path: Path, shapes_wanted: Shapes | None = None) -> tuple[Graph, onnx.ModelProto]:
    """The graph, and the model as it was (its free dimensions fixed) to compare with. "" names the only input."""
    model = onnx_file.load(path)
    return from_model(model, shapes_wanted), model


def from_model(model: onnx.ModelProto, shapes_wanted: Shapes | None = None) -> Graph:
    """The graph of a loaded model, whose free input dimensions are fixed in place."""
    _check(model)
    fix_inputs(model.graph, shapes_wanted or {})
    simple = _simplified(_at_known_opset(model))
    graph = _import(simple.graph)
    lower.run(graph)
    padding.make_explicit(graph)
    _refuse_unsupported(graph)
    for node in graph.nodes:
        drop_defaults(node)
    shapes.annotate(graph)
    _check_values(graph)
    return graph


def _check(model: onnx.ModelProto) -> None:
    if model.graph.sparse_initializer:
        raise Error(Errc.Unsupported, "sparse_initializer", "sparse weights are not read yet")
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError) as error:
        raise Error(Errc.BadModel, "ONNX checker", str(error).strip()) from error


def fix_inputs(graph: onnx.GraphProto, wanted: Shapes) -> None:
    """Fixes free dimensions of the inputs and forgets every shape that was inferred before."""
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [info for info in graph.input if info.name not in constants]
    names = {info.name: info for info in inputs}
    for name, shape in wanted.items():
        if not name and len(inputs) != 1:
            raise Error(Errc.BadInput, "--shape", f"name one of the inputs {', '.join(names)}: NAME=1,3,...")
        if name and name not in names:
            raise Error(Errc.BadInput, "--shape", f"no input '{name}'; there are {', '.join(names)}")
        _fix(names[name] if name else inputs[0], shape)
    if wanted:
        del graph.value_info[:]
        for info in graph.output:
            for dim in info.type.tensor_type.shape.dim:
                if not dim.HasField("dim_value"):
                    dim.Clear()


def _fix(info: onnx.ValueInfoProto, shape: tuple[int, ...]) -> None:
    tensor = info.type.tensor_type
    if not tensor.HasField("shape"):
        for size in shape:
            tensor.shape.dim.add().dim_value = size
        return
    dims = tensor.shape.dim
    have = [dim.dim_value if dim.HasField("dim_value") else "free" for dim in dims]
    fits = len(have) == len(shape) and all(a in ("free", b) or b == FREE for a, b in zip(have, shape, strict=True))
    if not fits:
        raise Error(Errc.BadShape, f"input '{info.name}'", f"the network wants {have}, --shape says {list(shape)}")
    for dim, size in zip(dims, shape, strict=True):
        if size != FREE:
            dim.dim_value = size


def _at_known_opset(model: onnx.ModelProto) -> onnx.ModelProto:
    version = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)
    if version > NEWEST:
        raise Error(Errc.Unsupported, "opset", f"{version} is newer than {NEWEST}; export at opset 17 to 22")
    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    if version >= OLDEST:
        return model
    try:
        return onnx.version_converter.convert_version(model, OLDEST)
    except Exception as error:  # the converter raises plain RuntimeError and more
        reason = str(error).strip().splitlines()
        text = f"opset {version} cannot be raised to {OLDEST}: {reason[0] if reason else error!r}"
        raise Error(Errc.Unsupported, "opset", f"{text}; export the network again at opset {OLDEST}") from error


def _simplified(model: onnx.ModelProto) -> onnx.ModelProto:
    """Shapes inferred, constant parts computed. Rewriting is left to the passes, which do it in double precision."""
    try:
        model = onnx.shape_inference.infer_shapes(model, data_prop=True)
        graph = onnx_ir.serde.deserialize_model(model)
        for _ in range(2):  # what is folded once may let shapes be inferred, which lets more be folded
            onnxscript.optimizer.fold_constants_ir(graph, onnx_shape_inference=True)
            CommonSubexpressionEliminationPass()(graph)
            onnxscript.optimizer.remove_unused_nodes(graph)
        return onnx.shape_inference.infer_shapes(onnx_ir.serde.serialize_model(graph), data_prop=True)
    except Exception as error:  # both raise whatever their C++ or Python parts do
        raise Error(Errc.BadModel, "ONNX shape inference", str(error).strip()) from error


def _import(proto: onnx.GraphProto) -> Graph:
    graph = Graph()
    graph.constants = {tensor.name: _array(tensor) for tensor in proto.initializer}
    graph.inputs = [_value(info, "input") for info in proto.input if info.name not in graph.constants]
    graph.outputs = [_value(info, "output", rank_needed=False) for info in proto.output]
    for info in proto.value_info:
        if info.type.tensor_type.HasField("shape") and info.type.tensor_type.elem_type in dtypes.ONNX.values():
            graph.values[info.name] = _value(info, "value")
    problems = []
    for node in proto.node:
        name = node.name or node.output[0]
        op = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
        if op == "Constant":
            graph.constants[node.output[0]] = _constant(node, name)
        elif any(part.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for part in node.attribute):
            problems.append(f"{op} '{name}': control flow")
        else:
            attributes = {part.name: _attribute(part, name) for part in node.attribute}
            graph.nodes.append(Node(op, name, list(node.input), list(node.output), attributes))
    if problems:
        raise unsupported([*problems, *_problems(graph)])
    return graph


def _array(tensor: onnx.TensorProto) -> Array:
    dtype = dtypes.of_onnx_constant(tensor.data_type, f"tensor '{tensor.name}'")
    try:
        array: Array = numpy_helper.to_array(tensor)
    except (ValueError, TypeError) as error:
        raise Error(Errc.BadModel, f"tensor '{tensor.name}'", str(error)) from error
    typed: Array = array.astype(dtypes.NUMPY[dtype], order="C")
    return typed


def _constant(node: onnx.NodeProto, name: str) -> Array:
    attribute = node.attribute[0]
    if attribute.name == "value":
        return _array(attribute.t)
    kinds = {"value_float": np.float32, "value_floats": np.float32, "value_int": np.int64, "value_ints": np.int64}
    if attribute.name not in kinds:
        raise Error(Errc.Unsupported, f"Constant '{name}'", f"holds {attribute.name}")
    return np.array(helper.get_attribute_value(attribute), kinds[attribute.name])


def _value(info: onnx.ValueInfoProto, kind: str, rank_needed: bool = True) -> Value:
    where = f"{kind} '{info.name}'"
    if not info.type.HasField("tensor_type"):
        raise Error(Errc.Unsupported, where, "is a sequence, map or optional; only tensors are possible")
    tensor = info.type.tensor_type
    if rank_needed and not tensor.HasField("shape"):
        raise Error(Errc.BadShape, where, "has no shape; give it by --shape")
    shape = tuple(dim if isinstance(dim, int) else FREE for dim in shapes.symbolic(tensor.shape))
    return Value(info.name, dtypes.of_onnx(tensor.elem_type, where), shape)


def _attribute(attribute: onnx.AttributeProto, where: str) -> Attribute:
    value = helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, (int, float, str)):
        return value
    if attribute.type == onnx.AttributeProto.INTS:
        return [int(item) for item in value]
    if attribute.type == onnx.AttributeProto.FLOATS:
        return [float(item) for item in value]
    raise Error(Errc.Unsupported, where, f"attribute '{attribute.name}' is neither a number nor a list of numbers")


def _problems(graph: Graph) -> list[str]:
    found = ((node, problem(node)) for node in graph.nodes)
    return [f"{node.op} '{node.name}': {reason}" for node, reason in found if reason]


def _refuse_unsupported(graph: Graph) -> None:
    problems = _problems(graph)
    if problems:
        raise unsupported(problems)


def unsupported(problems: list[str]) -> Error:
    """One refusal that lists everything."""
    listed = "\n  ".join(problems)
    advice = f"the operators are {', '.join(SUPPORTED)}"
    if any(entry.startswith(("Shape ", "Gather ", "ConstantOfShape ", "Range ")) for entry in problems):
        advice = "shapes are computed in the network: give its inputs by --shape, then most of these vanish"
    return Error(Errc.Unsupported, "network", f"{len(problems)} nodes cannot be converted:\n  {listed}\n{advice}")


def _check_values(graph: Graph) -> None:
    """What only the inferred types tell: spatial axes, and arithmetic in other floats."""
    known = {value.name: value for value in [*graph.inputs, *graph.values.values()]}
    problems = []
    for node in graph.nodes:
        source, result = known.get(node.inputs[0]), known.get(node.outputs[0])
        if node.op in WINDOWED and source is not None and len(source.shape) - 2 not in SPATIAL_RANKS:
            problems.append(f"{node.op} '{node.name}': {len(source.shape) - 2} spatial axes")
        if node.op != "Cast" and result is not None and result.dtype in ("f16", "bf16"):
            problems.append(f"{node.op} '{node.name}': computes in {result.dtype}, only f32 is possible")
    if problems:
        raise unsupported(problems)
