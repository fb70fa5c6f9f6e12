"""TensorFlow Lite files are read as LiteRT computes them: quantized ones to one step of each operator's output."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import coverslip
from coverslip import Disagreement, Errc, Error, passes, reader, steps, verify
from coverslip.draws import draws, golden_case
from coverslip.edit import copied
from coverslip.ir import Array, Graph
from coverslip.tflite import check as tflite_check
from coverslip.tflite import file as tflite_file
from coverslip.tflite import litert, litert_child
from coverslip.tflite import reader as tflite_reader
from coverslip.to_onnx import to_onnx

pytest.importorskip("flatbuffers")
try:
    tflite_file.schema()
except Error:
    pytest.skip("the schema of .tflite files is not installed", allow_module_level=True)

import tflite_answers
from keras_networks import slow_conv
from networks import in_double
from tflite_cases import CASES, X
from tflite_files import CONV, DEPTHWISE, POOL, SAME, VALID, File, integers, numbers

EXACT = 1e-12
CLOSE = 2e-5
ROUNDED = {"BATCH_MATMUL": 1.0, "CONV_2D": 0.1, "DEPTHWISE_CONV_2D": 0.1, "FULLY_CONNECTED": 0.1, "TRANSPOSE_CONV": 0.1}
"""What LiteRT's own rounding of floats to 8 bits may make in operators on weights of few bits."""

with_litert = pytest.mark.skipif(importlib.util.find_spec("ai_edge_litert") is None, reason="LiteRT is not installed")


def read(tmp_path: Path, case: str) -> tuple[tflite_reader.Imported, Path]:
    """A case as it is imported, and its file."""
    file = File()
    path = file.write(tmp_path / "case.tflite", CASES[case](file))
    return tflite_reader.read(path), path


def answer(file: File, tmp_path: Path, *inputs: Array) -> Array:
    """What the import of a file makes of inputs, in double precision."""
    graph = tflite_reader.read(file.write(tmp_path / "it.tflite")).graph
    return in_double(graph, dict(zip([value.name for value in graph.inputs], inputs, strict=True)))[0]


def apart(a: list[Array], b: list[Array]) -> list[float]:
    """The largest difference of each pair."""
    pairs = zip(a, b, strict=True)
    return [float(np.abs(np.asarray(x, np.float64) - np.asarray(y, np.float64)).max()) for x, y in pairs]


@pytest.mark.parametrize("case", CASES)
def test_answers_are_within_one_step_of_those_recorded_of_litert(case: str, tmp_path: Path) -> None:
    path, inputs, _ = tflite_answers.written(case, tmp_path)
    graph = tflite_reader.read(path).graph
    made = in_double(graph, dict(zip([value.name for value in graph.inputs], inputs, strict=True)))[0]
    expected = np.array(json.loads(tflite_answers.RECORDED.read_text(encoding="ascii"))[case])
    few_bits = case.endswith(("of floats and int8 weights", "of floats and int4 weights"))
    step = ROUNDED[case.split()[0]] if few_bits else max(steps.of_outputs(graph).values())
    allowed = step + CLOSE * max(1.0, float(np.abs(expected).max()))
    assert np.abs(tflite_answers.sampled(made) - expected).max() <= allowed


