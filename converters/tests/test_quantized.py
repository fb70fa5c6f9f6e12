"""Quantized ONNX files become operators on integers, whose answers are onnxruntime's to one step of the output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from networks import Array, Net, in_double, ops
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantFormat, QuantType
from quantized_blocks import BLOCKS, Way, deep, picture, quantize, residual

import coverslip
from coverslip import Disagreement, Errc, Error, engine, passes, reader, shapes, writer
from coverslip.ir import Graph, Value
from coverslip.onnx import reader as onnx_reader
from coverslip.passes import integer_movement, integer_operators
from coverslip.to_onnx import to_onnx

FLOAT = 1.001  # of a step: what float32 makes of the scale

WAYS = {
    "qdq-u8": Way(QuantFormat.QDQ),
    "qdq-i8-per-channel": Way(QuantFormat.QDQ, QuantType.QInt8, per_channel=True),
    "qdq-symmetric": Way(QuantFormat.QDQ, QuantType.QInt8, per_channel=True, options=("ActivationSymmetric",)),
    "qdq-weights-rounded-in-the-graph": Way(QuantFormat.QDQ, options=("AddQDQPairToWeight",)),
    "qoperator-u8-per-channel": Way(QuantFormat.QOperator, per_channel=True),
    "qoperator-i8": Way(QuantFormat.QOperator, QuantType.QInt8),
}


def answers(path: Path, x: Array, optimized: bool = False) -> Array:
    """As onnxruntime computes the file's nodes one by one, or with its own quantized operators in their place."""
    options = onnxruntime.SessionOptions()
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    made: Array = onnxruntime.InferenceSession(path, options).run(None, {"x": x})[0]
    return made


def converted(path: Path) -> tuple[Graph, Any]:
    """The graph, and what runs it: the engine where it is installed."""
    target = path.with_suffix(".slip")
    coverslip.convert(path, target)
    load = engine.loader()
    graph = reader.read(target)
    return graph, (lambda x: in_double(graph, {"x": x})[0]) if load is None else load(str(target))


def step(graph: Graph) -> float:
    """The scale of the output, where it comes from integers."""
    last = next(node for node in graph.nodes if graph.outputs[0].name in node.outputs)
    return float(graph.constants[last.inputs[1]]) if last.op == "DequantizeLinear" else 0.0


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("block", BLOCKS)
def test_blocks_answer_as_onnxruntime_to_one_step(block: str, way: str, tmp_path: Path) -> None:
    path = quantize(BLOCKS[block](), WAYS[way], tmp_path / "net.onnx")
    graph, run = converted(path)
    assert not {"Conv", "MatMul", "Gemm"} & set(ops(graph))
    assert step(graph) > 0
    for optimized in (False,) if block == "vision" else (False, True):  # whose own Mul and Softmax are steps off there
        found, expected = run(picture(20)), answers(path, picture(20), optimized)
        assert np.abs(found - expected).max() <= FLOAT * step(graph)


@pytest.mark.parametrize("way", ["qdq-u8", "qoperator-u8-per-channel"])
@pytest.mark.parametrize("opset", [11, 21])
def test_older_and_newer_opsets_mean_the_same(opset: int, way: str, tmp_path: Path) -> None:
    path = quantize(residual(opset), WAYS[way], tmp_path / "net.onnx")
    graph, run = converted(path)
    assert ops(graph).count("QLinearConv") == 4
    assert np.abs(run(picture(20)) - answers(path, picture(20))).max() <= FLOAT * step(graph)


@pytest.mark.parametrize("weights", [QuantType.QInt8, QuantType.QUInt8])
@pytest.mark.parametrize("block", ["residual", "vision"])
def test_ranges_taken_as_it_runs_answer_as_onnxruntime(block: str, weights: QuantType, tmp_path: Path) -> None:
    way = Way(weights=weights, per_channel=weights == QuantType.QInt8)
    path = quantize(BLOCKS[block](), way, tmp_path / "net.onnx")
    graph, run = converted(path)
    assert {"DynamicQuantizeLinear", "MatMulInteger"} <= set(ops(graph))
    assert ("ConvInteger" in ops(graph)) == (weights == QuantType.QUInt8)
    found, expected = run(picture(20)), answers(path, picture(20))
    assert np.abs(found - expected).max() <= np.abs(expected).max() / 255


