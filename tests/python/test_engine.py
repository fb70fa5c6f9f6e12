"""coverslip.load and what it gives: models on NumPy arrays."""

from __future__ import annotations

import copy
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import coverslip
from coverslip import Errc, reference
from coverslip.ir import Graph, Node, Value

Save = Callable[..., Path]
Graphs = dict[str, Callable[..., Graph]]


def random(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


@pytest.fixture
def model(save: Save, classifier_graph: Graph) -> coverslip.Model:
    return coverslip.load(save(classifier_graph))


def test_a_model_gives_what_the_reference_gives(model: coverslip.Model, classifier_graph: Graph) -> None:
    x = random(1, 3, 8, 8)
    got = model(x)
    assert got.dtype == np.float32 and got.shape == (1, 4, 1, 1)
    np.testing.assert_allclose(got, reference.run(classifier_graph, {"x": x})["scores"], rtol=0, atol=1e-5)


def test_a_model_says_what_it_takes_and_gives(model: coverslip.Model) -> None:
    assert [(p.name, p.dtype, p.shape) for p in model.inputs] == [("x", np.dtype(np.float32), (1, 3, 8, 8))]
    assert [(p.name, p.dtype, p.shape) for p in model.outputs] == [("scores", np.dtype(np.float32), (1, 4, 1, 1))]
    assert model.labels[:3] == ("red cell", "white cell", "platelet")
    assert model.meta("licence") == "Apache-2.0" and model.meta("nothing") == ""
    assert len(model.id) == 64
    assert "x float32 1x3x8x8 -> scores float32 1x4x1x1" in repr(model)


def test_the_number_of_threads_changes_no_bit(save: Save, graphs: Graphs) -> None:
    path = save(graphs["classifier"](side=64))
    x = random(1, 3, 64, 64)
    answers = [coverslip.load(path, threads=threads)(x) for threads in (1, 2, 3, 4)]
    assert all(np.array_equal(answers[0], answer) for answer in answers[1:])


def test_every_target_of_this_cpu_agrees(save: Save, classifier_graph: Graph) -> None:
    path, x = save(classifier_graph), random(1, 3, 8, 8)
    targets = coverslip.cpu().targets
    assert targets
    answers = {target: coverslip.load(path, target=target) for target in targets}
    assert {model.target for model in answers.values()} == set(targets)
    for model in answers.values():
        np.testing.assert_allclose(model(x), answers[targets[0]](x), rtol=0, atol=2e-5)


def test_any_memory_order_gives_the_same_answer(model: coverslip.Model) -> None:
    x = random(1, 3, 8, 8)
    expected = model(x)
    frozen = x.copy()
    frozen.flags.writeable = False
    padded = np.zeros((1, 3, 8, 16), np.float32)
    padded[..., ::2] = x
    unaligned = np.frombuffer(b"!" + x.tobytes(), np.uint8)[1:].view(np.float32).reshape(x.shape)
    for same in (frozen, padded[..., ::2], np.asfortranarray(x), unaligned, x.tolist()):
        assert np.array_equal(model(same), expected)


def test_an_input_is_never_changed(model: coverslip.Model) -> None:
    x = random(1, 3, 8, 8)
    before = x.copy()
    model(x)
    assert np.array_equal(x, before)


def test_an_answer_outlives_its_model_and_is_its_owner_s_alone(save: Save, classifier_graph: Graph) -> None:
    model = coverslip.load(save(classifier_graph))
    x = random(1, 3, 8, 8)
    first = model(x)
    kept = first.copy()
    second = model(x * 2)
    second[:] = 0
    del model
    assert np.array_equal(first, kept) and first.flags.writeable


def test_several_inputs_and_outputs_go_by_name(save: Save, graphs: Graphs) -> None:
    model = coverslip.load(save(graphs["two_by_two"]()))
    a, b = random(2, 3), random(2, 3)[::-1]
    got = model({"b": b, "a": a})
    assert set(got) == {"sum", "product"}
    assert np.array_equal(got["sum"], a + b) and np.array_equal(got["product"], a * b)
    assert model.memory({"a": (2, 3), "b": (2, 3)}).peak > 0


def test_one_input_may_go_by_name_too(model: coverslip.Model) -> None:
    x = random(1, 3, 8, 8)
    assert np.array_equal(model({"x": x}), model(x))


def test_free_dimensions_take_any_size(save: Save, graphs: Graphs) -> None:
    model = coverslip.load(save(graphs["free"]()))
    assert model.inputs[0].shape == (None, 3, None, None)
    for shape in ((1, 3, 5, 7), (2, 3, 1, 1), (1, 3, 5, 7), (3, 3, 16, 4)):
        x = random(*shape)
        assert np.array_equal(model(x), np.where(x < 0, x * np.float32(0.5), x))
        assert model.memory(shape).peak >= 2 * x.nbytes
    assert model.steps((1, 3, 5, 7))[0].shape == (1, 3, 5, 7)


@pytest.mark.parametrize(
    ("call", "code", "says"),
    [
        (lambda m: m(np.zeros((1, 3, 8, 8))), Errc.BadInput, "float32"),
        (lambda m: m(np.zeros((1, 3, 8, 9), np.float32)), Errc.BadInput, "1x3x8x8"),
        (lambda m: m(np.zeros((3, 8, 8), np.float32)), Errc.BadInput, "3x8x8"),
        (lambda m: m({"y": np.zeros((1, 3, 8, 8), np.float32)}), Errc.BadInput, "'x'"),
        (lambda m: m(np.zeros([1] * 9, np.float32)), Errc.BadShape, "axes"),
        (lambda m: m({}), Errc.BadInput, "'x'"),
        (lambda m: m("picture.png"), Errc.BadInput, "x"),
        (lambda m: m(None), Errc.BadInput, "x"),
        (lambda m: m.preprocess(np.zeros((8, 8, 3))), Errc.BadInput, "uint8"),
        (lambda m: m.preprocess(np.zeros((2, 8, 8, 3), np.uint8)), Errc.BadInput, "rows"),
        (lambda m: m.memory({"z": (1, 3, 8, 8)}), Errc.BadInput, "'x'"),
        (lambda m: m.memory((1, 4, 8, 8)), Errc.BadInput, "1x4x8x8"),
    ],
)
def test_a_wrong_call_is_an_error_that_says_what_is_wanted(
    model: coverslip.Model, call: Callable[[coverslip.Model], Any], code: Errc, says: str
) -> None:
    with pytest.raises(coverslip.Error) as caught:
        call(model)
    assert caught.value.code is code
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"threads": -1}, Errc.BadInput),
        ({"threads": 1 << 20}, Errc.BadInput),
        ({"threads": 1.5}, Errc.BadInput),
        ({"target": "mmx"}, Errc.BadInput),
        ({"precision": "float64"}, Errc.BadInput),
        ({"max_memory": 100}, Errc.OverBudget),
        ({"max_memory": -1}, Errc.BadInput),
    ],
)
def test_wrong_options_are_errors(save: Save, classifier_graph: Graph, options: dict[str, Any], code: Errc) -> None:
    with pytest.raises(coverslip.Error) as caught:
        coverslip.load(save(classifier_graph), **options)
    assert caught.value.code is code


