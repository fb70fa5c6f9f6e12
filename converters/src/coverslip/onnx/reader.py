"""Reads an ONNX model into a graph of operators that the engine runs, or says all that it cannot."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import onnx_ir
import onnxscript.optimizer
from onnx import helper, numpy_helper
from onnx_ir.passes.common import CommonSubexpressionEliminationPass

from .. import dtypes, operators, padding, shapes
from ..errors import Errc, Error
from ..ir import FREE, MAX_ELEMENTS, Array, Attribute, Graph, Node, Value
from . import contrib, control_flow, lower, opsets
from . import corrections as onnx_corrections
from . import file as onnx_file
from . import types as onnx_types

Shapes = dict[str, tuple[int, ...]]

MAX_FOLDED = 1 << 20
"""Elements of a constant that is worth computing; a small file can ask for any number."""

MAX_NESTING = 8
"""How deep a loop may stand in a loop."""


def read(path: Path, shapes_wanted: Shapes | None = None) -> tuple[Graph, onnx.ModelProto]:
    """The graph, and the model as it was (its free dimensions fixed) to compare with. "" names the only input."""
    model = onnx_file.load(path)
    return from_model(model, shapes_wanted), model


def from_model(model: onnx.ModelProto, shapes_wanted: Shapes | None = None) -> Graph:
    """The graph of a loaded model, whose free input dimensions are fixed, and parts named, in place."""
    _check(model)
    _name_parts(model)
    fix_inputs(model.graph, shapes_wanted or {})
    known = operators.known() | lower.HANDLED
    simple = _simplified(opsets.prepared(contrib.written_out(model), known))
    onnx_types.join_sums(simple.graph)
    problems = onnx_types.problems(simple.graph)
    onnx_types.narrow(simple.graph)
    graph = _import(simple.graph, problems)
    lower.run(graph, opsets.version(simple), operators.known())
    padding.make_explicit(graph)
    problems += [
        f"{node.op} '{node.name}': the engine has no such operator"
        for node in graph.nodes
        if node.op not in operators.known()
    ]
    if problems:
        raise unsupported(problems)
    shapes.annotate(graph)
    return graph


def _check(model: onnx.ModelProto) -> None:
    if model.graph.sparse_initializer:
        raise Error(Errc.Unsupported, "sparse_initializer", "sparse weights are not read yet")
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError) as error:
        if "deprecated" in str(error):
            text = f"{str(error).strip().splitlines()[0]}; export the network at a newer opset"
            raise Error(Errc.Unsupported, "ONNX checker", text) from error
        raise Error(Errc.BadModel, "ONNX checker", str(error).strip()) from error


def _name_parts(model: onnx.ModelProto) -> None:
    """Names all outputs of each Split: what nothing reads is a part too, and ONNX Runtime crashes without a name."""
    nodes = [node for graph in (model.graph, *model.functions) for node in opsets.nodes_of(graph)]
    taken = {name for node in nodes for name in (*node.input, *node.output)}
    for node in nodes:
        for i, output in enumerate(node.output):
            if node.op_type == "Split" and not output:
                node.output[i] = _unused_name(f"{node.name}.{i}", taken)
                taken.add(node.output[i])


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


def _simplified(model: onnx.ModelProto) -> onnx.ModelProto:
    """Shapes inferred, constants computed, loops unrolled. Rewriting is left to the passes, which do it in double."""
    try:
        for _ in range(MAX_NESTING):
            model = _folded(model)
            if not control_flow.resolve(model.graph):
                break
        return shapes.inferred(model)
    except Error:
        raise
    except Exception as error:  # all raise whatever their C++ or Python parts do
        problems = _problems_of(model)
        if problems:
            raise unsupported(problems) from error
        raise Error(Errc.BadModel, "ONNX shape inference", str(error).strip()) from error


def _problems_of(model: onnx.ModelProto) -> list[str]:
    """Types that the engine has not, of a model that may be beyond shape inference."""
    try:
        return onnx_types.problems(onnx.shape_inference.infer_shapes(model).graph)
    except Exception:  # what is wrong with it was said before
        return []


def _folded(model: onnx.ModelProto) -> onnx.ModelProto:
    if opsets.holds(model, "Range"):  # whose numbers the inference that follows data writes out one by one
        model = _constants_folded(shapes.inferred(model, data_prop=False))
    return _constants_folded(shapes.inferred(model))


def _constants_folded(typed: onnx.ModelProto) -> onnx.ModelProto:
    _count_elements(typed.graph)
    graph = onnx_ir.serde.deserialize_model(typed)
    with _silent(logging.getLogger("onnxscript")):
        for _ in range(2):  # what is folded once may let shapes be inferred, which lets more be folded
            onnxscript.optimizer.fold_constants_ir(graph, onnx_shape_inference=True, should_fold=_foldable)
            CommonSubexpressionEliminationPass()(graph)
            onnxscript.optimizer.remove_unused_nodes(graph)
    return onnx_ir.serde.serialize_model(graph)


def _foldable(node: onnx_ir.Node) -> bool | None:
    """None leaves it to the optimizer, which asks ONNX's own reference. Raises Error where no computer holds it."""
    sizes = [math.prod(dim for dim in output.shape or () if isinstance(dim, int)) for output in node.outputs]
    largest = max(sizes, default=0)
    if largest > (MAX_FOLDED if node.op_type == "Range" else MAX_ELEMENTS):
        raise Error(Errc.OverBudget, f"{node.op_type} '{node.name}'", f"makes {largest} elements of constants")
    return False if largest > MAX_FOLDED or node.op_type in {op.__name__ for op in onnx_corrections.CORRECTED} else None