def test_each_rounding_is_compared_with_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = quantize(deep(), WAYS["qdq-u8"], tmp_path / "net.onnx")
    report = coverslip.convert(path, tmp_path / "net.slip")
    assert "rounding by rounding" in report.differences[0].against and report.verified.startswith("yes")
    right = passes.run

    def wrong(graph: Graph) -> list[str]:
        changed = right(graph)
        node = next(node for node in graph.nodes if node.op == "QLinearConv")
        graph.constants[node.inputs[4]] = graph.constants[node.inputs[4]] * np.float32(1.05)
        return changed

    monkeypatch.setattr(passes, "run", wrong)
    with pytest.raises(Disagreement, match="steps off"):
        coverslip.convert(path, tmp_path / "other.slip")
    assert not (tmp_path / "other.slip").exists()


def dequantized(net: Net, scale: float, zero: int, dtype: type = np.uint8) -> str:
    return net.add("DequantizeLinear", net.constant(scale, np.float32), net.constant(zero, dtype))


def rounded(net: Net, scale: float, zero: int, dtype: type = np.uint8) -> str:
    return net.add("QuantizeLinear", net.constant(scale, np.float32), net.constant(zero, dtype))


def stored(net: Net, integers: Any, scale: Any, axis: int = 0, dtype: type = np.int8) -> str:
    """Constant integers and the node that makes them floats."""
    last, array = net.last, net.constant(integers, dtype)
    made = net.add("DequantizeLinear", net.constant(scale, np.float32), x=array, axis=axis)
    net.last = last
    return made


def done(net: Net, *outputs: str) -> Graph:
    """The graph with these outputs, or the last value, of whatever type."""
    net.graph.outputs = [Value(name, "", ()) for name in outputs or (net.last,)]
    shapes.annotate(net.graph)
    return net.graph


def simplified(graph: Graph, expected: list[str]) -> Graph:
    passes.run(graph)
    assert ops(graph) == expected
    assert not integer_movement.run(graph) and not integer_operators.run(graph), "a second run finds nothing left"
    return graph


def fed(graph: Graph, x: Any, dtype: type = np.uint8) -> dict[str, Array]:
    """The input in its shape; what is free is 2."""
    return {"x": np.asarray(x, dtype).reshape([2 if dim < 0 else dim for dim in graph.inputs[0].shape])}


def by_engine(graph: Graph, feeds: dict[str, Array], folder: Path) -> Array:
    """The engine's answer; the reference's where it is not installed."""
    load = engine.loader()
    if load is None:
        return in_double(graph, feeds)[0]
    writer.write(graph, folder / "net.slip")
    made: Array = load(str(folder / "net.slip"))(feeds["x"])
    return made


def run(graph: Graph, x: Any, folder: Path, dtype: type = np.uint8) -> Array:
    """What engine and reference answer, with the same bits."""
    feeds = fed(graph, x, dtype)
    found = by_engine(graph, feeds, folder)
    assert np.array_equal(in_double(graph, feeds)[0], found)
    return found


def one_by_one(weight: int = 1, y: tuple[float, int] = (1.0, 3), limits: tuple[str, ...] = ()) -> Graph:
    """A convolution that multiplies x, of scale 0.5 and zero point 10, with one number."""
    net = Net(1, 1, 8, dtype="u8")
    dequantized(net, 0.5, 10)
    net.add("Conv", stored(net, [[[weight]]], [1.0]))
    for op in limits:
        net.add(op, *([net.constant(-2.0), net.constant(6.0)] if op == "Clip" else []))
    rounded(net, *y)
    return done(net)


def test_sums_are_rounded_to_even_and_kept_within_limits(tmp_path: Path) -> None:
    graph = simplified(one_by_one(), ["QLinearConv"])
    x = [10, 11, 9, 13, 15, 7, 255, 0]  # stand for 0, 0.5, -0.5, 1.5, 2.5, -1.5, 122.5, -5
    assert run(graph, x, tmp_path).reshape(-1).tolist() == [3, 3, 3, 5, 5, 1, 125, 0]
    graph = simplified(one_by_one(weight=-2, y=(0.5, 100)), ["QLinearConv"])  # 2 steps down for each up
    assert run(graph, x, tmp_path).reshape(-1).tolist() == [100, 98, 102, 94, 90, 106, 0, 120]


def test_limits_behind_a_convolution_are_limits_of_its_integers(tmp_path: Path) -> None:
    x = [10, 12, 8, 20, 40, 0, 255, 22]  # stand for 0, 1, -1, 5, 15, -5, 122.5, 6
    graph = simplified(one_by_one(limits=("Relu",)), ["QLinearConv", "Clip"])
    assert run(graph, x, tmp_path).reshape(-1).tolist() == [3, 4, 3, 8, 18, 3, 125, 9]
    graph = simplified(one_by_one(limits=("Clip",)), ["QLinearConv", "Clip"])
    assert run(graph, x, tmp_path).reshape(-1).tolist() == [3, 4, 2, 8, 9, 1, 9, 9]
    simplified(one_by_one(y=(1.0, 0), limits=("Relu",)), ["QLinearConv"])
    graph = simplified(one_by_one(y=(3 / 128, 0), limits=("Clip", "Relu")), ["QLinearConv"])
    assert run(graph, x, tmp_path).reshape(-1).tolist() == [0, 43, 0, 213, 255, 0, 255, 255]