def test_convolutions_that_round_more_can_be_turned_off(save: Save) -> None:
    weights = np.random.default_rng(1).standard_normal((64, 64, 3, 3), np.float32) / 24
    node = Node("Conv", "conv", ["x", "w"], ["y"], {"pads": [1, 1, 1, 1]})
    graph = Graph(
        nodes=[node],
        inputs=[Value("x", "f32", (1, 64, 48, 48))],
        outputs=[Value("y", "f32", (1, 64, 48, 48))],
        constants={"w": weights},
    )
    path, x = save(graph), random(1, 64, 48, 48)
    fast, plain = coverslip.load(path), coverslip.load(path, winograd=False)
    assert "winograd" in fast.describe() and "winograd" not in plain.describe()
    assert np.linalg.norm(fast(x) - plain(x)) < 1e-5 * np.linalg.norm(plain(x))


def test_bfloat16_is_computed_where_the_cpu_can_and_told(save: Save) -> None:
    weights = np.random.default_rng(1).standard_normal((256, 256), np.float32) / 16
    graph = Graph(
        nodes=[Node("MatMul", "product", ["x", "w"], ["y"], {})],
        inputs=[Value("x", "f32", (64, 256))],
        outputs=[Value("y", "f32", (64, 256))],
        constants={"w": weights},
    )
    path, x = save(graph), random(64, 256)
    exact = coverslip.load(path)(x)
    for target in coverslip.cpu().targets:
        model = coverslip.load(path, target=target, precision="bfloat16")
        if "precision: bfloat16" in model.describe():
            assert "matmul_bf16" in model.describe()
            assert 1e-4 < np.linalg.norm(model(x) - exact) / np.linalg.norm(exact) < 1e-2
        else:
            assert "this computes in float32" in model.describe()
            assert np.array_equal(model(x), coverslip.load(path, target=target)(x))


