"""Infers the types of all values of a graph by ONNX's own shape inference."""

from __future__ import annotations

from typing import TypeAlias

import onnx

from . import dtypes
from .errors import Errc, Error
from .ir import FREE, Graph, Value
from .opsets import NEWEST
from .to_onnx import to_onnx

Symbolic: TypeAlias = tuple["int | str | None", ...]
"""A shape whose free dimensions keep their names: equal names, equal sizes. None is unknown."""

_OPAQUE = 1024  # shapes depend on small constants only, so the weights stay behind


def infer(graph: Graph) -> tuple[dict[str, Value], dict[str, Symbolic]]:
    """Types, and shapes with named free dimensions, of every value that has a known rank."""
    try:
        model = onnx.shape_inference.infer_shapes(
            to_onnx(graph, opaque_above=_OPAQUE, opset=NEWEST), check_type=True, strict_mode=True, data_prop=True
        )
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
        plain = tuple(dim if isinstance(dim, int) else FREE for dim in shape)
        values[info.name] = Value(info.name, dtypes.of_onnx(tensor.elem_type, f"value '{info.name}'"), plain)
    for name, array in graph.constants.items():
        symbols[name] = array.shape
        values[name] = Value(name, dtypes.of_array(array, f"constant '{name}'"), array.shape)
    return values, symbols


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