@pytest.mark.parametrize(("scale", "sums"), [(2.0**-10, 307), (0.5, None)])
def test_a_bias_in_floats_becomes_one_in_integers_or_is_added_where_these_are_too_coarse(
    scale: float, sums: int | None, tmp_path: Path
) -> None:
    net = Net(1, 1, 2, dtype="u8")
    dequantized(net, scale, 0)
    net.add("Conv", stored(net, [[[1]]], [1.0]), net.constant([0.3]))
    rounded(net, 0.1, 0)
    graph = simplified(done(net), ["QLinearConv"] if sums else ["ConvInteger", "Cast", "Mul", "Add", "QuantizeLinear"])
    assert run(graph, [0, 1], tmp_path).reshape(-1).tolist() == [3, 3 if sums else 8]
    if sums:
        assert graph.constants[graph.nodes[0].inputs[8]].tolist() == [sums]  # of 0.3 * 1024 = 307.2


def test_a_gemm_with_a_bias_is_a_convolution_of_one_position(tmp_path: Path) -> None:
    net = Net(2, 3, dtype="i8")
    dequantized(net, 0.5, -1, np.int8)
    weights = stored(net, [[1, 2, 3], [-1, 0, 100]], [0.25, 0.5], axis=0)
    net.add("Gemm", weights, stored(net, [8, -4], [0.125, 0.25], dtype=np.int32), transB=1)
    rounded(net, 0.25, 5, np.int8)
    graph = simplified(done(net), ["Unsqueeze", "QLinearConv", "Flatten"])
    # Sums of (q + 1) * w with the bias: 20 + 8 and 499 - 4, 8 + 8 and 2 - 4, of which 2 and 1 are a step.
    assert run(graph, [[0, 1, 4], [-3, 4, -1]], tmp_path, np.int8).tolist() == [[19, 127], [13, 3]]


def test_scales_along_rows_that_are_transposed_lie_along_columns(tmp_path: Path) -> None:
    net = Net(1, 2, dtype="u8")
    x = dequantized(net, 1.0, 0)
    weights = net.add("Transpose", x=stored(net, [[1, 2], [3, 4]], [1.0, 0.5], axis=0), perm=[1, 0])
    net.add("MatMul", weights, x=x)
    rounded(net, 1.0, 0)
    graph = simplified(done(net), ["QLinearMatMul"])
    assert run(graph, [1, 3], tmp_path).tolist() == [[7, 8]]  # 7, and 15 / 2, which is rounded to even


def test_products_of_values_become_integers_and_their_sums_stay_floats(tmp_path: Path) -> None:
    net = Net(2, 2, dtype="i8")
    x = dequantized(net, 0.5, 0, np.int8)
    net.add("MatMul", net.add("Transpose", x=x, perm=[1, 0]), x=x)
    rounded(net, 0.5, 0, np.int8)
    product = dequantized(net, 0.5, 0, np.int8)
    net.add("Add", product, x=x)
    rounded(net, 1.0, 0, np.int8)
    graph = done(net)
    passes.run(graph)
    expected = ["Transpose", "QLinearMatMul", "DequantizeLinear", "DequantizeLinear", "Add", "QuantizeLinear"]
    assert sorted(ops(graph)) == sorted(expected)
    # The product is 5, 11, 11, 25 quarters, or 2, 6, 6, 12 halves; with x itself 3, 8, 9, 16 halves.
    assert run(graph, [[1, 2], [3, 4]], tmp_path, np.int8).tolist() == [[2, 4], [4, 8]]


def test_integers_move_as_they_are(tmp_path: Path) -> None:
    net = Net(-1, 2, 4, 4, dtype="u8")
    dequantized(net, 0.1, 7)
    net.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    net.add("Relu")
    net.add("Pad", net.constant([0, 0, 0, 1, 0, 0, 0, 1]))
    net.add("Transpose", perm=[0, 2, 3, 1])
    halves = net.add("Reshape", net.constant([0, -1, 2]))
    net.add("Concat", halves, x=halves, axis=1)
    rounded(net, 0.1, 7)
    graph = simplified(done(net), ["MaxPool", "Clip", "Pad", "Transpose", "Reshape", "Concat"])
    found = run(graph, np.arange(64), tmp_path)
    assert found.dtype == np.uint8 and found.shape == (2, 16, 2)
    assert found[0, :4, 0].tolist() == [7, 7, 7, 7] and found[1, 1:3, 1].tolist() == [53, 55]