def test_bad_files_are_errors(save: Save, classifier_graph: Graph, graphs: Graphs, tmp_path: Path) -> None:
    def code_of(path: Path) -> Errc:
        with pytest.raises(coverslip.Error) as caught:
            coverslip.load(path)
        assert caught.value.where
        return caught.value.code

    whole = save(classifier_graph).read_bytes()
    short, text = tmp_path / "short.slip", tmp_path / "text.slip"
    short.write_bytes(whole[:-100])
    text.write_text("no model")
    assert code_of(tmp_path / "none.slip") is Errc.Io
    assert code_of(tmp_path) is Errc.Io
    assert code_of(short) is Errc.BadModel
    assert code_of(text) is Errc.BadModel
    assert code_of(save(graphs["unknown"]())) is Errc.Unsupported


def test_an_error_survives_pickling(model: coverslip.Model) -> None:
    with pytest.raises(coverslip.Error) as caught:
        model(np.zeros(3, np.float32))
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.code, again.where, str(again)) == (caught.value.code, caught.value.where, str(caught.value))
    assert isinstance(copy.copy(caught.value), coverslip.Error)


def test_the_golden_case_is_verified(save: Save, classifier_graph: Graph) -> None:
    good = coverslip.load(save(classifier_graph)).verify()
    assert good.passed and good.samples == 4 and good.largest_difference <= good.tolerance
    assert classifier_graph.golden is not None
    output, index, value = classifier_graph.golden.samples[0]
    classifier_graph.golden.samples[0] = (output, index, value + 0.25)
    bad = coverslip.load(save(classifier_graph)).verify()
    assert not bad.passed and bad.largest_difference == pytest.approx(0.25, abs=1e-4)


def test_a_picture_becomes_the_input_as_the_file_says(model: coverslip.Model) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (8, 8, 3), np.uint8)
    expected = (pixels.astype(np.float64) / 255 - 0.5) / 0.25
    np.testing.assert_allclose(model.preprocess(pixels), expected.transpose(2, 0, 1)[None], rtol=0, atol=1e-5)
    assert np.array_equal(model.preprocess(pixels[:, ::-1]), model.preprocess(pixels[:, ::-1].copy()))


def test_the_plan_can_be_seen(model: coverslip.Model) -> None:
    steps = model.steps()
    assert [step.node for step in steps if step.multiply_adds > 0] == ["Conv 'first'"]
    assert all(step.kernel and step.layout in ("planar", "channels-last") for step in steps)
    assert sum(step.ms for step in model.profile(random(1, 3, 8, 8))) > 0
    assert "Conv 'first'" in model.describe() and f"peak: {model.memory().peak} bytes" in model.describe()


def test_threads_may_share_a_model(model: coverslip.Model) -> None:
    inputs = [random(1, 3, 8, 8) * scale for scale in range(8)]
    expected = [model(x) for x in inputs]
    wrong: list[int] = []

    def work(i: int) -> None:
        for _ in range(200):
            if not np.array_equal(model(inputs[i]), expected[i]):
                wrong.append(i)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(len(inputs))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_a_run_leaves_other_threads_of_python_alone(save: Save, graphs: Graphs) -> None:
    model = coverslip.load(save(graphs["row"](layers=8)), threads=1)
    x = np.zeros((1, 64, 256, 256), np.float32)
    worker = threading.Thread(target=model, args=(x,))
    worker.start()
    turns = 0
    while worker.is_alive():
        time.sleep(0.001)
        turns += 1
    assert turns > 10


@pytest.mark.skipif(os.name != "posix", reason="sends itself a signal")
def test_an_interrupt_stops_a_long_run(save: Save, graphs: Graphs) -> None:
    model = coverslip.load(save(graphs["endless"]()), threads=2)
    predicted = sum(step.predicted_ms for step in model.steps()) / 1000  # on one core
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    start = time.monotonic()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        model(np.zeros((1, 64, 256, 256), np.float32))
    assert time.monotonic() - start < predicted / 10
    assert model.memory().peak > 0  # it can be used again


def test_importing_takes_no_onnx() -> None:
    program = "import sys, coverslip; coverslip.load; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert "coverslip" in done.stdout.split() and "onnx" not in done.stdout.split()
