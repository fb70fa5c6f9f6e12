"""Keras files are read as Keras means them, without Keras: inner models, both forms of config, sizes, functions."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from keras_files import answer, functional, layer, numbers, one_layer, sequential, unprobed, write_h5, write_keras
from keras_networks import expected_of_residual_network, residual_network
from networks import in_double, in_onnxruntime, ops

from coverslip import Errc, Error
from coverslip.keras import reader as keras_reader

EXACT = 1e-12

in_this_process = pytest.fixture(autouse=True)(unprobed)


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


def test_nothing_is_folded_yet(tmp_path: Path) -> None:
    model, weights = residual_network()
    graph = keras_reader.read(write_keras(tmp_path / "m.keras", model, weights))
    assert ops(graph).count("BatchNormalization") == 1


def test_sizes_that_the_file_fixes_can_be_freed(tmp_path: Path) -> None:
    entry = layer("Conv2D", "it", padding="same", use_bias=False)
    path = one_layer(tmp_path, entry, [None, 8, 8, 2], {"kernel": numbers(3, 3, 2, 4)})
    graph = keras_reader.read(path, {"": (1, -1, -1, -1)})
    assert graph.inputs[0].shape == (1, -1, -1, 2) and graph.outputs[0].shape == (1, -1, -1, 4)
    x = numbers(1, 5, 6, 2, seed=3)
    same = one_layer(tmp_path, entry, [None, 5, 6, 2], {"kernel": numbers(3, 3, 2, 4)})
    assert np.array_equal(in_double(graph, {"in": x})[0], answer(same, x)[0])


@pytest.mark.parametrize("older", [False, True])
def test_uses_of_a_model_are_counted_as_the_form_of_config_counts_them(tmp_path: Path, older: bool) -> None:
    start, grow = (
        layer("InputLayer", "start", shape=[None, 2]),
        layer("Rescaling", "r", ["start"], scale=2.0, offset=1.0),
    )
    inner = functional("inner", [start, grow], ["start"], ["r"])
    sources = [("in", 0), ("inner", 1 if older else 0)]
    inner["inbound_nodes"] = [
        [[name, use, 0, {}]] if older else layer("ReLU", "", [name])["inbound_nodes"][0] for name, use in sources
    ]
    model = functional("model", [layer("InputLayer", "in", shape=[None, 2]), inner], ["in"], [])
    model["config"]["output_layers"] = [["inner", 2, 0], ["inner", 1, 0]]  # its making is use 0
    x = numbers(2, 2)
    twice, once = answer(write_keras(tmp_path / "m.keras", model, {}), x)
    assert np.abs(once - (2 * x.astype(np.float64) + 1)).max() < EXACT
    assert np.abs(twice - (4 * x.astype(np.float64) + 3)).max() < EXACT


def test_weights_of_models_two_deep_lie_in_one_group_of_an_h5_file(tmp_path: Path) -> None:
    deep = sequential("deep", [layer("Dense", "it", use_bias=False)])
    deep["config"]["layers"][0]["config"]["batch_input_shape"] = [None, 3]
    model = sequential("m", [layer("InputLayer", "in", shape=[None, 3]), sequential("inner", [deep])])
    kernel, path, x = numbers(3, 2), tmp_path / "m.h5", numbers(2, 3, seed=2)
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(model)
        group = file.create_group("model_weights/inner")
        group.attrs["weight_names"] = [b"deep/it/kernel"]
        group["deep/it/kernel"] = kernel
    assert np.abs(answer(path, x)[0] - x.astype(np.float64) @ kernel).max() < EXACT
