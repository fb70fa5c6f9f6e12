"""Writes a graph back as an ONNX model, fused activations and residuals as nodes of their own again."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from . import dtypes
from .attributes import label, real, text
from .errors import Errc, Error
from .ir import FREE, Array, Attribute, Graph, Node, Value
from .operators import ACTIVATIONS, ALPHAS, BIAS_INPUT, RESIDUAL_INPUT

COMMON = 22
"""An opset that other programs read, and whose operators mean what those of the newest do."""


def to_onnx(graph: Graph, opaque_above: int | None = None, opset: int | None = None) -> onnx.ModelProto:
    """The same network in plain ONNX, of the oldest opset that will do unless one is wanted.

    Constants of more than `opaque_above` elements become inputs without data.
    """
    opset = opset or _oldest_opset(graph)
    expander = _Expander(graph)
    nodes = [part for node in graph.nodes for part in expander.expand(node)]
    inputs = [_info(value) for value in graph.inputs]
    initializers = []
    for name, array in {**graph.constants, **expander.constants}.items():
        if opaque_above is not None and array.size > opaque_above:
            inputs.append(_info(Value(name, dtypes.of_array(array, name), array.shape)))
        else:
            initializers.append(numpy_helper.from_array(np.asarray(array), name))
    outputs = [_info(value, known=opaque_above is None) for value in graph.outputs]
    proto = helper.make_graph(nodes, "coverslip", inputs, outputs, initializers)
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(proto, opset_imports=opsets, ir_version=helper.find_min_ir_version_for(opsets))


def _oldest_opset(graph: Graph) -> int:
    """COMMON, or newer where an operator, or what it is told, came later."""
    versions: dict[str, list[onnx.defs.OpSchema]] = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        if not schema.domain:
            versions.setdefault(schema.name, []).append(schema)
    needed = COMMON
    for node in graph.nodes:
        activation = Node(text(node, "activation", ""), node.name, node.inputs[:1], node.outputs)
        for part in (node, activation):
            history = sorted(versions.get(part.op, []), key=lambda schema: schema.since_version)
            if history and history[0].since_version > COMMON:
                needed = max(needed, next((s for s in history if _takes(s, part)), history[-1]).since_version)
    return needed


def _takes(schema: onnx.defs.OpSchema, node: Node) -> bool:
    return bool(node.attributes.keys() <= schema.attributes.keys() and len(node.inputs) <= schema.max_input)


def _info(value: Value, known: bool = True) -> onnx.ValueInfoProto:
    if not value.dtype:
        return onnx.ValueInfoProto(name=value.name)
    dims = [f"{value.name}.{i}" if dim == FREE else dim for i, dim in enumerate(value.shape)]
    return helper.make_tensor_value_info(value.name, dtypes.ONNX[value.dtype], dims if known else None)


class _Expander:
    """Takes fused nodes apart; remembers the constants that this needs."""

    def __init__(self, graph: Graph) -> None:
        self.constants: dict[str, Array] = {}
        self._constants = graph.constants
        self._names = {name for node in graph.nodes for name in (*node.inputs, *node.outputs)}

    def expand(self, node: Node) -> list[onnx.NodeProto]:
        """The ONNX nodes that do what one node does."""
        plain = {key: value for key, value in node.attributes.items() if not key.startswith("activation")}
        if node.op == "ConstantOfShape" and len(node.inputs) > 1:
            value = numpy_helper.from_array(self._constants[node.inputs[1]])
            return [helper.make_node(node.op, node.inputs[:1], node.outputs, name=node.name, value=value)]
        own = BIAS_INPUT.get(node.op, RESIDUAL_INPUT.get(node.op, len(node.inputs)))
        more, activation = [name for name in node.inputs[own:] if name], text(node, "activation", "")
        result = node.outputs[0]
        before_activation = self._fresh(result) if activation else result
        made = [*(self._fresh(result) for _ in more), before_activation]
        parts = [node_proto(node.op, _trimmed(node.inputs[:own]), [made[0], *node.outputs[1:]], plain, node.name)]
        for i, term in enumerate(more):
            parts.append(helper.make_node("Add", [made[i], term], [made[i + 1]], name=f"{node.name}.added{i}"))
        if activation:
            parts.append(self._activation(node, activation, before_activation, result))
        return parts

    def _activation(self, node: Node, kind: str, source: str, result: str) -> onnx.NodeProto:
        name = f"{node.name}.activation"
        alpha, beta = real(node, "activation_alpha", 0.0), real(node, "activation_beta", 0.0)
        if kind == "Clip":
            low, high = self._scalar(result, alpha), self._scalar(result, beta)
            return helper.make_node("Clip", [source, low, high], [result], name=name)
        attributes: dict[str, Attribute] = {"alpha": alpha} if kind in ALPHAS else {}
        if kind == "HardSigmoid":
            attributes = {"alpha": alpha, "beta": beta}
        elif kind == "GeluTanh":
            kind, attributes = "Gelu", {"approximate": "tanh"}
        if kind not in ACTIVATIONS:
            raise Error(Errc.BadModel, label(node), f"unknown activation '{kind}'")
        return helper.make_node(kind, [source], [result], name=name, **attributes)

    def _scalar(self, hint: str, value: float) -> str:
        name = self._fresh(hint)
        self.constants[name] = np.array(value, np.float32)
        return name

    def _fresh(self, hint: str) -> str:
        count = 1
        while f"{hint}.{count}" in self._names:
            count += 1
        self._names.add(f"{hint}.{count}")
        return f"{hint}.{count}"


def node_proto(
    op: str, inputs: list[str], outputs: list[str], attributes: dict[str, Attribute], name: str = ""
) -> onnx.NodeProto:
    """An ONNX node. An empty list, whose elements tell no type, is one of integers."""
    proto = helper.make_node(op, inputs, outputs, name=name)
    for key, value in attributes.items():
        kind = onnx.AttributeProto.INTS if value == [] else None
        proto.attribute.append(helper.make_attribute(key, value, attr_type=kind))
    return proto


def _trimmed(inputs: list[str]) -> list[str]:
    while inputs and not inputs[-1]:
        inputs = inputs[:-1]
    return inputs
