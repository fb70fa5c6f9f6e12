"""Brings a model's operators up to those that the reader knows: older opsets raised, functions written out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import onnx
import onnx.inliner
import onnx.version_converter

from ..errors import Errc, Error

OLDEST, NEWEST = 13, onnx.defs.onnx_opset_version()
"""Opsets that are read as they are; older ones are raised to OLDEST."""

Function = tuple[str, str]
"""Domain and name of an operator."""

MAX_NODES = 1 << 17
MAX_CALLS = 100
"""Of functions in functions."""

_KEPT = ("Bernoulli", "LinearAttention", "SequenceMap")
"""Functions whose bodies hold nothing that the engine could run: refused by their own name."""


def version(model: onnx.ModelProto) -> int:
    """The opset of ONNX's own operators; 0 where the model uses none."""
    return next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)


def prepared(model: onnx.ModelProto, known: frozenset[str]) -> onnx.ModelProto:
    """The model at an opset from OLDEST on, without functions but those among `known`."""
    found = version(model)
    if found > NEWEST:
        text = f"{found} is newer than {NEWEST}, the newest of the installed onnx"
        raise Error(Errc.Unsupported, "opset", f"{text}; upgrade onnx, or export the network at opset {NEWEST}")
    if model.functions:
        _check_calls(model)
        model = _without_local_functions(model)
    if 0 < found < OLDEST:
        model = _raised(model, found)
    stuck: set[Function] = set()
    while functions := _functions(model, known) - stuck:
        for function in sorted(functions):
            written_out = _written_out(model, function)
            if written_out is None:
                stuck.add(function)
            else:
                model = written_out
    return model


def nodes_of(graph: onnx.GraphProto | onnx.FunctionProto) -> Iterator[onnx.NodeProto]:
    """All nodes, those of inner graphs included."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]:
                yield from nodes_of(inner)


def holds(model: onnx.ModelProto, op: str) -> bool:
    """Whether the operator is anywhere in the model."""
    return any(node.op_type == op for node in nodes_of(model.graph))


def _raised(model: onnx.ModelProto, found: int) -> onnx.ModelProto:
    try:
        return onnx.version_converter.convert_version(model, OLDEST)
    except Exception as error:  # the converter raises plain RuntimeError and more
        reason = str(error).strip().splitlines()
        text = f"opset {found} cannot be raised to {OLDEST}: {reason[0] if reason else repr(error)}"
        raise Error(
            Errc.Unsupported, "opset", f"{text}; export the network again at opset {OLDEST} or newer"
        ) from error


def _check_calls(model: onnx.ModelProto) -> None:
    """Refuses functions that call each other in a circle, or as often as no program holds."""
    bodies = {_called(function, function.name): function for function in model.functions}
    sizes: dict[tuple[str, ...], int] = {}

    def size(nodes: Iterable[onnx.NodeProto], around: tuple[tuple[str, ...], ...]) -> int:
        total = 0
        for node in nodes:
            key = _called(node, node.op_type)
            if key in bodies and key not in sizes:
                if key in around or len(around) > MAX_CALLS:
                    text = f"calls itself, or calls stand in more than {MAX_CALLS} others"
                    raise Error(Errc.BadModel, f"function '{node.op_type}'", text)
                sizes[key] = size(nodes_of(bodies[key]), (*around, key))
            total += sizes.get(key, 1)
        return total

    if size(nodes_of(model.graph), ()) > MAX_NODES:
        message = f"written out, the network's own functions make more than {MAX_NODES} nodes"
        raise Error(Errc.OverBudget, "functions", message)


def _called(holder: onnx.NodeProto | onnx.FunctionProto, name: str) -> tuple[str, ...]:
    return (holder.domain, name, getattr(holder, "overload", ""))


def _without_local_functions(model: onnx.ModelProto) -> onnx.ModelProto:
    try:
        return onnx.inliner.inline_local_functions(model, convert_version=True)
    except Exception as error:  # raises whatever its C++ parts do
        names = ", ".join(function.name for function in model.functions)
        text = f"the network's own functions {names} cannot be written out: {error}"
        raise Error(Errc.Unsupported, "functions", f"{text}; export the network without functions") from error


def _functions(model: onnx.ModelProto, known: frozenset[str]) -> set[Function]:
    """Operators in use that ONNX defines by others, and the engine does not have."""
    found = set()
    for node in nodes_of(model.graph):
        domain = "" if node.domain == "ai.onnx" else node.domain
        if not domain and node.op_type in (*known, *_KEPT):
            continue
        schema = _schema(model, (domain, node.op_type))
        if schema is not None and (schema.has_function or schema.has_context_dependent_function):
            found.add((domain, node.op_type))
    return found


def _schema(model: onnx.ModelProto, function: Function) -> onnx.defs.OpSchema | None:
    domain, name = function
    for entry in model.opset_import:
        if entry.domain in (domain, "" if domain else "ai.onnx") and onnx.defs.has(name, entry.version, domain):
            return onnx.defs.get_schema(name, entry.version, domain)
    return None


def _written_out(model: onnx.ModelProto, function: Function) -> onnx.ModelProto | None:
    """The model with an operator's definition in its place; None where ONNX has none for this use of it."""
    # Some definitions depend on types. Following data would write out the numbers of a Range one by one.
    typed = onnx.shape_inference.infer_shapes(model, data_prop=not holds(model, "Range"))
    for tensor in typed.graph.initializer:  # which the inliner does not take from constants
        info = onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        typed.graph.value_info.append(info)
    schema = _schema(model, function)
    for node in nodes_of(typed.graph):
        if schema is not None and (node.domain, node.op_type) == function:
            _state_defaults(node, schema)
    try:
        inlined = onnx.inliner.inline_selected_functions(typed, [function], inline_schema_functions=True)
    except Exception:  # raises whatever its C++ parts do
        return None
    left = any((node.domain, node.op_type) == function for node in nodes_of(inlined.graph))
    return None if left or _loose_ends(inlined.graph, set()) else inlined


def _loose_ends(graph: onnx.GraphProto, outside: set[str]) -> set[str]:
    """Names that are read but never made: the inliner loses some that a loop in a definition reads from around it."""
    made = outside | {value.name for value in [*graph.input, *graph.initializer]}
    made |= {name for node in graph.node for name in node.output}
    loose = {name for node in graph.node for name in node.input if name} - made
    for node in graph.node:
        for attribute in node.attribute:
            for inner in [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]:
                loose |= _loose_ends(inner, made)
    return loose


def _state_defaults(node: onnx.NodeProto, schema: onnx.defs.OpSchema) -> None:
    """The inliner leaves holes where a definition asks for an attribute that is not stated."""
    stated = {attribute.name for attribute in node.attribute}
    for name, attribute in schema.attributes.items():
        if name not in stated and attribute.default_value.name:
            node.attribute.append(attribute.default_value)
