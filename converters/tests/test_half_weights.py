"""Weights stored in 16 bits: which they are, how they are rounded, and what the conversion says of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from keras_files import layer, numbers, sequential, write_keras
from networks import Array, Net, in_double, ops, sample

import coverslip
from coverslip import Disagreement, cli, dtypes, reader, shapes, writer
from coverslip.ir import Graph, Node, Value
from coverslip.passes import half_weights
from coverslip.to_onnx import to_onnx

DIGITS = {"float16": 11, "bfloat16": 8}
BOTH = pytest.mark.parametrize("precision", ["float16", "bfloat16"])


def classifier(*shape: int) -> Graph:
    """From pictures to five classes; two of its weights are big."""
    net = Net(*shape)
    net.conv(3, 24, pads=[1, 1, 1, 1])
    net.add("Relu")
    net.conv(24, 40, pads=[1, 1, 1, 1])
    net.add("Relu")
    net.conv(40, 30, 1)
    net.add("GlobalAveragePool")
    net.add("Flatten")
    net.add("Gemm", net.weights(30, 5), net.weights(5))
    return net.done()


def stored(graph: Graph) -> dict[str, Array]:
    return {name: array for name, array in graph.constants.items() if array.dtype != np.float32}


def with_constant(array: Array) -> Graph:
    """x + constant."""
    graph = Graph([Value("x", "f32", array.shape)], [Value("y", "f32", array.shape)])
    graph.nodes, graph.constants = [Node("Add", "add", ["x", "c"], ["y"])], {"c": array}
    return graph


@BOTH
def test_big_weights_are_stored_rounded_and_read_back(precision: str, tmp_path: Path) -> None:
    graph = classifier(1, 3, 16, 16)
    before = dict(graph.constants)
    done = half_weights.run(graph, precision)
    assert sorted(array.shape for array in stored(graph).values()) == [(30, 40, 1, 1), (40, 24, 3, 3)]
    assert ops(graph).count("Cast") == 2 and not done.kept
    half = sum(array.nbytes for array in stored(graph).values())
    assert done.bytes_before - done.bytes_after == half
    for name, rounded in done.rounded.items():
        apart = np.abs(rounded.astype(np.float64) - before[name])
        assert (apart <= np.abs(before[name]) * 2.0 ** (1 - DIGITS[precision])).all() and apart.any()
        assert graph.values[name] == Value(name, "f32", before[name].shape)
    writer.write(graph, tmp_path / "half.slip")
    again = reader.read(tmp_path / "half.slip")
    assert [array.tobytes() for array in stored(again).values()] == [a.tobytes() for a in stored(graph).values()]
    assert {dtypes.of_array(array, "") for array in stored(again).values()} == {half_weights.DTYPES[precision]}
    feeds = sample(graph)
    assert np.array_equal(in_double(again, feeds)[0], in_double(graph, feeds)[0])


@BOTH
def test_ties_go_to_even_and_what_is_no_number_stays(precision: str) -> None:
    array = np.ones((32, 32), np.float32)
    place = 2.0 ** (1 - DIGITS[precision])
    array[0, :5] = [1 + place / 2, 1 + place * 3 / 2, np.inf, -np.inf, np.nan]
    done = half_weights.run(with_constant(array), precision)
    found = done.rounded["c"].astype(np.float32)
    assert found[0, :4].tolist() == [1, 1 + 2 * place, np.inf, -np.inf] and np.isnan(found[0, 4])


@pytest.mark.parametrize(
    ("array", "precision", "says"),
    [
        (np.full((32, 32), 65519.9), "float16", ""),
        (np.full((32, 32), 65520.0), "float16", "too large"),
        (np.full((32, 32), -65520.0), "bfloat16", ""),
        (np.full((32, 32), np.finfo(np.float32).min), "bfloat16", "too large"),
        (np.full((32, 32), 2.0**-14), "float16", ""),
        (np.linspace(1e-7, 9e-7, 1024).reshape(32, 32), "float16", "too small"),
        (np.linspace(1e-7, 9e-7, 1024).reshape(32, 32), "bfloat16", ""),
        (np.zeros((32, 32)), "float16", ""),
    ],
)
def test_what_16_bits_cannot_hold_stays_and_is_named(array: Array, precision: str, says: str) -> None:
    graph = with_constant(array.astype(np.float32))
    done = half_weights.run(graph, precision)
    assert bool(done.rounded) == (not says)
    assert says in "".join(done.kept) and ("'c'" in "".join(done.kept)) == bool(says)
    assert ops(graph) == (["Add"] if says else ["Cast", "Add"])


def test_vectors_small_constants_and_places_stay() -> None:
    net = Net(1, 2, 9, 9)
    net.conv(2, 2)
    net.add("GridSample", net.constant(np.zeros((1, 32, 32, 2), np.float32)))
    net.add("Flatten")
    net.add("Mul", net.constant(np.ones((1, 2048), np.float32)))
    graph = net.done()
    assert not half_weights.run(graph, "float16").rounded and "Cast" not in ops(graph)


def test_a_constant_that_several_nodes_read_is_stored_once() -> None:
    net = Net(40, 40)
    table = net.weights(40, 40)
    net.add("MatMul", table)
    net.add("Relu")
    net.add("MatMul", table)
    graph = net.done()
    half_weights.run(graph, "float16")
    assert ops(graph) == ["Cast", "MatMul", "Relu", "MatMul"] and len(graph.constants) == 1


def test_rows_of_a_table_are_taken_before_they_are_widened(tmp_path: Path) -> None:
    graph = Graph([Value("ids", "i64", (3,))], [Value("y", "f32", (3, 100))])
    graph.constants = {"table": np.random.default_rng(3).standard_normal((100, 20)).astype(np.float32)}
    graph.nodes = [
        Node("Gather", "rows", ["table", "ids"], ["found"]),
        Node("Gemm", "scores", ["found", "table"], ["y"], {"transB": 1}),
    ]
    shapes.annotate(graph)
    half_weights.run(graph, "float16")
    assert ops(graph) == ["Gather", "Cast", "Cast", "Gemm"]
    writer.write(graph, tmp_path / "rows.slip")
    again, ids = reader.read(tmp_path / "rows.slip"), np.array([7, 0, 99])
    rounded = next(iter(again.constants.values())).astype(np.float64)
    assert np.allclose(in_double(again, {"ids": ids})[0], rounded[ids] @ rounded.T)


@BOTH
def test_numbers_moved_at_random_are_moved_as_far_as_rounding_may(precision: str) -> None:
    random, dtype = np.random.default_rng(1), half_weights.DTYPES[precision]
    array = (random.standard_normal(100_000) * 2.0 ** random.integers(-20, 5, 100_000)).astype(np.float32)
    rounded = np.abs(array.astype(dtypes.NUMPY[dtype]).astype(np.float32) - array)
    moved = np.abs(half_weights.shaken(array, dtype, random) - array)
    exponents = np.floor(np.log2(np.maximum(np.abs(array), 2.0**-14 if dtype == "f16" else 0)))
    half_place = 2.0 ** (exponents - DIGITS[precision])
    assert (moved <= half_place * 1.001).all() and (rounded <= half_place).all()
    assert np.mean(moved) == pytest.approx(np.mean(rounded), rel=0.05)


@BOTH
def test_a_conversion_says_what_was_stored_and_how_far_it_moves_the_answers(precision: str, tmp_path: Path) -> None:
    source = tmp_path / "net.onnx"
    onnx.save(to_onnx(classifier(-1, 3, 16, 16)), source)
    full = coverslip.convert(source, tmp_path / "full.slip")
    half = coverslip.convert(source, tmp_path / "half.slip", precision=precision)
    assert (full.precision, half.precision) == ("float32", precision)
    assert half.weight_bytes_before == full.weight_bytes and half.weight_bytes < 0.6 * full.weight_bytes
    assert half.bytes < 0.7 * full.bytes
    found = {difference.against: difference.relative for difference in half.differences}
    assert 0 < found[f"the network with weights in {precision}"] < 2.0 ** (4 - DIGITS[precision])
    graph = reader.read(tmp_path / "half.slip")
    assert graph.meta["verified"].startswith("yes") and precision in graph.meta["verified"]
    assert json.loads(graph.meta["options"])["precision"] == precision
    assert graph.golden is not None and half.notes == []


def test_without_verification_weights_are_stored_too(tmp_path: Path) -> None:
    source = tmp_path / "net.onnx"
    onnx.save(to_onnx(classifier(1, 3, 16, 16)), source)
    report = coverslip.convert(source, tmp_path / "half.slip", verify=False, precision="float16")
    assert stored(reader.read(tmp_path / "half.slip")) and report.verified == "no"


def test_keras_weights_are_stored_so_too(tmp_path: Path) -> None:
    entries = [layer("InputLayer", "in", shape=[None, 8, 8, 3]), layer("Conv2D", "conv", activation="relu")]
    path = write_keras(
        tmp_path / "m.keras",
        sequential("m", entries),
        {"conv": {"kernel": numbers(7, 7, 3, 30), "bias": numbers(30)}},
    )
    report = coverslip.convert(path, tmp_path / "m.slip", precision="bfloat16")
    assert len(stored(reader.read(tmp_path / "m.slip"))) == 1 and "bfloat16" in report.verified


def test_a_rounding_that_goes_wrong_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, run = tmp_path / "net.onnx", half_weights.run
    onnx.save(to_onnx(classifier(1, 3, 16, 16)), source)

    def smaller(graph: Graph, precision: str) -> half_weights.HalfWeights:
        done = run(graph, precision)
        done.rounded = {name: array * np.float16(1 - 2.0**-7) for name, array in done.rounded.items()}
        return done

    monkeypatch.setattr(half_weights, "run", smaller)
    with pytest.raises(Disagreement, match="moved"):
        coverslip.convert(source, tmp_path / "net.slip", precision="float16")
    assert not (tmp_path / "net.slip").exists()


def test_the_command_prints_precision_sizes_and_notes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph = classifier(1, 3, 16, 16)
    graph.constants["c2"] = graph.constants["c2"].copy()
    graph.constants["c2"][0, 0, 0, 0] = 1e5
    onnx.save(to_onnx(graph), tmp_path / "net.onnx")
    command = ["convert", str(tmp_path / "net.onnx"), "-o", str(tmp_path / "net.slip"), "--precision", "float16"]
    assert cli.main(command) == 0
    out = capsys.readouterr().out
    assert "weights in float16: 0.0 MB became 0.0 MB" in out and "note: constant 'c2' stays float32" in out
