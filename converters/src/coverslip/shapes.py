"""Infers the types of all values of a graph by ONNX's own shape inference."""

from __future__ import annotations

from typing import TypeAlias

import onnx

from . import dtypes
from .errors import Errc, Error
from .ir import FREE, Array, Graph, Node, Value
from .onnx.opsets import NEWEST
from .to_onnx import node_proto, to_onnx

Symbolic: TypeAlias = tuple["int | str | None", ...]
"""A shape whose free dimensions keep their names: equal names, equal sizes. None is unknown."""

_WITHOUT_RULE = ("GroupNormalization",)
"""Operators whose types ONNX does not infer: those of the first input."""

_OPAQUE = 1024  # shapes depend on small constants only, so the weights stay behind


def infer(graph: Graph) -> tuple[dict[str, Value], dict[str, Symbolic]]:
    """Types, and shapes with named free dimensions, of every value that has a known rank."""
    try:
        model = inferred(to_onnx(graph, opaque_above=_OPAQUE, opset=NEWEST), check_type=True, strict_mode=True)
    except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError) as error:
        raise Error(Errc.BadShape, "shape inference", str(error).strip()) from error
    values: dict[str, Value] = {}
    symbols: dict[str, Symbolic] = {}
    for info in [*model.graph.input, *model.graph.value_info, *model.graph.output]:
        tensor = info.type.tensor_type
        if not tensor.HasField("shape") or not tensor.elem_type:
            continue
        shape = symbolic(tensor.shape)
        symbols[info.name] = shape
        values[info.name] = Value(info.name, dtypes.of_onnx(tensor.elem_type, f"value '{info.name}'"), _plain(shape))
    for name, array in graph.constants.items():
        symbols[name] = array.shape
        values[name] = Value(name, dtypes.of_array(array, f"constant '{name}'"), array.shape)
    return values, symbols


def inferred(model: onnx.ModelProto, data_prop: bool = True, **options: bool) -> onnx.ModelProto:
    """The model with ONNX's types of all values, those behind a GroupNormalization too, for which it has no rule."""
    kept: dict[int, onnx.NodeProto] = {}
    for i, node in enumerate(model.graph.node):
        if node.op_type in _WITHOUT_RULE:
            kept[i] = onnx.NodeProto()
            kept[i].CopyFrom(node)
            node.CopyFrom(onnx.helper.make_node("Identity", node.input[:1], node.output[:1]))
    try:
        typed = onnx.shape_inference.infer_shapes(model, data_prop=data_prop, **options)
    finally:
        for i, node in kept.items():
            model.graph.node[i].CopyFrom(node)
    for i, node in kept.items():
        typed.graph.node[i].CopyFrom(node)
    return typed


def symbolic(shape: onnx.TensorShapeProto) -> Symbolic:
    """An ONNX shape with named free dimensions."""
    return tuple(dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None for dim in shape.dim)


def annotate(graph: Graph) -> None:
    """Fills `graph.values` and the outputs' types with what can be inferred; the rest stays open."""
    values, _ = infer(graph)
    made = {name for node in graph.nodes for name in node.outputs}
    graph.values = {name: value for name, value in values.items() if name in made}
    for output in graph.outputs:
        found = values.get(output.name, Value(output.name, "", ()))
        output.dtype, output.shape = found.dtype, found.shape


def of_node(node: Node, types: dict[str, Value], constants: dict[str, Array]) -> list[Value]:
    """Types of one node's outputs, as far as those of its inputs and its constant inputs tell."""
    if node.op == "ConstantOfShape" and node.inputs[0] in constants:
        shape = tuple(int(dim) for dim in constants[node.inputs[0]])
        dtype = types[node.inputs[1]].dtype if len(node.inputs) > 1 else "f32"
        return [Value(node.outputs[0], dtype, shape)]
    if node.op in _WITHOUT_RULE:
        return [Value(node.outputs[0], types[node.inputs[0]].dtype, types[node.inputs[0]].shape)]
    if not onnx.defs.has(node.op) or any(key.startswith("activation_") for key in node.attributes):
        return []
    proto = node_proto(node.op, node.inputs, node.outputs, node.attributes)
    given = {name: _type_of(value) for name, value in types.items()}
    data = {name: onnx.numpy_helper.from_array(constants[name], name) for name in types if _is_small(name, constants)}
    opsets = [onnx.helper.make_opsetid("", NEWEST)]
    try:
        schema = onnx.defs.get_schema(node.op, NEWEST)
        made = onnx.shape_inference.infer_node_outputs(schema, proto, given, data, opset_imports=opsets)
    except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError):
        return []
    known = {name: found.tensor_type for name, found in made.items() if found.tensor_type.HasField("shape")}
    return [
        Value(name, dtypes.of_onnx(found.elem_type, f"value '{name}'"), _plain(symbolic(found.shape)))
        for name, found in known.items()
    ]


def _is_small(name: str, constants: dict[str, Array]) -> bool:
    return name in constants and constants[name].size <= _OPAQUE


def _plain(shape: Symbolic) -> tuple[int, ...]:
    return tuple(dim if isinstance(dim, int) else FREE for dim in shape)


def _type_of(value: Value) -> onnx.TypeProto:
    dims = [f"{value.name}.{i}" if dim == FREE else dim for i, dim in enumerate(value.shape)]
    return onnx.helper.make_tensor_type_proto(dtypes.ONNX[value.dtype], dims)
