"""Keras files are read as Keras means them, without Keras; what is hostile or unknown is refused by name."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from keras_files import Json, functional, layer, numbers, sequential, write_h5, write_keras
from networks import Array, in_double, in_onnxruntime, ops

from coverslip import Errc, Error, keras_probe, keras_reader

EXACT = 1e-12


@pytest.fixture
def probed() -> None:
    """Asks for the reading in a process of its own, which takes long for tests that write whole files."""


@pytest.fixture(autouse=True)
def in_this_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads whole files here at once."""
    if "probed" not in request.fixturenames:
        monkeypatch.setattr(keras_probe, "check", lambda *_: None)


def answer(path: Path, x: Array, wanted: dict[str, tuple[int, ...]] | None = None) -> list[Array]:
    return in_double(keras_reader.read(path, wanted), {"in": x})


def one_layer(tmp_path: Path, entry: Json, shape: list[int | None], weights: dict[str, Any] | None = None) -> Path:
    """A Sequential of one layer, named `it`."""
    model = sequential("model", [layer("InputLayer", "in", shape=shape), entry])
    return write_keras(tmp_path / "one.keras", model, {"it": weights or {}})


def slow_conv(x: Array, kernel: Array, stride: int, same: bool) -> Array:
    """A convolution over N,H,W,C by its definition; 'same' pads the odd row at the end."""
    k, _, _, filters = kernel.shape
    n, h, w, _ = x.shape
    if same:
        pads = [max((-(-size // stride) - 1) * stride + k - size, 0) for size in (h, w)]
        x = np.pad(x, [(0, 0), *((p // 2, p - p // 2) for p in pads), (0, 0)])
    rows, columns = ((size - k) // stride + 1 for size in x.shape[1:3])
    y = np.zeros((n, rows, columns, filters))
    for i in range(rows):
        for j in range(columns):
            window = x[:, i * stride : i * stride + k, j * stride : j * stride + k]
            y[:, i, j] = np.tensordot(window, kernel, axes=3)
    return y


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("size", [2, 3])
def test_convolutions_pad_as_tensorflow_pads(tmp_path: Path, padding: str, stride: int, size: int) -> None:
    kernel, bias = numbers(size, size, 3, 4), numbers(4, seed=2)
    entry = layer("Conv2D", "it", padding=padding, strides=[stride, stride], activation="linear")
    path = one_layer(tmp_path, entry, [None, 8, 7, 3], {"kernel": kernel, "bias": bias})
    x = numbers(2, 8, 7, 3, seed=3)
    expected = slow_conv(x.astype(np.float64), kernel.astype(np.float64), stride, padding == "same") + bias
    found = answer(path, x)[0]
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < EXACT * 100


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 2), (4, 2), (2, 3), (3, 1)])
def test_transposed_convolutions_are_the_gradients_of_convolutions(
    tmp_path: Path, padding: str, size: int, stride: int
) -> None:
    kernel = numbers(size, size, 2, 3)  # (h, w, out, in)
    entry = layer("Conv2DTranspose", "it", padding=padding, strides=[stride, stride], use_bias=False)
    path = one_layer(tmp_path, entry, [1, 4, 5, 3], {"kernel": kernel})
    x = numbers(1, 4, 5, 3, seed=3).astype(np.float64)
    found = answer(path, x.astype(np.float32))[0]
    rows, columns = found.shape[1:3]
    expected_rows = 4 * stride if padding == "same" else 4 * stride + max(size - stride, 0)
    assert rows == expected_rows
    # <conv(u), x> = <u, conv_transpose(x)> for every u defines the transposed convolution
    u = numbers(1, rows, columns, 2, seed=4).astype(np.float64)
    made = slow_conv(u, kernel.astype(np.float64), stride, padding == "same")
    assert made.shape == x.shape
    assert abs((made * x).sum() - (u * found).sum()) < EXACT * 1e4


def test_depthwise_convolutions_with_a_multiplier(tmp_path: Path) -> None:
    kernel = numbers(3, 3, 2, 3)
    entry = layer("DepthwiseConv2D", "it", padding="valid", use_bias=False)
    path = one_layer(tmp_path, entry, [None, 6, 6, 2], {"depthwise_kernel": kernel})
    x = numbers(1, 6, 6, 2, seed=3)
    parts = [
        slow_conv(x[..., c : c + 1].astype(np.float64), kernel[:, :, c : c + 1, :].astype(np.float64), 1, False)
        for c in (0, 1)
    ]
    assert np.abs(answer(path, x)[0] - np.concatenate(parts, axis=-1)).max() < EXACT * 100


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (layer("ZeroPadding2D", "it", padding=[[1, 0], [0, 2]]), lambda x: np.pad(x, [(0, 0), (1, 0), (0, 2), (0, 0)])),
        (layer("Cropping2D", "it", cropping=[[1, 0], [0, 2]]), lambda x: x[:, 1:, :-2]),
        (layer("UpSampling2D", "it", size=[2, 3]), lambda x: x.repeat(2, axis=1).repeat(3, axis=2)),
        (layer("Flatten", "it"), lambda x: x.reshape(len(x), -1)),
        (layer("Reshape", "it", target_shape=[-1, 4]), lambda x: x.reshape(len(x), -1, 4)),
        (layer("Reshape", "it", target_shape=[2, 8, 4]), lambda x: x.reshape(len(x), 2, 8, 4)),
        (layer("Reshape", "it", target_shape=[1, 1, 64]), lambda x: x.reshape(len(x), 1, 1, 64)),
        (layer("GlobalAveragePooling2D", "it"), lambda x: x.mean(axis=(1, 2))),
        (layer("GlobalAveragePooling2D", "it", keepdims=True), lambda x: x.mean(axis=(1, 2), keepdims=True)),
        (layer("MaxPooling2D", "it", pool_size=[2, 2]), lambda x: x.reshape(len(x), 2, 2, 2, 2, 4).max(axis=(2, 4))),
        (
            layer("AveragePooling2D", "it", pool_size=[2, 2]),
            lambda x: x.reshape(len(x), 2, 2, 2, 2, 4).mean(axis=(2, 4)),
        ),
        (layer("ReLU", "it", max_value=0.5), lambda x: x.clip(0, 0.5)),
        (layer("LeakyReLU", "it", negative_slope=0.1), lambda x: np.where(x < 0, np.float64(0.1) * x, x)),
        (layer("LeakyReLU", "it", alpha=0.1), lambda x: np.where(x < 0, np.float64(0.1) * x, x)),
        (layer("Activation", "it", activation="hard_sigmoid"), lambda x: (x / 6 + 0.5).clip(0, 1)),
        (layer("Activation", "it", activation="swish"), lambda x: x / (1 + np.exp(-x))),
        (layer("Softmax", "it", axis=-1), lambda x: np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)),
        (layer("Rescaling", "it", scale=0.5, offset=-1.0), lambda x: x * 0.5 - 1),
        (layer("Dropout", "it", rate=0.5), lambda x: x),
    ],
    ids=lambda value: value["class_name"] if isinstance(value, dict) else "",
)
def test_layers_without_weights(tmp_path: Path, entry: Json, expected: Any) -> None:
    x = numbers(2, 4, 4, 4, seed=3)
    found = answer(one_layer(tmp_path, entry, [None, 4, 4, 4]), x)[0]
    wanted = expected(x.astype(np.float64))
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() < EXACT


def test_a_mean_does_not_count_padding(tmp_path: Path) -> None:
    entry = layer("AveragePooling2D", "it", pool_size=[2, 2], strides=[2, 2], padding="same")
    found = answer(one_layer(tmp_path, entry, [1, 3, 3, 1]), np.ones((1, 3, 3, 1), np.float32))[0]
    assert np.array_equal(found, np.ones((1, 2, 2, 1)))


def test_hard_sigmoid_was_steeper_before_keras_3(tmp_path: Path) -> None:
    model = sequential(
        "model", [layer("InputLayer", "in", shape=[1, 2]), layer("Activation", "a", activation="hard_sigmoid")]
    )
    path = write_keras(tmp_path / "m.keras", model, {}, version="2.15.0")
    assert np.allclose(answer(path, np.array([[0.5, -1.0]], np.float32))[0], [[0.6, 0.3]], atol=EXACT)


def residual_network() -> tuple[Json, dict[str, Any]]:
    """An inner model with a skip, used in an outer one; two outputs."""
    inner = functional(
        "block",
        [
            layer("InputLayer", "start", shape=[None, 6, 6, 4]),
            layer("Conv2D", "conv", ["start"], padding="same", use_bias=False, activation="linear"),
            layer("BatchNormalization", "norm", ["conv"], axis=3, epsilon=1e-3),
            layer("Add", "sum", ["norm", "start"]),
        ],
        ["start"],
        ["sum"],
        called_on=["first"],
    )
    model = functional(
        "model",
        [
            layer("InputLayer", "in", shape=[None, 6, 6, 3]),
            layer("Conv2D", "first", ["in"], padding="same", activation="relu"),
            inner,
            layer("Concatenate", "joined", ["block", "first"], axis=-1),
            layer("Conv2D", "mask", ["joined"], activation="sigmoid"),
            layer("GlobalAveragePooling2D", "pooled", ["joined"]),
            layer("Dense", "classes", ["pooled"], activation="softmax"),
        ],
        ["in"],
        ["mask", "classes"],
    )
    weights: dict[str, Any] = {
        "first": {"kernel": numbers(3, 3, 3, 4, seed=1), "bias": numbers(4, seed=2)},
        "block": {
            "conv": {"kernel": numbers(3, 3, 4, 4, seed=3)},
            "norm": {
                "gamma": numbers(4, seed=4),
                "beta": numbers(4, seed=5),
                "moving_mean": numbers(4, seed=6),
                "moving_variance": numbers(4, seed=7, positive=True),
            },
        },
        "mask": {"kernel": numbers(1, 1, 8, 1, seed=8), "bias": numbers(1, seed=9)},
        "classes": {"kernel": numbers(8, 5, seed=10), "bias": numbers(5, seed=11)},
    }
    return model, weights


def expected_of_residual_network(x: Array, weights: dict[str, Any]) -> list[Array]:
    first = np.maximum(slow_conv(x, weights["first"]["kernel"], 1, True) + weights["first"]["bias"], 0)
    y = slow_conv(first, weights["block"]["conv"]["kernel"], 1, True)
    norm = weights["block"]["norm"]
    y = (y - norm["moving_mean"]) / np.sqrt(norm["moving_variance"].astype(np.float64) + 1e-3) * norm["gamma"] + norm[
        "beta"
    ]
    joined = np.concatenate([y + first, first], axis=-1)
    mask = slow_conv(joined, weights["mask"]["kernel"], 1, False) + weights["mask"]["bias"]
    logits = joined.mean(axis=(1, 2)) @ weights["classes"]["kernel"] + weights["classes"]["bias"]
    e = np.exp(logits)
    return [1 / (1 + np.exp(-mask)), e / e.sum(axis=1, keepdims=True)]


@pytest.mark.parametrize("form", ["keras, groups named", "keras, groups counted", "h5"])
def test_models_within_models_and_several_outputs(tmp_path: Path, form: str) -> None:
    model, weights = residual_network()
    if form == "h5":
        path = write_h5(tmp_path / "m.h5", model, weights)
    else:
        path = write_keras(tmp_path / "m.keras", model, weights, told=form == "keras, groups named")
    x = numbers(2, 6, 6, 3, seed=12)
    graph = keras_reader.read(path)
    assert [value.name for value in graph.outputs] == ["mask", "classes"]
    assert graph.inputs[0].shape == (-1, 6, 6, 3)
    expected = expected_of_residual_network(x.astype(np.float64), weights)
    for wanted, found, rounded in zip(
        expected, in_double(graph, {"in": x}), in_onnxruntime(graph, {"in": x}), strict=True
    ):
        assert wanted.shape == found.shape == rounded.shape
        assert np.abs(wanted - found).max() < EXACT
        assert np.abs(wanted - rounded).max() < 1e-5


def test_the_older_form_of_config_is_read(tmp_path: Path) -> None:
    relu = {"class_name": "ReLU", "name": "r", "config": {"name": "r"}, "inbound_nodes": [[["in", 0, 0, {}]]]}
    both = {
        "class_name": "Add",
        "name": "a",
        "config": {"name": "a"},
        "inbound_nodes": [[["in", 0, 0, {}], ["r", 0, 0, {}]]],
    }
    start = {
        "class_name": "InputLayer",
        "name": "in",
        "config": {"name": "in", "batch_input_shape": [None, 3]},
        "inbound_nodes": [],
    }
    ends = {"input_layers": [["in", 0, 0]], "output_layers": ["a", 0, 0]}
    model = {"class_name": "Functional", "config": {"name": "m", "layers": [start, both, relu], **ends}}
    x = numbers(2, 3)
    found = answer(write_h5(tmp_path / "m.h5", model, {}), x)[0]
    assert np.array_equal(found, x + np.maximum(x, 0).astype(np.float64))


def test_free_sizes_are_fixed_by_a_shape(tmp_path: Path) -> None:
    entry = layer("Conv2D", "it", padding="same", strides=[2, 2], use_bias=False)
    path = one_layer(tmp_path, entry, [None, None, None, 1], {"kernel": numbers(3, 3, 1, 1)})
    with pytest.raises(Error, match="--shape"):
        keras_reader.read(path)
    graph = keras_reader.read(path, {"": (1, 7, 6, 1)})
    assert graph.outputs[0].shape == (1, 4, 3, 1)
    with pytest.raises(Error) as caught:
        keras_reader.read(path, {"": (1, 7, 6, 2)})
    assert caught.value.code is Errc.BadShape


def test_every_unknown_layer_is_listed_and_no_code_is_run(tmp_path: Path) -> None:
    own = layer("Mine", "own")
    own["registered_name"] = "package>Mine"
    entries = [
        layer("InputLayer", "in", shape=[1, 3]),
        layer("Lambda", "code", function="..."),
        layer("LSTM", "memory"),
        own,
    ]
    path = write_keras(tmp_path / "m.keras", sequential("m", entries), {})
    with pytest.raises(Error) as caught:
        keras_reader.read(path)
    assert caught.value.code is Errc.Unsupported
    for part in ("3 layers", "Lambda 'code': code in a file is never run", "LSTM 'memory'", "package>Mine 'own'"):
        assert part in str(caught.value)


def damaged(tmp_path: Path, name: str, data: bytes) -> Path:
    path = write_keras(
        tmp_path / "m.keras", sequential("m", [layer("InputLayer", "in", shape=[1, 3]), layer("ReLU", "r")]), {}
    )
    with zipfile.ZipFile(path) as archive:
        members = {entry: archive.read(entry) for entry in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for entry, content in (members | {name: data}).items():
            archive.writestr(entry, content)
    return path


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("config.json", b"{"),
        ("config.json", b"[" * 100000),
        ("config.json", b"[1]"),
        ("config.json", b'{"class_name": "Sequential", "config": 3}'),
        ("config.json", b'{"class_name": "Sequential", "config": {"layers": [3]}}'),
        (
            "config.json",
            b'{"class_name": "Functional", "config": {"layers": [{"class_name": "ReLU", "config": {"name": "r"}}]}}',
        ),
        ("model.weights.h5", b"no HDF5"),
        ("metadata.json", b""),
    ],
)
def test_damaged_archives_are_refused(tmp_path: Path, name: str, data: bytes) -> None:
    with pytest.raises(Error) as caught:
        keras_reader.read(damaged(tmp_path, name, data))
    assert caught.value.code in (Errc.BadModel, Errc.Unsupported)


def test_circles_and_deep_nests_are_refused(tmp_path: Path) -> None:
    entries = [layer("InputLayer", "in", shape=[1, 3]), layer("Add", "a", ["in", "b"]), layer("ReLU", "b", ["a"])]
    path = write_keras(tmp_path / "circle.keras", functional("m", entries, ["in"], ["b"]), {})
    with pytest.raises(Error, match="no input"):
        keras_reader.read(path)
    model = sequential("m", [layer("InputLayer", "in", shape=[1, 3]), layer("ReLU", "r")])
    for i in range(20):
        model = sequential(f"m{i}", [model])
    with pytest.raises(Error) as caught:
        keras_reader.read(write_keras(tmp_path / "deep.keras", model, {}))
    assert caught.value.code is Errc.OverBudget


@pytest.mark.parametrize("kind", ["soft", "external", "external storage", "virtual", "integers", "missing", "shape"])
def test_weights_that_are_not_plain_numbers_in_the_file_are_refused(tmp_path: Path, kind: str) -> None:
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["data"] = numbers(3, 2)
    model = sequential("m", [layer("InputLayer", "in", shape=[1, 3]), layer("Dense", "it", use_bias=False)])
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(model)
        group = file.create_group("model_weights/it")
        group.attrs["weight_names"] = [b"it/kernel:0"]
        place = group.create_group("it")
        if kind == "soft":
            file["elsewhere"] = numbers(3, 2)
            place["kernel:0"] = h5py.SoftLink("/elsewhere")
        elif kind == "external":
            place["kernel:0"] = h5py.ExternalLink(str(other), "data")
        elif kind == "external storage":
            place.create_dataset("kernel:0", (3, 2), np.float32, external=[(str(other), 0, 24)])
        elif kind == "virtual":
            layout = h5py.VirtualLayout((3, 2), np.float32)
            layout[:] = h5py.VirtualSource(str(other), "data", (3, 2))
            place.create_virtual_dataset("kernel:0", layout)
        elif kind == "integers":
            place["kernel:0"] = np.ones((3, 2), np.int32)
        elif kind == "shape":
            place["kernel:0"] = numbers(4, 2)
    with pytest.raises(Error) as caught:
        keras_reader.read(path)
    assert caught.value.code in (Errc.BadModel, Errc.Unsupported, Errc.BadShape)


def test_weights_without_architecture_are_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        file["conv/kernel"] = numbers(3, 3)
    with pytest.raises(Error, match="architecture"):
        keras_reader.read(path)


@pytest.mark.parametrize(("name", "expected"), [("Add", 3.5), ("Multiply", 1.5)])
def test_functions_of_a_tensor_and_a_number(tmp_path: Path, name: str, expected: float) -> None:
    function = layer(name, "f", ["in"])
    function |= {"module": "keras.src.ops.numpy", "registered_name": name}
    function["inbound_nodes"][0]["args"].append(3)
    model = functional("m", [layer("InputLayer", "in", shape=[1, 2]), function], ["in"], ["f"])
    found = answer(write_keras(tmp_path / "m.keras", model, {}), np.full((1, 2), 0.5, np.float32))[0]
    assert np.array_equal(found, np.full((1, 2), expected))


def test_arguments_that_would_be_lost_are_refused(tmp_path: Path) -> None:
    for key, value in (("args", 3.0), ("args", "text"), ("kwargs", None)):
        relu = layer("ReLU", "r", ["in"])
        if key == "args":
            relu["inbound_nodes"][0]["args"].append(value)
        else:
            relu["inbound_nodes"][0]["kwargs"] = {"scale": 2.0}
        model = functional("m", [layer("InputLayer", "in", shape=[1, 2]), relu], ["in"], ["r"])
        with pytest.raises(Error, match="takes a"):
            keras_reader.read(write_keras(tmp_path / "m.keras", model, {}))
    function = layer("Subtract", "f", ["in"])
    function["module"] = "keras.src.ops.numpy"
    model = functional("m", [layer("InputLayer", "in", shape=[1, 2]), function], ["in"], ["f"])
    with pytest.raises(Error, match="unknown function"):
        keras_reader.read(write_keras(tmp_path / "m.keras", model, {}))


@pytest.mark.parametrize("adapted", [True, False])
def test_normalization_by_config_or_by_weights(tmp_path: Path, adapted: bool) -> None:
    mean, variance = [0.5, 1.0, -1.0], [4.0, 1.0, 0.25]
    entry = layer(
        "Normalization", "it", axis=[-1], mean=None if adapted else mean, variance=None if adapted else variance
    )
    weights = {"mean": np.array(mean, np.float32), "variance": np.array(variance, np.float32)} if adapted else {}
    x = numbers(2, 4, 4, 3, seed=3)
    found = answer(one_layer(tmp_path, entry, [None, 4, 4, 3], weights), x)[0]
    assert np.abs(found - (x.astype(np.float64) - mean) / np.sqrt(variance)).max() < EXACT


def test_nothing_is_folded_yet(tmp_path: Path) -> None:
    model, weights = residual_network()
    graph = keras_reader.read(write_keras(tmp_path / "m.keras", model, weights))
    assert ops(graph).count("BatchNormalization") == 1


@pytest.mark.usefixtures("probed")
def test_a_crash_of_the_library_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    keras_probe.check(b"no HDF5, which Python can catch", "file")
    monkeypatch.setattr(keras_probe, "_READ_ALL", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    with pytest.raises(Error, match="crashes"):
        keras_probe.check(b"", "file")


@pytest.mark.usefixtures("probed")
@pytest.mark.parametrize("seed", range(20))
def test_no_damage_to_config_or_weights_ends_in_anything_but_a_refusal(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    model, weights = residual_network()
    path = write_keras(tmp_path / "m.keras", model, weights)
    with zipfile.ZipFile(path) as archive:
        members = {entry: archive.read(entry) for entry in archive.namelist()}
    config = json.loads(members["config.json"])
    places: list[tuple[Any, Any]] = []

    def visit(here: Any) -> None:
        for key in here if isinstance(here, dict) else range(len(here)):
            places.append((here, key))
            if isinstance(here[key], (dict, list)):
                visit(here[key])

    visit(config)
    container, key = places[random.integers(len(places))]
    container[key] = [None, 0, -1, 3, 1e30, "x", [], {}, [1, 2], True, [None], "same", [[1]], 2**70][
        random.integers(14)
    ]
    data = bytearray(members["model.weights.h5"])
    data[random.integers(len(data))] ^= 1 << int(random.integers(8)) if seed % 2 else 0
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", members["metadata.json"])
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", bytes(data))
    try:
        graph = keras_reader.read(path)
    except Error as error:
        assert error.message
    else:
        assert graph.outputs
