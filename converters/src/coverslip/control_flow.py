"""Takes If and Loop out of a model where they are settled before it runs: a known branch, a known number of turns."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import helper, numpy_helper

from .ir import Array

MAX_TURNS = 256
MAX_NODES = 1 << 14
"""Of all turns of one loop together: beyond that the network would be mostly this loop."""

Names = dict[str, str]


def resolve(graph: onnx.GraphProto) -> bool:
    """Replaces what is settled, one level deep. True if anything was."""
    constants = dict(_constants(graph))
    nodes, changed = [], False
    for node in graph.node:
        parts = _branch(node, constants) if node.op_type == "If" else None
        parts = _turns(node, constants) if node.op_type == "Loop" else parts
        nodes += [node] if parts is None else parts
        changed |= parts is not None
    if changed:
        del graph.node[:]
        graph.node.extend(nodes)
        del graph.value_info[:]
    return changed


def reason(node: onnx.NodeProto) -> str:
    """Why a node of control flow is still there."""
    if node.op_type == "If":
        return "which branch is taken depends on the input"
    if node.op_type == "Loop":
        return f"how often it turns depends on the input, or is more than {MAX_TURNS} times"
    return "control flow"


def _constants(graph: onnx.GraphProto) -> Iterator[tuple[str, Array]]:
    for tensor in graph.initializer:
        if len(tensor.dims) == 0 or list(tensor.dims) == [1]:
            yield tensor.name, numpy_helper.to_array(tensor)
    for node in graph.node:
        if node.op_type == "Constant" and len(node.attribute) == 1:
            attribute = node.attribute[0]
            if attribute.name == "value" and list(attribute.t.dims) in ([], [1]):
                yield node.output[0], numpy_helper.to_array(attribute.t)
            elif attribute.name == "value_int":
                yield node.output[0], np.array(attribute.i)


def _inner(node: onnx.NodeProto, key: str) -> onnx.GraphProto:
    return next(attribute.g for attribute in node.attribute if attribute.name == key)


def _branch(node: onnx.NodeProto, constants: dict[str, Array]) -> list[onnx.NodeProto] | None:
    condition = constants.get(node.input[0])
    if condition is None:
        return None
    branch = _inner(node, "then_branch" if condition.reshape(-1)[0] else "else_branch")
    nodes, names = _copy(branch, {}, f"{node.output[0]}.branch")
    results = [names.get(value.name, value.name) for value in branch.output]
    return [*nodes, *_identities(results, list(node.output))]


def _turns(node: onnx.NodeProto, constants: dict[str, Array]) -> list[onnx.NodeProto] | None:
    """The body as often as it turns, each turn reading what the one before made."""
    body, inputs = _inner(node, "body"), [*node.input, "", ""]
    count = constants.get(inputs[0])
    if count is None or not 1 <= int(count.reshape(-1)[0]) <= MAX_TURNS or not _always(inputs[1], body, constants):
        return None
    turns, carried = int(count.reshape(-1)[0]), list(node.input[2:])
    if turns * sum(1 for _ in body.node) > MAX_NODES:
        return None
    nodes: list[onnx.NodeProto] = []
    scans: list[list[str]] = [[] for _ in body.output[1 + len(carried) :]]
    for turn in range(turns):
        prefix = f"{node.name or next(filter(None, node.output))}.{turn}"
        fixed = [_constant(f"{prefix}.turn", np.array(turn, np.int64)), _constant(f"{prefix}.go", np.array(True))]
        given = [part.output[0] for part in fixed] + carried
        made, names = _copy(body, dict(zip([value.name for value in body.input], given, strict=True)), prefix)
        nodes += [*fixed, *made]
        results = [names.get(value.name, value.name) for value in body.output]
        carried = results[1 : 1 + len(carried)]
        for row, result in zip(scans, results[1 + len(carried) :], strict=True):
            row.append(result)
    nodes += _identities(carried, list(node.output[: len(carried)]))
    for row, target in zip(scans, node.output[len(carried) :], strict=False):
        nodes += _stacked(row, target) if target else []
    return nodes


def _always(condition: str, body: onnx.GraphProto, constants: dict[str, Array]) -> bool:
    """Whether the condition holds before the first turn and after each."""
    if condition and not (condition in constants and constants[condition].reshape(-1)[0]):
        return False
    made = {name: part for part in body.node for name in part.output}
    name, inside = body.output[0].name, dict(_constants(body))
    while name in made and made[name].op_type == "Identity":
        name = made[name].input[0]
    held = inside.get(name, constants.get(name))
    return name == body.input[1].name or (held is not None and bool(held.reshape(-1)[0]))


def _copy(graph: onnx.GraphProto, names: Names, prefix: str) -> tuple[list[onnx.NodeProto], Names]:
    """The nodes of an inner graph with names of their own; `names` says what its inputs are called outside."""
    own = [name for node in graph.node for name in node.output if name]
    own += [tensor.name for tensor in graph.initializer]
    names = names | {name: f"{prefix}.{name}" for name in own}
    nodes = [_constant(names[tensor.name], numpy_helper.to_array(tensor), tensor) for tensor in graph.initializer]
    for node in graph.node:
        copied = onnx.NodeProto()
        copied.CopyFrom(node)
        copied.name = f"{prefix}.{node.name}" if node.name else ""
        _rename(copied, names)
        nodes.append(copied)
    return nodes, names


def _rename(node: onnx.NodeProto, names: Names) -> None:
    """Values of inner graphs keep their own names; what they read from outside is renamed."""
    node.input[:] = [names.get(name, name) for name in node.input]
    node.output[:] = [names.get(name, name) for name in node.output]
    for attribute in node.attribute:
        for inner in [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]:
            hidden = {value.name for value in inner.input} | {tensor.name for tensor in inner.initializer}
            hidden |= {name for part in inner.node for name in part.output}
            outside = {old: new for old, new in names.items() if old not in hidden}
            for part in inner.node:
                _rename(part, outside)
            for value in inner.output:
                value.name = outside.get(value.name, value.name)


def _constant(name: str, array: Array, tensor: onnx.TensorProto | None = None) -> onnx.NodeProto:
    return helper.make_node("Constant", [], [name], value=tensor or numpy_helper.from_array(array))


def _identities(sources: list[str], targets: list[str]) -> list[onnx.NodeProto]:
    pairs = zip(sources, targets, strict=True)
    return [helper.make_node("Identity", [source], [target], name=target) for source, target in pairs if target]


def _stacked(rows: list[str], target: str) -> list[onnx.NodeProto]:
    """One value whose first axis counts the turns."""
    first = _constant(f"{target}.axis", np.array([0], np.int64))
    axis = first.output[0]
    nodes = [helper.make_node("Unsqueeze", [row, axis], [f"{target}.{i}"]) for i, row in enumerate(rows)]
    joined = helper.make_node("Concat", [f"{target}.{i}" for i in range(len(rows))], [target], name=target, axis=0)
    return [first, *nodes, joined]