def test_parts_on_other_scales_are_rounded_before_they_are_joined(tmp_path: Path) -> None:
    net = Net(1, 4, dtype="u8")
    whole = dequantized(net, 1.0, 0)
    net.add("Mul", net.constant(3.0))
    rounded(net, 2.0, 0)
    net.add("Concat", whole, net.constant([[1.5, 500.0]]), x=dequantized(net, 2.0, 0), axis=1)
    rounded(net, 2.0, 0)
    graph = done(net)
    before = in_double(graph, fed(graph, [1, 2, 3, 4]))[0]
    passes.run(graph)
    assert ops(graph)[-1] == "Concat" and ops(graph).count("QuantizeLinear") == 2
    assert run(graph, [1, 2, 3, 4], tmp_path).tolist() == before.tolist() == [[2, 3, 4, 6, 0, 1, 2, 2, 1, 250]]


def test_sums_that_are_also_needed_in_floats_are_made_floats(tmp_path: Path) -> None:
    net = Net(1, 1, 3, dtype="u8")
    dequantized(net, 0.5, 10)
    product = net.add("Conv", stored(net, [[[3]]], [0.25]))
    graph = done(net, product, rounded(net, 1.0, 0))
    passes.run(graph)
    assert ops(graph) == ["ConvInteger", "Cast", "Mul", "QuantizeLinear"]
    found = in_double(graph, fed(graph, [10, 11, 50]))  # 0, 3 and 120 times an eighth
    assert [array.reshape(-1).tolist() for array in found] == [[0, 0.375, 15], [0, 0, 15]]


@pytest.mark.parametrize("op", ["MatMul", "Gemm"])
def test_products_that_nothing_rounds_are_sums_of_integers(op: str, tmp_path: Path) -> None:
    net = Net(2, 2, dtype="i8")
    dequantized(net, 0.5, 1, np.int8)
    if op == "MatMul":
        net.add("MatMul", stored(net, [[1, 2], [3, 4]], [1.0, 2.0], axis=1))
        net.add("Add", net.constant([10.0, 20.0]))
    else:
        weights = stored(net, [[2, 6], [4, 8]], [0.25, 0.5], axis=0)
        net.add("Gemm", weights, net.constant([5.0, 10.0]), transB=1, alpha=2.0, beta=2.0)
    graph = simplified(done(net), ["MatMulInteger", "Cast", "Mul", "Add"])
    # Of 1, 2 and -1, 0: 7, 10 and -1, -2, times a half and 1; the Gemm's numbers are the same.
    assert run(graph, [[2, 3], [0, 1]], tmp_path, np.int8).tolist() == [[13.5, 30], [9.5, 18]]


def test_channels_with_scales_of_their_own_lend_them_to_weights(tmp_path: Path) -> None:
    net = Net(1, 2, 2, dtype="u8")
    scales = [net.constant([0.5, 4.0]), net.constant([3, 3], np.uint8)]
    net.add("DequantizeLinear", *scales, axis=1)
    weights = stored(net, [[[2]], [[-1]], [[5]], [[10]]], [1.0, 1.0, 0.25, 0.5])
    net.add("Conv", weights, net.constant([0.5, 0.0, -3.0, 20.0]), group=2)
    net.add("Relu")
    net.add("QuantizeLinear", net.constant([1.0, 0.5, 2.5, 5.0]), net.constant([7] * 4, np.uint8), axis=1)
    graph = simplified(done(net), ["QLinearConv", "Clip"])
    # Of 0.5, -0.5 and of 4, 8: 1.5, -0.5 and -0.5, 0.5; 2, 7 and 40, 60; above 0, and in steps of the channel.
    expected = [[9, 7], [7, 8], [8, 10], [15, 19]]
    assert run(graph, [4, 2, 4, 5], tmp_path)[0].tolist() == expected


@pytest.mark.parametrize("size", [2, 4])
def test_scales_that_fit_no_axis_are_refused_by_name(size: int) -> None:
    net = Net(1, 3, 5)
    weights = stored(net, np.ones((3, 3, 1)), np.ones(size))
    net.add("Conv", weights)
    with pytest.raises(Error, match="DequantizeLinear") as caught:
        passes.run(done(net))
    assert caught.value.code is Errc.BadShape


