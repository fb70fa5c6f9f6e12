"""Builds small ONNX models for the tests, and compares what they become with onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from networks import Array, in_double, ops
from onnx import TensorProto, helper, numpy_helper

from coverslip.onnx import reader as onnx_reader

FLOAT = TensorProto.FLOAT
EPSILON = 1e-5  # float32 sums of fewer than 100 terms of order 1


class Model:
    """Builds a model on one input."""

    def __init__(self, *shape: int | str | None, opset: int = 17) -> None:
        self.inputs = [helper.make_tensor_value_info("x", FLOAT, list(shape))]
        self.opset = opset
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.last = "x"

    def constant(self, array: Any) -> str:
        name = f"c{len(self.constants)}"
        made = np.asarray(array)
        made = made.astype(np.float32) if made.dtype == np.float64 else made
        self.constants.append(numpy_helper.from_array(made, name))
        return name

    def add(
        self, op: str, *more: str, x: str | None = None, domain: str = "", outputs: int = 1, **attributes: Any
    ) -> str:
        name = f"{op}_{len(self.nodes)}"
        names = [name, *(f"{name}.{i}" for i in range(1, outputs))]
        inputs = [self.last if x is None else x, *more]
        self.nodes.append(helper.make_node(op, inputs, names, name=name, domain=domain, **attributes))
        self.last = name
        return name

    def done(self, rank: int = 4) -> onnx.ModelProto:
        """The model; of its output only the rank is told."""
        output = helper.make_tensor_value_info(self.last, FLOAT, [None] * rank)
        graph = helper.make_graph(self.nodes, "test", self.inputs, [output], self.constants)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid("custom", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def same_answers(model: onnx.ModelProto, *shape: int, wanted: dict[str, tuple[int, ...]] | None = None) -> list[str]:
    """Checks the graph against onnxruntime. Returns its operators."""
    x: Array = np.random.default_rng(5).standard_normal(shape).astype(np.float32)
    expected = ort.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
    graph = onnx_reader.from_model(model, wanted)
    found = in_double(graph, {"x": x})[0]
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= EPSILON * max(1.0, np.abs(expected).max())
    return ops(graph)


def weights(*shape: int) -> Array:
    made: Array = np.random.default_rng(6).standard_normal(shape).astype(np.float32)
    return made
