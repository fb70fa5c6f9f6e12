"""What ONNX's own reference computes wrongly, or not at all, is computed as onnxruntime does."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from networks import Array
from onnx import TensorProto, helper

from coverslip import onnx_double
from coverslip.onnx import corrections as onnx_corrections

CASES: dict[str, tuple[int, str, list[Any], int, dict[str, Any]]] = {
    # what is wrong: opset, operator, shapes of float inputs or integers, number of outputs, attributes
    "statistics of an old batch norm": (13, "BatchNormalization", [(2, 3, 4), (3,), (3,), (3,), (3,)], 1, {}),
    "groups": (17, "ConvTranspose", [(2, 4, 5, 3), (4, 2, 3, 2), (4,)], 1, {"group": 2, "strides": [2, 1]}),
    "no old operator": (13, "DequantizeLinear", [np.arange(6, dtype=np.uint8), (), np.uint8(3)], 1, {}),
    "shorter indices": (17, "GatherElements", [(3, 4, 5), np.array([[[1, -1], [0, 2]]])], 1, {"axis": -1}),
    "no operator": (17, "GlobalLpPool", [(2, 3, 4, 5)], 1, {"p": 3}),
    "one spatial axis": (17, "GlobalMaxPool", [(2, 3, 4)], 1, {}),
    "three spatial axes": (17, "GlobalMaxPool", [(2, 3, 4, 5, 2)], 1, {}),
    "old names of modes": (17, "GridSample", [(1, 2, 4, 5), (1, 3, 3, 2)], 1, {"mode": "bilinear"}),
    "float32": (21, "GroupNormalization", [(2, 6, 3, 4), (6,), (6,)], 1, {"num_groups": 3}),
    "more channels than pictures": (17, "LRN", [(2, 7, 3, 4)], 1, {"size": 5, "alpha": 0.5, "bias": 2.0}),
    "negative numbers": (17, "LpNormalization", [(3, 5)], 1, {"p": 1}),
    "a second operand that is wider": (17, "Mean", [(3, 1), (2, 1, 4), (4,)], 1, {}),
    "constants in double": (17, "MeanVarianceNormalization", [(2, 3, 4, 5)], 1, {"axes": [0, 2, 3]}),
    "cropping": (18, "Pad", [(4, 5), np.array([-1, 1, 2, -2])], 1, {}),
    "cropping of one axis": (18, "Pad", [(4, 5), np.array([-1, -2]), np.float32(7), np.array([-1])], 1, {}),
    "dilations without padding": (19, "AveragePool", [(1, 2, 8)], 1, {"kernel_shape": [3], "dilations": [2]}),
    "padding that counts": (
        19,
        "AveragePool",
        [(1, 2, 6, 7)],
        1,
        {"kernel_shape": [3, 2], "pads": [1, 0, 2, 1], "strides": [2, 3], "ceil_mode": 1, "count_include_pad": 1},
    ),
    "sums at the edge": (18, "LpPool", [(1, 2, 8)], 1, {"kernel_shape": [4], "strides": [3], "ceil_mode": 1}),
    "windows beyond the padding": (
        18,
        "MaxPool",
        [(1, 2, 7)],
        2,
        {"kernel_shape": [2], "strides": [3], "pads": [1, 1], "ceil_mode": 1},
    ),
    "indices": (17, "MaxPool", [(2, 3, 5, 4)], 2, {"kernel_shape": [3, 4], "storage_order": 1}),
    "indices of padded windows": (17, "MaxPool", [(2, 1, 5, 4, 3)], 2, {"kernel_shape": [2] * 3, "pads": [1] * 6}),
    "the order of what is found": (17, "Unique", [np.array([5, 1, 5, 3, 1])], 4, {"sorted": 0}),
    "the order of rows": (17, "Unique", [np.array([[7, 2, 7], [1, 0, 1]])], 4, {"sorted": 0, "axis": 1}),
    "the same size": (17, "MaxPool", [(1, 1, 7)], 1, {"kernel_shape": [4], "strides": [2], "auto_pad": "SAME_LOWER"}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_corrected_reference_agrees_with_onnxruntime(case: str) -> None:
    opset, op, inputs, outputs, attributes = CASES[case]
    random = np.random.default_rng(4)
    arrays: list[Array] = [
        np.asarray(random.uniform(-1, 1, part) ** (2 if op == "BatchNormalization" else 1), np.float32)
        if isinstance(part, tuple)
        else np.asarray(part)
        for part in inputs
    ]
    names = [f"x{i}" for i in range(len(arrays))]
    infos = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in zip(names, arrays, strict=True)
    ]
    made = [f"y{i}" for i in range(outputs)]
    node = helper.make_node(op, names, made, **attributes)
    ends = [onnx.ValueInfoProto(name=name) for name in made]
    opsets = [helper.make_opsetid("", opset)]
    model = helper.make_model(helper.make_graph([node], "case", infos, ends), opset_imports=opsets, ir_version=8)
    feeds = dict(zip(names, arrays, strict=True))
    expected = ort.InferenceSession(model.SerializeToString()).run(None, feeds)
    for a, b in zip(onnx_double.run(model, feeds).values(), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", [TensorProto.FLOAT16, TensorProto.BFLOAT16])
@pytest.mark.parametrize(
    "case", ["padding that counts", "sums at the edge", "windows beyond the padding", "no operator"]
)
def test_a_model_in_16_bits_stays_one(case: str, kind: int) -> None:
    opset, op, inputs, _, attributes = CASES[case]
    node = helper.make_node(op, ["x"], ["y"], **attributes)
    info = helper.make_tensor_value_info("x", kind, inputs[0])
    graph = helper.make_graph([node], "case", [info], [onnx.ValueInfoProto(name="y")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", max(opset, 22))], ir_version=10)
    x = np.ones(inputs[0], helper.tensor_dtype_to_np_dtype(kind))
    assert onnx_double.run(model, {"x": x}, double=False)["y"].dtype == x.dtype
    assert onnx_double.run(model, {"x": x})["y"].dtype == np.float64


def test_every_correction_is_tested() -> None:
    assert {op for _, op, *_ in CASES.values()} == {op.__name__ for op in onnx_corrections.CORRECTED}