S, Z, T, U = np.float32(0.05), np.uint8(120), np.float32(0.03), np.uint8(100)
UNIT = [np.float32(1 / 256), np.uint8(0)]
OTHER = np.random.default_rng(1).integers(0, 256, (2, 3, 1, 4)).astype(np.uint8)
WEIGHTS = np.random.default_rng(3).integers(-128, 128, (4, 5)).astype(np.int8)
COLUMNS = np.linspace(0.01, 0.02, 5).astype(np.float32)
BIAS = np.arange(-300, 200, 100).astype(np.int32)
CONTRIBUTED: dict[str, tuple[list[Any], dict[str, Any]]] = {  # "x" is the input
    "QLinearAdd": (["x", S, Z, OTHER, T, U, S, Z], {}),
    "QLinearAveragePool": (["x", S, Z, T, U], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
    "QLinearConcat": ([S, Z, "x", T, U, OTHER, S, Z], {"axis": 2}),
    "QLinearGlobalAveragePool": (["x", S, Z, T, U], {"channels_last": 0}),
    "QLinearLeakyRelu": (["x", S, Z, T, U], {"alpha": 0.2}),
    "QLinearMul": (["x", S, Z, OTHER, T, U, S, Z], {}),
    "QLinearSigmoid": (["x", S, Z, *UNIT], {}),
    "QLinearSoftmax": (["x", S, Z, *UNIT], {"axis": -1, "opset": 17}),
    "QGemm": (["x", S, Z, WEIGHTS, COLUMNS, np.zeros(5, np.int8), BIAS, np.float32(2.0), Z], {"alpha": 2.0}),
    "QuantizeLinear": (["x", S, Z], {}),
    "MatMulIntegerToFloat": (["x", WEIGHTS, S, COLUMNS, Z], {}),
    "DynamicQuantizeMatMul": (["x", WEIGHTS, COLUMNS], {}),
}


def contributed(op: str) -> onnx.ModelProto:
    """A model of one operator of onnxruntime's on x and constants."""
    given, attributes = CONTRIBUTED[op]
    names = [array if isinstance(array, str) else f"c{i}" for i, array in enumerate(given)]
    node = helper.make_node(op, names, ["y"], name="node", domain="com.microsoft", **attributes)
    arrays = {name: np.asarray(array) for name, array in zip(names, given, strict=True) if name != "x"}
    floats = op in ("QuantizeLinear", "DynamicQuantizeMatMul")
    x_type, y_type = (TensorProto.FLOAT if is_float else TensorProto.UINT8 for is_float in (floats, "MatMul" in op))
    x = helper.make_tensor_value_info("x", x_type, [2, 4] if op == "QGemm" else [2, 3, 4, 4])
    y = helper.make_tensor_value_info("y", y_type, [None] * (2 if op == "QGemm" else 4))
    known = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(helper.make_graph([node], "g", [x], [y], known), opset_imports=opsets, ir_version=8)


@pytest.mark.parametrize("op", CONTRIBUTED)
def test_operators_that_onnxruntime_adds_are_written_out(op: str, tmp_path: Path) -> None:
    model = contributed(op)
    graph = onnx_reader.from_model(model)
    random = np.random.default_rng(2)
    whole = graph.inputs[0].dtype == "u8"
    x = random.integers(0, 256, graph.inputs[0].shape) if whole else random.standard_normal(graph.inputs[0].shape)
    feeds = fed(graph, x, np.uint8 if whole else np.float32)
    expected = onnxruntime.InferenceSession(model.SerializeToString()).run(None, feeds)[0]
    passes.run(graph)
    found = by_engine(graph, feeds, tmp_path)
    assert found.shape == expected.shape and found.dtype == expected.dtype
    allowed = 1 if found.dtype == np.uint8 else np.abs(expected).max() * 1e-6
    assert np.abs(found.astype(float) - expected).max() <= allowed


def test_truths_and_what_float32_cannot_show_are_compared_too(tmp_path: Path) -> None:
    net = Net(1, 8)
    rounded(net, 0.1, 128)
    dequantized(net, 0.1, 128)
    net.add("Mul", net.constant(np.linspace(0.5, 1.5, 8)))
    rounded(net, 0.05, 128)
    y = dequantized(net, 0.05, 128)
    truth = net.add("Greater", net.constant(0.5, np.float32), x=y)
    net.add("Abs", x=y)
    net.add("Add", net.constant(300.0))
    tiny = net.add("Exp", x=net.add("Neg"))
    path = tmp_path / "net.onnx"
    onnx.save(to_onnx(done(net, y, truth, tiny)), path)
    report = coverslip.convert(path, tmp_path / "net.slip")
    assert report.verified and {difference.output for difference in report.differences} == {y, truth, tiny}