def _count_elements(graph: onnx.GraphProto) -> None:
    """Makes a constant of the Size of a value whose shape is known, which the folding below forgets."""
    known = {info.name: info.type.tensor_type.shape for info in [*graph.input, *graph.value_info]}
    for node in graph.node:
        shape = shapes.symbolic(known[node.input[0]]) if node.op_type == "Size" and node.input[0] in known else None
        sizes = [dim for dim in shape or () if isinstance(dim, int)]
        if shape and len(sizes) == len(shape):
            name = node.name
            node.CopyFrom(helper.make_node("Constant", [], list(node.output), name=name, value_int=math.prod(sizes)))


@contextmanager
def _silent(logger: logging.Logger) -> Iterator[None]:
    """What folding cannot do is no news to the user: the node stays."""
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _import(proto: onnx.GraphProto, problems: list[str]) -> Graph:
    """The graph as it stands; adds to `problems` the nodes that no operator can be made of."""
    graph = Graph()
    graph.constants = {tensor.name: _array(tensor) for tensor in proto.initializer}
    graph.inputs = [_value(info, "input") for info in proto.input if info.name not in graph.constants]
    graph.outputs = [Value(info.name, "", ()) for info in proto.output]
    for info in proto.value_info:
        if info.type.tensor_type.HasField("shape") and info.type.tensor_type.elem_type in dtypes.ONNX.values():
            graph.values[info.name] = _value(info, "value")
    for node in proto.node:
        name = node.name or next(filter(None, node.output), "")
        op = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
        if op == "Constant":
            graph.constants[node.output[0]] = _constant(node, name)
        elif any(part.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for part in node.attribute):
            problems.append(f"{op} '{name}': {control_flow.reason(node)}")
        else:
            graph.nodes.append(_node(graph, node, op, name))
    return graph


def _node(graph: Graph, proto: onnx.NodeProto, op: str, name: str) -> Node:
    """A node. A tensor among its attributes becomes its last input, as no attribute of the file holds one."""
    node = Node(op, name, list(proto.input), list(proto.output))
    while len(node.outputs) > 1 and not node.outputs[-1]:
        node.outputs.pop()
    taken = {output for output in node.outputs if output}
    node.outputs = [output or _unused_name(f"{name}.{i}", taken) for i, output in enumerate(node.outputs)]
    for part in proto.attribute:
        if part.type == onnx.AttributeProto.TENSOR:
            node.inputs.append(f"{node.outputs[0]}.{part.name}")
            graph.constants[node.inputs[-1]] = _array(part.t)
        else:
            node.attributes[part.name] = _attribute(part, name)
    return node


def _unused_name(hint: str, taken: set[str]) -> str:
    while hint in taken:
        hint += ".unused"
    return hint


def _array(tensor: onnx.TensorProto) -> Array:
    dtype = dtypes.of_onnx_constant(tensor.data_type, f"tensor '{tensor.name}'")
    try:
        array: Array = numpy_helper.to_array(tensor)
    except (ValueError, TypeError) as error:
        raise Error(Errc.BadModel, f"tensor '{tensor.name}'", str(error)) from error
    typed: Array = array.astype(dtypes.NUMPY[dtype], order="C")
    return typed


def _constant(node: onnx.NodeProto, name: str) -> Array:
    if len(node.attribute) != 1:
        raise Error(Errc.BadModel, f"Constant '{name}'", f"has {len(node.attribute)} attributes, expected its value")
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


def unsupported(problems: list[str]) -> Error:
    """One refusal that lists everything."""
    listed = "\n  ".join(problems)
    advice = "`slip info --operators` lists what the engine has; export the network with those, or cut it before this"
    if any("depends on the input" in entry for entry in problems):
        advice = "where it depends on the input's shape alone, give that by --shape: then it is settled"
    count = f"{len(problems)} node{'s' if len(problems) > 1 else ''}"
    return Error(Errc.Unsupported, "network", f"{count} cannot be converted:\n  {listed}\n{advice}")
