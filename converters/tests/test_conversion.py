"""What `convert` writes, compares, refuses and says; the command line is the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from keras_files import layer, numbers, sequential, write_keras
from networks import Net, in_double, in_onnxruntime
from onnx import TensorProto, helper
from onnx_models import Model, weights

import coverslip
from coverslip import (
    Disagreement,
    Errc,
    Error,
    cli,
    conversion,
    dtypes,
    engine,
    golden,
    onnx_double,
    operators,
    passes,
    reader,
    verify,
)
from coverslip.ir import Graph, Value
from coverslip.to_onnx import to_onnx
from coverslip.verify import Answers
from coverslip.writer import to_bytes


def picture_classifier() -> onnx.ModelProto:
    """A small network with a skip, from pictures to three classes."""
    return to_onnx(picture_graph(-1, 3, 16, 16))


def picture_graph(*shape: int) -> Graph:
    """See picture_classifier."""
    net = Net(*shape)
    net.conv(3, 8, pads=[1, 1, 1, 1])
    net.norm(8)
    first = net.add("Relu")
    net.conv(8, 8, pads=[1, 1, 1, 1])
    net.add("Add", first)
    net.add("GlobalAveragePool")
    net.add("Flatten")
    net.add("Gemm", net.weights(8, 3), net.weights(3))
    net.add("Softmax")
    return net.done()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "net.onnx"
    onnx.save(picture_classifier(), path)
    return path


def test_a_converted_file_answers_as_its_source_and_carries_its_story(source: Path, tmp_path: Path) -> None:
    told: list[str] = []
    report = coverslip.convert(
        source,
        tmp_path / "net.slip",
        labels=["a", "b", "c"],
        preprocess="imagenet,resize=none",
        meta={"licence": "MIT"},
        progress=told.append,
    )
    graph = reader.read(tmp_path / "net.slip")
    assert report.bytes == (tmp_path / "net.slip").stat().st_size
    assert report.largest_difference is not None and report.largest_difference < 1e-5
    assert graph.labels == ["a", "b", "c"] and graph.meta["licence"] == "MIT"
    assert len(graph.meta["source_hash"]) == 64 and graph.meta["verified"].startswith("yes")
    assert graph.preprocess is not None
    assert (graph.preprocess.width, graph.preprocess.resize, graph.preprocess.layout) == (16, "none", "NCHW")
    assert len(graph.nodes) < report.nodes_before
    assert "writing" in told


def test_the_golden_case_is_the_sources_answer(source: Path, tmp_path: Path) -> None:
    coverslip.convert(source, tmp_path / "net.slip")
    graph = reader.read(tmp_path / "net.slip")
    case = graph.golden
    assert case is not None and case.shapes == [(1, 3, 16, 16)] and len(case.samples) == 3
    feeds = {"x": golden.golden_input(case, 0, graph.inputs[0])}
    assert feeds["x"].min() >= 0 and feeds["x"].max() < 1
    flat = in_onnxruntime(graph, feeds)[0].reshape(-1)
    assert all(abs(flat[index] - value) <= case.tolerance for _, index, value in case.samples)


def test_the_same_input_gives_the_same_bytes(source: Path, tmp_path: Path) -> None:
    for name in ("a.slip", "b.slip"):
        coverslip.convert(source, tmp_path / name)
    assert (tmp_path / "a.slip").read_bytes() == (tmp_path / "b.slip").read_bytes()


def test_without_verification_the_file_says_so(source: Path, tmp_path: Path) -> None:
    report = coverslip.convert(source, tmp_path / "net.slip", verify=False)
    graph = reader.read(tmp_path / "net.slip")
    assert graph.golden is None and graph.meta["verified"] == "no" and report.differences == []


def unable(_: object) -> Any:
    raise Error(Errc.Unsupported, "onnxruntime", "cannot load the network")


def test_a_source_that_onnxruntime_cannot_run_is_compared_with_the_reference_of_onnx(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "onnx_runner", unable)
    report = coverslip.convert(source, tmp_path / "net.slip")
    assert "ONNX's reference" in report.verified and "onnxruntime" in report.warnings[0]
    assert {difference.against for difference in report.differences} >= {"the converted network in ONNX's reference"}


def test_a_source_that_nothing_can_run_is_written_with_a_warning(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_reference(*_: Any, **__: Any) -> Any:
        raise Error(Errc.Unsupported, "ONNX reference", "cannot run the network")

    monkeypatch.setattr(verify, "onnx_runner", unable)
    monkeypatch.setattr(onnx_double, "run", no_reference)
    report = coverslip.convert(source, tmp_path / "net.slip")
    assert report.verified == "no" and len(report.warnings) == 2
    assert reader.read(tmp_path / "net.slip").meta["verified"] == "no"


@pytest.mark.parametrize("in_engine", [True, False])
def test_a_converted_network_that_nothing_runs_is_not_called_verified(
    in_engine: bool, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(path: str) -> Any:
        graph = reader.read(Path(path))
        return lambda feeds: in_onnxruntime(graph, feeds)[0]

    monkeypatch.setattr(conversion, "converted_runners", lambda *_: [("onnxruntime", lambda: unable(None))])
    monkeypatch.setattr(engine, "loader", lambda: load if in_engine else None)
    report = coverslip.convert(source, tmp_path / "net.slip")
    assert [difference.against for difference in report.differences] == ["the engine"] * in_engine
    assert report.verified.startswith("yes" if in_engine else "no")
    assert reader.read(tmp_path / "net.slip").meta["verified"] == report.verified
    assert ["not compared in onnxruntime: onnxruntime: cannot load" in warning for warning in report.warnings] == [True]


def test_free_sizes_are_compared_at_a_second_size() -> None:
    graph = picture_graph(-1, 3, -1, -1)
    model = to_onnx(graph)
    answers = Answers(graph, verify.onnx_runner(model), lambda feeds: onnx_double.run(model, feeds))
    assert [draw.feeds["x"].shape for draw in answers.draws][-1] == (2, 3, 256, 256) and not answers.left_out
    assert answers.compare(verify.onnx_runner(model), "itself")[0].largest == 0


def test_a_pass_that_breaks_the_network_is_caught_and_nothing_is_written(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    right = passes.run

    def wrong(graph: Graph) -> list[str]:
        changed = right(graph)
        name = next(node.inputs[1] for node in graph.nodes if node.op == "Conv")
        graph.constants[name] = graph.constants[name] * np.float32(1.01)
        return changed

    monkeypatch.setattr(passes, "run", wrong)
    (tmp_path / "net.slip").write_bytes(b"the file that was there")
    with pytest.raises(Disagreement) as caught:
        coverslip.convert(source, tmp_path / "net.slip")
    assert "source" in str(caught.value) and "double" in str(caught.value)
    assert (tmp_path / "net.slip").read_bytes() == b"the file that was there"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.onnx", "net.slip"]
    assert cli.main(["convert", str(source), "-o", str(tmp_path / "other.slip")]) == 6
    assert "differs from its source" in capsys.readouterr().err


def test_rounding_that_the_source_shares_is_no_disagreement() -> None:
    net = Net(1, 4)
    net.add("Mul", net.constant(1e4))
    net.add("Add", net.constant(1e8))
    net.add("Add", net.constant(-1e8))
    graph = net.done()

    name = graph.outputs[0].name

    def rounded(feeds: dict[str, Any]) -> dict[str, Any]:
        return {name: in_onnxruntime(graph, feeds)[0]}

    def exact(feeds: dict[str, Any]) -> dict[str, Any]:
        return {name: in_double(graph, feeds)[0]}

    def wrong(feeds: dict[str, Any]) -> dict[str, Any]:
        return {name: exact(feeds)[name] + 100}

    difference = Answers(graph, rounded, exact).compare(exact, "no rounding")[0]
    assert difference.relative > 1e-5
    with pytest.raises(Disagreement):
        Answers(graph, rounded, exact).compare(wrong, "a mistake")


def test_shapes_that_the_network_computes_leave_its_sizes_free(tmp_path: Path) -> None:
    model = Model("N", 3, "H", "W")
    model.add("Conv", model.constant(weights(4, 3, 3, 3)), strides=[2, 2], pads=[1, 1, 1, 1])
    batch = model.add("Gather", model.constant([0]), x=model.add("Shape", x="x"), axis=0)
    model.add("Reshape", model.add("Concat", model.constant([4, -1]), x=batch, axis=0), x="Conv_0")
    onnx.save(model.done(rank=3), tmp_path / "net.onnx")
    report = coverslip.convert(tmp_path / "net.onnx", tmp_path / "net.slip")
    graph = reader.read(tmp_path / "net.slip")
    assert graph.inputs[0].shape == (-1, 3, -1, -1) and len(graph.outputs[0].shape) == 3
    assert report.verified.startswith("yes") and not report.warnings


def test_outputs_whose_sizes_depend_on_the_numbers_are_compared(tmp_path: Path) -> None:
    if "NonZero" not in operators.known():
        pytest.skip("this engine has no NonZero")
    model = Model(3, 4)
    model.add("NonZero", x=model.add("Relu"))
    proto = model.done(rank=2)
    proto.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64
    onnx.save(proto, tmp_path / "net.onnx")
    report = coverslip.convert(tmp_path / "net.onnx", tmp_path / "net.slip")
    assert reader.read(tmp_path / "net.slip").outputs[0].shape == (2, -1)
    assert report.verified.startswith("yes") and report.largest_difference == 0


@pytest.mark.parametrize(
    ("kind", "dtype", "by"),
    [(TensorProto.FLOAT16, "f16", "onnxruntime"), (TensorProto.BFLOAT16, "bf16", "ONNX's reference")],
)
def test_networks_in_half_precision_stay_so_and_are_compared(
    kind: int, dtype: str, by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "loader", lambda: None)  # what the engine computes in is its own tests' matter
    model = Model(1, 3, 8, 8)
    model.inputs[0].type.tensor_type.elem_type = kind
    model.add("Mul", model.constant(weights(1, 3, 1, 1).astype(dtypes.NUMPY[dtype])))
    model.add("Conv", model.constant(weights(4, 3, 3, 3).astype(dtypes.NUMPY[dtype])))
    model.add("Relu")
    proto = model.done()
    proto.graph.output[0].type.tensor_type.elem_type = kind
    onnx.save(proto, tmp_path / "half.onnx")
    report = coverslip.convert(tmp_path / "half.onnx", tmp_path / "half.slip")
    graph = reader.read(tmp_path / "half.slip")
    assert {value.dtype for value in [*graph.inputs, *graph.outputs]} == {dtype}
    assert {str(array.dtype) for array in graph.constants.values()} == {str(dtypes.NUMPY[dtype])}
    assert report.verified == f"yes, against its source in {by}" and graph.golden is not None


def test_keras_is_compared_with_the_import_and_says_so(tmp_path: Path) -> None:
    entries = [layer("InputLayer", "in", shape=[None, 8, 8, 3]), layer("Conv2D", "conv", activation="relu")]
    weights = {"conv": {"kernel": numbers(3, 3, 3, 4), "bias": numbers(4)}}
    path = write_keras(tmp_path / "m.keras", sequential("m", entries), weights)
    report = coverslip.convert(path, tmp_path / "m.slip", preprocess={"color": "BGR"})
    graph = reader.read(tmp_path / "m.slip")
    assert "import" in report.verified
    assert graph.preprocess is not None and (graph.preprocess.layout, graph.preprocess.color) == ("NHWC", "BGR")
    assert graph.inputs[0].shape == (-1, 8, 8, 3)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"precision": "int8"}, Errc.Unsupported),
        ({"precision": "float8"}, Errc.BadInput),
        ({"labels": ["a", "b"]}, Errc.BadInput),
        ({"labels": "no such file"}, Errc.Io),
        ({"shape": (1, 3, 17, 16)}, Errc.BadShape),
        ({"shape": (1, 3, 0, 16)}, Errc.BadInput),
        ({"preprocess": "width=15"}, Errc.BadInput),
        ({"preprocess": "color=GRAY"}, Errc.BadInput),
        ({"preprocess": "mean=1:2"}, Errc.BadInput),
        ({"preprocess": "scale=1/0"}, Errc.BadInput),
        ({"preprocess": "colour=RGB"}, Errc.BadInput),
        ({"preprocess": "vgg"}, Errc.BadInput),
        ({"colour": "RGB"}, Errc.BadInput),
        ({"pack": "z80"}, Errc.Unsupported),
    ],
)
def test_wrong_options_are_refused_and_nothing_is_written(
    source: Path, tmp_path: Path, options: dict[str, Any], code: Errc
) -> None:
    with pytest.raises(Error) as caught:
        coverslip.convert(source, tmp_path / "net.slip", **options)
    assert caught.value.code is code
    assert not (tmp_path / "net.slip").exists()


@pytest.mark.skipif(not hasattr(coverslip, "load"), reason="the engine is not built")
def test_weights_are_packed_for_a_target(source: Path, tmp_path: Path) -> None:
    plain = coverslip.convert(source, tmp_path / "net.slip")
    target = coverslip.cpu().targets[0]
    packed = coverslip.convert(source, tmp_path / "packed.slip", pack=target)
    assert (plain.packed_for, packed.packed_for) == ("", target)
    assert packed.bytes == (tmp_path / "packed.slip").stat().st_size > plain.bytes
    assert to_bytes(reader.read(tmp_path / "packed.slip")) == (tmp_path / "net.slip").read_bytes()
    assert coverslip.load(tmp_path / "packed.slip", target=target).verify().passed


def test_normalized_pixels_are_drawn_in_their_own_range(source: Path, tmp_path: Path) -> None:
    coverslip.convert(source, tmp_path / "net.slip", preprocess="imagenet")
    case = reader.read(tmp_path / "net.slip").golden
    assert case is not None
    assert (round(case.low, 3), round(case.high, 3)) == (-2.118, 2.64)


def run(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    try:
        code = cli.main(arguments)
    except SystemExit as end:
        code = int(end.code or 0)
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_the_command_converts_and_reports(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("one\ntwo\n\nthree\n")
    target = tmp_path / "net.slip"
    command = ["convert", str(source), "-o", str(target), "--labels", str(labels), "--shape", "2,3,16,16", "--json"]
    code, out, _ = run([*command, "--meta", "title=Three classes", "--preprocess", "color=BGR,scale=1/255"], capsys)
    assert code == 0
    assert json.loads(out)["verified"].startswith("yes")
    graph = reader.read(target)
    assert graph.labels == ["one", "two", "three"] and graph.meta["title"] == "Three classes"
    assert graph.inputs[0] == Value("x", "f32", (2, 3, 16, 16))
    code, out, _ = run(["convert", str(source), "-o", str(target), "--shape", "x=?,3,16,16"], capsys)
    assert reader.read(target).inputs[0].shape == (-1, 3, 16, 16)
    assert code == 0 and "verified: yes" in out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 1),
        (["convert"], 1),
        (["convert", "{source}", "-o", "{out}", "--shape", "a,b"], 1),
        (["convert", "{source}", "-o", "{out}", "--meta", "title"], 1),
        (["convert", "{source}", "-o", "{out}", "--shape", "1,4,16,16"], 2),
        (["convert", "{source}.txt", "-o", "{out}"], 2),
        (["convert", "{source}", "-o", "{out}", "--precision", "float16"], 0),
        (["convert", "{source}", "-o", "{out}", "--precision", "int8"], 3),
        (["convert", "{folder}/none.onnx", "-o", "{out}"], 4),
        (["convert", "{source}", "-o", "{folder}/none/net.slip"], 4),
        (["--help"], 0),
        (["convert", "--help"], 0),
    ],
)
def test_exit_codes(
    source: Path, tmp_path: Path, arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    filled = [a.format(source=source, out=tmp_path / "net.slip", folder=tmp_path) for a in arguments]
    found, out, err = run(filled, capsys)
    assert found == code
    assert out if code == 0 else err


def test_unsupported_operators_end_with_3_and_are_listed_as_json_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 3])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Det", ["x"], ["y"], name="d")], "g", [value], [result])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "d.onnx")
    code, out, _ = run(["convert", str(tmp_path / "d.onnx"), "-o", str(tmp_path / "d.slip"), "--json"], capsys)
    assert code == 3
    assert json.loads(out)["error"] == "Unsupported" and "Det 'd'" in json.loads(out)["message"]


def test_every_refusal_is_an_error_that_survives_pickling() -> None:
    import pickle

    error = pickle.loads(pickle.dumps(Disagreement(Errc.BadModel, "output 'y'", "differs")))
    assert isinstance(error, Error) and error.code is Errc.BadModel and str(error) == "output 'y': differs"
