"""Takes If and Loop out of a model where they are settled before it runs: a known branch, a known number of turns."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ..errors import Errc, Error
from ..ir import Array
from .opsets import nodes_of

MAX_TURNS = 256
MAX_NODES = 1 << 14
"""Of all turns of the loops of one level together: beyond that the network would be mostly loops."""

Names = dict[str, str]


def resolve(graph: onnx.GraphProto) -> bool:
    """Replaces what is settled, one level deep. True if anything was."""
    resolver = _Resolver(graph)
    nodes, changed = [], False
    for node in graph.node:
        parts = resolver.branch(node) if node.op_type == "If" else None
        parts = resolver.turns(node) if node.op_type == "Loop" else parts
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


class _Resolver:
    """Writes out inner graphs; knows the constants of the graph and the names that are taken."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._constants = dict(_constants(graph))
        self._taken = {value.name for value in [*graph.input, *graph.initializer]}
        self._taken |= {name for node in nodes_of(graph) for name in (*node.input, *node.output)}
        self._made = 0  # nodes of turns

    def branch(self, node: onnx.NodeProto) -> list[onnx.NodeProto] | None:
        """What an If becomes whose condition is known."""
        condition = self._constants.get(node.input[0])
        if condition is None:
            return None
        branch = _inner(node, "then_branch" if condition.reshape(-1)[0] else "else_branch")
        nodes, names = self._copy(branch, {}, f"{node.output[0]}.branch")
        results = [names.get(value.name, value.name) for value in branch.output]
        return [*nodes, *_identities(results, list(node.output))]

    def turns(self, node: onnx.NodeProto) -> list[onnx.NodeProto] | None:
        """The body of a Loop as often as it turns, each turn reading what the one before made."""
        body, inputs = _inner(node, "body"), [*node.input, "", ""]
        count = self._constants.get(inputs[0])
        turns = 0 if count is None else int(count.reshape(-1)[0])
        if not 1 <= turns <= MAX_TURNS or not _always(inputs[1], body, self._constants):
            return None
        self._made += turns * len(body.node)
        if self._made > MAX_NODES:
            message = f"loops make more than {MAX_NODES} nodes once each of their turns is written out"
            raise Error(Errc.OverBudget, f"Loop '{node.name or node.output[0]}'", message)
        carried = list(node.input[2:])
        nodes: list[onnx.NodeProto] = []
        scans: list[list[str]] = [[] for _ in body.output[1 + len(carried) :]]
        for turn in range(turns):
            prefix = f"{node.name or next(filter(None, node.output))}.{turn}"
            fixed = [self._constant(f"{prefix}.turn", np.array(turn, np.int64)), self._constant(prefix, np.array(True))]
            given = [part.output[0] for part in fixed] + carried
            made, names = self._copy(body, dict(zip([value.name for value in body.input], given, strict=True)), prefix)
            nodes += [*fixed, *made]
            results = [names.get(value.name, value.name) for value in body.output]
            carried = results[1 : 1 + len(carried)]
            for row, result in zip(scans, results[1 + len(carried) :], strict=True):
                row.append(result)
        nodes += _identities(carried, list(node.output[: len(carried)]))
        for row, target in zip(scans, node.output[len(carried) :], strict=False):
            nodes += self._stacked(row, target) if target else []
        return nodes

    def _copy(self, graph: onnx.GraphProto, names: Names, prefix: str) -> tuple[list[onnx.NodeProto], Names]:
        """The nodes of an inner graph with names of their own; `names` says what its inputs are called outside."""
        own = [name for node in graph.node for name in node.output if name]
        names = names | {name: self._fresh(f"{prefix}.{name}") for name in own}
        nodes = []
        for tensor in graph.initializer:
            nodes.append(self._constant(f"{prefix}.{tensor.name}", tensor))
            names[tensor.name] = nodes[-1].output[0]
        for node in graph.node:
            copied = onnx.NodeProto()
            copied.CopyFrom(node)
            copied.name = f"{prefix}.{node.name}" if node.name else ""
            _rename(copied, names)
            nodes.append(copied)
        return nodes, names

    def _stacked(self, rows: list[str], target: str) -> list[onnx.NodeProto]:
        """One value whose first axis counts the turns."""
        first = self._constant(f"{target}.axis", np.array([0], np.int64))
        names = [self._fresh(f"{target}.{i}") for i in range(len(rows))]
        pairs = zip(rows, names, strict=True)
        nodes = [helper.make_node("Unsqueeze", [row, first.output[0]], [name]) for row, name in pairs]
        return [first, *nodes, helper.make_node("Concat", names, [target], name=target, axis=0)]

    def _constant(self, hint: str, held: Array | onnx.TensorProto) -> onnx.NodeProto:
        value = held if isinstance(held, onnx.TensorProto) else numpy_helper.from_array(held)
        return helper.make_node("Constant", [], [self._fresh(hint)], value=value)

    def _fresh(self, hint: str) -> str:
        while hint in self._taken:
            hint += "_"
        self._taken.add(hint)
        return hint


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


def _identities(sources: list[str], targets: list[str]) -> list[onnx.NodeProto]:
    pairs = zip(sources, targets, strict=True)
    return [helper.make_node("Identity", [source], [target], name=target) for source, target in pairs if target]
