"""Writes out the quantized operators that ONNX Runtime adds to ONNX's: as ONNX's own between integers and floats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ..errors import Errc, Error
from ..ir import Array

DOMAIN = "com.microsoft"


@dataclass(frozen=True)
class _Form:
    """An operator on floats; its operands are triples of integers, scale and zero point, its result has a pair."""

    op: str
    plain: int = 0  # inputs before the triples
    triples: int = 1  # 0: as many as there are
    result_first: bool = False


_FORMS = {
    "QLinearAdd": _Form("Add", triples=2),
    "QLinearAveragePool": _Form("AveragePool"),
    "QLinearConcat": _Form("Concat", triples=0, result_first=True),
    "QLinearGlobalAveragePool": _Form("GlobalAveragePool"),
    "QLinearLeakyRelu": _Form("LeakyRelu"),
    "QLinearMul": _Form("Mul", triples=2),
    "QLinearSigmoid": _Form("Sigmoid"),
    "QLinearSoftmax": _Form("Softmax"),
    "QLinearWhere": _Form("Where", plain=1, triples=2),
}

_ONNX_NAMES = ("QuantizeLinear", "DequantizeLinear")
"""Operators that mean what ONNX's of the same name do."""

_DROPPED = ("channels_last", "opset")


def written_out(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with ONNX's own operators in their place; others of that domain stay."""
    if not any(node.domain == DOMAIN for node in model.graph.node):
        return model
    made = onnx.ModelProto()
    made.CopyFrom(model)
    del made.graph.node[:]
    writer = _Writer({tensor.name: tensor for tensor in model.graph.initializer})
    for node in model.graph.node:
        made.graph.node.extend(writer.write(node))
    made.graph.initializer.extend(writer.constants)
    return made


class _Writer:
    """Writes nodes; remembers the constants that they need."""

    def __init__(self, known: dict[str, onnx.TensorProto]) -> None:
        self.constants: list[onnx.TensorProto] = []
        self._known = known
        self._special: dict[str, Callable[[onnx.NodeProto], list[onnx.NodeProto]]] = {
            "DynamicQuantizeMatMul": self._dynamic_matmul,
            "MatMulIntegerToFloat": self._matmul_to_float,
            "QGemm": self._gemm,
        }

    def write(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        """The nodes that do what one does."""
        if node.domain != DOMAIN:
            return [node]
        if node.op_type in _ONNX_NAMES:
            plain = onnx.NodeProto()
            plain.CopyFrom(node)
            plain.domain = ""
            return [plain]
        if node.op_type in _FORMS:
            return self._form(node, _FORMS[node.op_type])
        special = self._special.get(node.op_type)
        return [node] if special is None else special(node)

    def _form(self, node: onnx.NodeProto, form: _Form) -> list[onnx.NodeProto]:
        attributes = _attributes(node)
        if attributes.get("channels_last"):
            raise Error(Errc.Unsupported, _label(node), "has channels last; quantize the network as it was exported")
        plain, rest = list(node.input[: form.plain]), list(node.input[form.plain :])
        if form.result_first:
            result, rest = rest[:2], rest[2:]
        else:
            result, rest = rest[3 * form.triples :], rest[: 3 * form.triples]
        result_name = f"{node.output[0]}.float"
        nodes, floats = [], []
        for i in range(0, len(rest), 3):
            floats.append(f"{node.output[0]}.operand{i // 3}")
            nodes.append(_node("DequantizeLinear", rest[i : i + 3], floats[-1]))
        kept = {key: value for key, value in attributes.items() if key not in _DROPPED}
        nodes.append(_node(form.op, plain + floats, result_name, node.name, **kept))
        return [*nodes, _node("QuantizeLinear", [result_name, *result], node.output[0])]

    def _gemm(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        """The integers of C count in alpha * a_scale * b_scale; without a scale of the result, that is float."""
        inputs, result, attributes = [*node.input, "", "", ""][:9], node.output[0], _attributes(node)
        floats = [f"{result}.{key}" for key in "abc"]
        column = 0 if attributes.get("transB") else 1
        nodes = [_node("DequantizeLinear", inputs[:3], floats[0])]
        nodes.append(_node("DequantizeLinear", inputs[3:6], floats[1], "", **self._axis(inputs[4], column)))
        operands = floats[:2]
        if inputs[6]:
            unit = self._array(node, inputs[1]) * self._array(node, inputs[4]) * attributes.get("alpha", 1.0)
            scale = self._constant(f"{floats[2]}.scale", unit.astype(np.float32))
            axis = self._axis(scale, max(len(self._array(node, inputs[6]).shape) - 1, 0))
            nodes.append(_node("DequantizeLinear", [inputs[6], scale], floats[2], "", **axis))
            operands = floats
        if not inputs[7]:
            return [*nodes, _node("Gemm", operands, result, node.name, **attributes)]
        nodes.append(_node("Gemm", operands, f"{result}.float", node.name, **attributes))
        return [*nodes, _node("QuantizeLinear", [f"{result}.float", *inputs[7:]], result)]

    def _matmul_to_float(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        a, b, a_scale, b_scale, a_zero, b_zero, bias = [*node.input, "", "", ""][:7]
        return _scaled_product(node, [a, b, a_zero, b_zero], (a_scale, b_scale), bias)

    def _dynamic_matmul(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        a, b, b_scale, b_zero, bias = [*node.input, "", ""][:5]
        names = [f"{node.output[0]}.{key}" for key in ("quantized", "a_scale", "a_zero")]
        first = helper.make_node("DynamicQuantizeLinear", [a], names, name=f"{node.name}.quantize")
        return [first, *_scaled_product(node, [names[0], b, names[2], b_zero], (names[1], b_scale), bias)]

    def _axis(self, scale: str, axis: int) -> dict[str, int]:
        """Along which axis scales lie, where there is more than one."""
        tensor = self._known.get(scale)
        return {"axis": axis} if tensor is not None and numpy_helper.to_array(tensor).size > 1 else {}

    def _array(self, node: onnx.NodeProto, name: str) -> Array:
        if name not in self._known:
            raise Error(Errc.Unsupported, _label(node), f"'{name}' is no constant")
        array: Array = numpy_helper.to_array(self._known[name])
        return array

    def _constant(self, name: str, array: Array) -> str:
        self.constants.append(numpy_helper.from_array(array, name))
        self._known[name] = self.constants[-1]
        return name


def _scaled_product(
    node: onnx.NodeProto, operands: list[str], scales: tuple[str, str], bias: str
) -> list[onnx.NodeProto]:
    names = [f"{node.output[0]}.{key}" for key in ("sums", "cast", "scale", "float")]
    while not operands[-1]:
        operands.pop()
    nodes = [
        _node("MatMulInteger", operands, names[0], node.name),
        _node("Cast", names[:1], names[1], to=onnx.TensorProto.FLOAT),
        _node("Mul", list(scales), names[2]),
        _node("Mul", names[1:3], names[3] if bias else node.output[0]),
    ]
    return [*nodes, _node("Add", [names[3], bias], node.output[0])] if bias else nodes


def _node(op: str, inputs: list[str], output: str, name: str = "", **attributes: Any) -> onnx.NodeProto:
    while inputs and not inputs[-1]:
        inputs = inputs[:-1]
    return helper.make_node(op, inputs, [output], name=name or f"{output}.{op}", **attributes)


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _label(node: onnx.NodeProto) -> str:
    return f"{node.op_type} '{node.name or node.output[0]}'"