@with_litert
@pytest.mark.parametrize("case", CASES)
def test_each_operator_is_within_one_step_of_litert(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def here(path: Path, inputs: list[Array], tensors: list[int]) -> dict[int, Array]:
        return dict(zip(tensors, litert_child.evaluate(str(path), inputs, tensors), strict=True))

    monkeypatch.setattr(litert, "run", here)
    imported, path = read(tmp_path, case)
    for draw in draws(imported.graph, golden_case(imported.graph)):
        assert tflite_check.check(imported, path, draw).output


@pytest.mark.parametrize("case", CASES)
def test_an_import_computes_the_same_in_onnxruntime_and_after_the_passes(case: str, tmp_path: Path) -> None:
    imported, _ = read(tmp_path, case)
    graph = copied(imported.graph)
    passes.run(graph)
    allowed = list(steps.of_outputs(imported.graph).values())
    for draw in draws(graph, golden_case(graph))[:2]:
        exact = in_double(imported.graph, draw.feeds)
        limits = [step + CLOSE * max(1.0, float(np.abs(a).max())) for step, a in zip(allowed, exact, strict=True)]
        plain = verify.onnx_runner(to_onnx(imported.graph))(draw.feeds)
        for found in (list(plain.values()), in_double(graph, draw.feeds)):
            assert all(difference <= limit for difference, limit in zip(apart(found, exact), limits, strict=True))


@pytest.mark.parametrize(
    ("case", "whole", "parts"),
    [
        ("a norm multiplied out", "LayerNormalization", "ReduceMean"),
        ("a norm multiplied out, without scale", "LayerNormalization", "ReduceMean"),
        ("attention of a small transformer", "LayerNormalization", "ReduceMean"),
        ("attention of a small transformer", "Attention", "Softmax"),
        ("attention over heads in one axis", "Attention", "Softmax"),
    ],
)
def test_what_transformers_were_taken_apart_to_is_put_together(
    case: str, whole: str, parts: str, tmp_path: Path
) -> None:
    graph = read(tmp_path, case)[0].graph
    passes.run(graph)
    made = [node.op for node in graph.nodes]
    assert made.count(whole) == 1
    assert parts not in made


@pytest.mark.parametrize("padding", [SAME, VALID])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_convolutions_pad_the_odd_row_at_the_end(tmp_path: Path, padding: int, stride: int) -> None:
    weights, bias, x = numbers(4, 3, 3, 2), numbers(4, seed=2), numbers(1, 8, 7, 2, seed=3)
    wide = x.astype(np.float64)
    expected = slow_conv(wide, weights.transpose(1, 2, 3, 0).astype(np.float64), stride, padding == SAME) + bias
    file = File()
    inputs = [file.input(*x.shape), file.constant(weights), file.constant(bias)]
    options = CONV | {"Padding": padding, "StrideH": stride, "StrideW": stride}
    file.op("CONV_2D", inputs, file.tensor(*expected.shape), **options)
    assert np.abs(answer(file, tmp_path, x) - expected).max() < 100 * EXACT


def test_channel_c_times_multiplier_plus_m_is_made_of_channel_c(tmp_path: Path) -> None:
    x, weights = numbers(1, 3, 3, 2), np.array([1.0, 10.0, 100.0, 1000.0]).reshape(1, 1, 1, 4)
    file = File()
    inputs = [file.input(*x.shape), file.constant(weights)]
    file.op("DEPTHWISE_CONV_2D", inputs, file.tensor(1, 3, 3, 4), **(DEPTHWISE | {"DepthMultiplier": 2}))
    expected = np.repeat(x.astype(np.float64), 2, axis=3) * weights
    assert np.abs(answer(file, tmp_path, x) - expected).max() < 1000 * EXACT


def test_means_leave_the_padding_out(tmp_path: Path) -> None:
    x = np.arange(9, dtype=np.float32).reshape(1, 3, 3, 1)
    file = File()
    file.op("AVERAGE_POOL_2D", [file.input(1, 3, 3, 1)], file.tensor(1, 2, 2, 1), **POOL)
    assert answer(file, tmp_path, x).reshape(-1).tolist() == [2.0, 3.5, 6.5, 8.0]


def fixed_point(total: Array, multiplier: Array) -> Array:
    """An integer times a real number below one as the quantization of gemmlowp does: 31 bits, rounded twice."""
    fraction, exponent = np.frexp(multiplier)
    bits = np.round(fraction * (1 << 31)).astype(np.int64)
    high = (total.astype(np.int64) * bits + (1 << 30)) >> 31
    half = np.int64(1) << (-exponent - 1).astype(np.int64)
    made: Array = np.sign(high) * ((np.abs(high) + half) >> -exponent.astype(np.int64))
    return made


@pytest.mark.parametrize("depthwise", [False, True])
def test_8_bit_convolutions_are_within_one_step_of_fixed_point_arithmetic(tmp_path: Path, depthwise: bool) -> None:
    x, shape = integers(1, 6, 5, 4, low=-128), (1, 3, 3, 4) if depthwise else (4, 3, 3, 4)
    weights, bias = integers(*shape, seed=2), integers(4, low=-900, high=900, seed=3, dtype=np.int32)
    scale = np.linspace(0.004, 0.009, 4)
    file = File()
    inputs = [
        file.input(*x.shape, kind="INT8", q=(0.02, -3)),
        file.constant(weights, np.int8, (scale, [0] * 4, 3 if depthwise else 0)),
        file.constant(bias, np.int32, (scale * 0.02, [0] * 4)),
    ]
    made = file.tensor(1, 4, 3, 4, kind="INT8", q=(0.05, -20))
    options = (DEPTHWISE if depthwise else CONV) | {"Padding": VALID}
    file.op("DEPTHWISE_CONV_2D" if depthwise else "CONV_2D", inputs, made, **options)
    kernel = np.zeros((3, 3, 4, 4))
    for k in range(4):
        kernel[..., k] = np.eye(4)[k] * weights[0, ..., k, None] if depthwise else weights[k]
    total = slow_conv(x.astype(np.float64) + 3, kernel, 1, False).astype(np.int64) + bias
    multiplier = np.float32(0.02) * scale.astype(np.float32).astype(np.float64) / np.float32(0.05)
    expected = np.clip(fixed_point(total, np.broadcast_to(multiplier, total.shape)) - 20, -128, 127)
    found = answer(file, tmp_path, x)
    assert found.dtype == np.int8
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert np.mean(found == expected) > 0.95


def away(real: Array) -> Array:
    """Rounded to the nearest integer, halves away from zero."""
    made: Array = np.copysign(np.floor(np.abs(real) + 0.5), real)
    return made


def test_sums_of_two_scales_are_rounded_once_halves_away_from_zero(tmp_path: Path) -> None:
    a, b = integers(1, 50, low=-128), integers(1, 50, low=-128, seed=2)
    file = File()
    inputs = [file.input(1, 50, kind="INT8", q=q) for q in ((0.5, 3), (0.25, -7))]
    file.op("ADD", inputs, file.tensor(1, 50, kind="INT8", q=(1.0, 1)), options="AddOptions")
    real = 0.5 * (a.astype(int) - 3) + 0.25 * (b.astype(int) + 7)
    assert np.array_equal(answer(file, tmp_path, a, b), np.clip(away(real) + 1, -128, 127))


def test_means_of_integers_are_rounded_halves_away_from_zero(tmp_path: Path) -> None:
    x = integers(1, 8, 8, 3, low=-128)
    file = File()
    made = file.tensor(1, 4, 4, 3, kind="INT8", q=X)
    file.op("AVERAGE_POOL_2D", [file.input(*x.shape, kind="INT8", q=X)], made, **POOL)
    expected = away(x.reshape(1, 4, 2, 4, 2, 3).mean(axis=(2, 4)))
    assert np.array_equal(answer(file, tmp_path, x), expected)


def test_quantized_pools_and_reshapes_only_move_integers(tmp_path: Path) -> None:
    file = File()
    x = file.input(1, 4, 4, 2, kind="INT8", q=X)
    pooled = file.op("MAX_POOL_2D", [x], file.tensor(1, 2, 2, 2, kind="INT8", q=X), **POOL)
    file.op("RESHAPE", [pooled, file.shape(1, 8)], file.tensor(1, 8, kind="INT8", q=X))
    path = file.write(tmp_path / "it.tflite")
    nodes = tflite_reader.read(path).graph.nodes
    assert {node.op for node in nodes} == {"Transpose", "MaxPool", "Reshape", "Identity"}


def convert(path: Path, **options: Any) -> tuple[Any, Graph]:
    """The report, and the network as it was written."""
    destination = path.with_suffix(".slip")
    report = coverslip.convert(path, destination, **options)
    return report, reader.read(destination)


@pytest.mark.parametrize("case", ["a float network", "an int8 network", "attention of a small transformer"])
def test_networks_are_converted_and_verified(case: str, tmp_path: Path) -> None:
    file = File()
    report, graph = convert(file.write(tmp_path / "net.tflite", CASES[case](file)))
    assert report.verified.startswith("yes, against the import before its passes in onnxruntime")
    has_litert = importlib.util.find_spec("ai_edge_litert") is not None
    assert report.verified.endswith("each operator against LiteRT") == has_litert
    assert any("'ai-edge-litert' is not installed" in text for text in report.warnings) == (not has_litert)
    assert graph.inputs[0].name == "in"
    assert graph.golden is not None


def test_pictures_stay_turned_between_the_operators(tmp_path: Path) -> None:
    file = File()
    _, graph = convert(file.write(tmp_path / "net.tflite", CASES["a float network"](file)))
    assert sum(node.op == "Transpose" for node in graph.nodes) <= 1


def test_4_bit_weights_are_unpacked_low_half_first(tmp_path: Path) -> None:
    weights, x = np.array([[-8, 7, 3], [1, -1, 0]], np.int8), numbers(2, 3)
    file = File()
    inputs = [file.input(2, 3), file.constant_4_bit(weights, (0.5, 0))]
    file.op("FULLY_CONNECTED", inputs, file.tensor(2, 2), options="FullyConnectedOptions")
    assert np.allclose(answer(file, tmp_path, x), x.astype(np.float64) @ weights.T * 0.5)


@pytest.mark.parametrize(
    ("values", "levels", "blocks", "expected"),
    [
        ([2, 1, 3], [3, ([0, 1, 1, 3], [1, 0, 2])], (), [[0, 2, 0], [0, 0, 0], [1, 0, 3]]),
        ([1, 2, 3, 4], [2, ([0, 1, 2], [1, 0]), 1, 2], (0, 1), [[0, 0, 1, 2], [3, 4, 0, 0]]),
    ],
)
def test_sparse_constants_are_filled_with_zeros(
    values: Any, levels: Any, blocks: Any, expected: Any, tmp_path: Path
) -> None:
    wanted = np.array(expected, np.float32)
    file = File()
    weights = file.sparse(values, wanted.shape, levels, blocks)
    whole = file.op("DENSIFY", [weights], file.tensor(*wanted.shape))
    made = file.op("ADD", [file.input(*wanted.shape), whole], file.tensor(*wanted.shape), options="AddOptions")
    network = tflite_file.load(file.write(tmp_path / "it.tflite", made))
    assert [operator.kind for operator in network.operators] == ["ADD"]
    assert np.array_equal(np.asarray(network.tensors[whole].data), wanted)


def test_operators_are_known_by_the_newer_field_alone(tmp_path: Path) -> None:
    file = File(old_codes=False)
    file.op("RELU", [file.input(1, 4)], file.tensor(1, 4))
    graph = tflite_reader.read(file.write(tmp_path / "it.tflite")).graph
    assert graph.nodes[0].op == "Relu"


def test_long_names_and_unprintable_ones_are_made_readable(tmp_path: Path) -> None:
    file = File()
    long = "/".join(f"module{i}" for i in range(100))
    made = file.op("RELU", [file.input(1, 4, name="in\x01put")], file.tensor(1, 4, name=f"{long};{long}"))
    graph = tflite_reader.read(file.write(tmp_path / "it.tflite", made)).graph
    assert graph.inputs[0].name == "in_put"
    assert graph.outputs[0].name.endswith("/module99")
    assert len(graph.outputs[0].name) < 130


def test_a_free_batch_stays_free_or_is_given(tmp_path: Path) -> None:
    file = File()
    x = file.input(1, 6, 6, 3, signature=(-1, 6, 6, 3))
    inputs = [x, file.constant(numbers(4, 3, 3, 3))]
    file.op("CONV_2D", inputs, file.tensor(1, 6, 6, 4, signature=(-1, 6, 6, 4)), **CONV)
    path = file.write(tmp_path / "net.tflite")
    assert convert(path)[1].inputs[0].shape == (-1, 6, 6, 3)
    assert convert(path, shape=[2, 6, 6, 3])[1].outputs[0].shape == (2, 6, 6, 4)
    with pytest.raises(Error, match="the network wants") as caught:
        convert(path, shape=[2, 5, 6, 3])
    assert caught.value.code is Errc.BadShape


def test_shapes_are_computed_of_a_free_batch(tmp_path: Path) -> None:
    file = File()
    free = {"signature": (-1, 6, 6, 3)}
    pooled = file.op(
        "MAX_POOL_2D", [file.input(1, 6, 6, 3, **free)], file.tensor(1, 3, 3, 3, signature=(-1, 3, 3, 3)), **POOL
    )
    sized = file.tensor(1, 5, 4, 3, signature=(-1, 5, 4, 3))
    file.op("RESIZE_BILINEAR", [pooled, file.shape(5, 4)], sized, options="ResizeBilinearOptions", version=3)
    shape = file.op("SHAPE", [sized], file.tensor(4, kind="INT32"), options="ShapeOptions", OutType=2)
    parts = [shape, file.shape(0), file.shape(1), file.shape(1)]
    batch = file.tensor(kind="INT32")
    file.op("STRIDED_SLICE", parts, batch, options="StridedSliceOptions", ShrinkAxisMask=1)
    packed = file.tensor(2, kind="INT32")
    file.op("PACK", [batch, file.constant(60, np.int32)], packed, options="PackOptions", ValuesCount=2)
    flat = file.op("RESHAPE", [sized, packed], file.tensor(1, 60, signature=(-1, 60)), options="ReshapeOptions")
    weights = file.constant(numbers(4, 60))
    made = file.tensor(1, 4, signature=(-1, 4))
    file.op("FULLY_CONNECTED", [flat, weights, file.constant(numbers(4))], made, options="FullyConnectedOptions")
    report, graph = convert(file.write(tmp_path / "net.tflite"))
    assert graph.outputs[0].shape == (-1, 4)
    assert not report.warnings or importlib.util.find_spec("ai_edge_litert") is None


def test_a_step_of_the_output_is_allowed_and_two_are_not(tmp_path: Path) -> None:
    imported, _ = read(tmp_path, "an int8 network")
    graph = imported.graph
    assert steps.of_outputs(graph) == {graph.outputs[0].name: pytest.approx(1 / 256)}

    def moved(by: float) -> verify.Run:
        return lambda feeds: {graph.outputs[0].name: in_double(graph, feeds)[0] + by}

    answers = verify.Answers(graph, moved(0), moved(0))
    assert answers.compare(moved(1 / 256), "a step")[0].largest == pytest.approx(1 / 256)
    with pytest.raises(Disagreement):
        answers.compare(moved(2 / 256), "two steps")


@with_litert
def test_an_operator_that_is_wrong_is_named(tmp_path: Path) -> None:
    imported, path = read(tmp_path, "a float network")
    node = next(node for node in imported.graph.nodes if node.op == "HardSwish")
    node.op = "Relu"
    with pytest.raises(Disagreement, match=r"HARD_SWISH 't\d+': differs from LiteRT's"):
        tflite_check.check(imported, path, draws(imported.graph, golden_case(imported.graph))[1])
