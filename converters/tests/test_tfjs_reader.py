"""TensorFlow.js layers models are read as TensorFlow.js means them; what is hostile is refused by name."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras_files import Json, layer, numbers, sequential
from networks import Array, in_double

from coverslip import Errc, Error, convert, reader
from coverslip.keras import reader as keras_reader

SHARDS = ["group1-shard1of2.bin", "group1-shard2of2.bin"]


def write(folder: Path, model: Json, arrays: dict[str, Array], packed: str = "") -> tuple[Path, dict[str, Array]]:
    """A model in two shards that split an array in the middle, and the arrays as they are after packing."""
    data, specs, read = b"", [], {}
    for name, array in arrays.items():
        spec: Json = {"name": name, "shape": list(array.shape), "dtype": "float32"}
        stored = array.astype("<f4")
        read[name] = array
        if packed == "float16":
            spec["quantization"] = {"dtype": "float16", "original_dtype": "float32"}
            stored = array.astype("<f2")
            read[name] = stored.astype(np.float32)
        elif packed:
            low, steps = float(array.min()), np.iinfo(packed).max
            scale = float(array.max() - array.min()) / steps
            spec["quantization"] = {"dtype": packed, "scale": scale, "min": low, "original_dtype": "float32"}
            stored = np.round((array - low) / scale).astype(np.dtype(packed).newbyteorder("<"))
            read[name] = (stored * scale + low).astype(np.float32)
        specs.append(spec)
        data += stored.tobytes()
    for name, part in zip(SHARDS, (data[: len(data) // 2], data[len(data) // 2 :]), strict=True):
        (folder / name).write_bytes(part)
    topology = {"keras_version": "2.7.0", "backend": "tensorflow", "model_config": model}
    manifest = [{"paths": SHARDS, "weights": specs}]
    whole = {"format": "layers-model", "modelTopology": topology, "weightsManifest": manifest}
    (folder / "model.json").write_text(json.dumps(whole))
    return folder / "model.json", read


def small(folder: Path, packed: str = "") -> tuple[Path, dict[str, Array]]:
    entries = [layer("InputLayer", "in", shape=[1, 6, 3]), layer("Conv1D", "it", strides=1)]
    arrays = {"it/kernel": numbers(2, 3, 4), "it/bias": numbers(4, seed=2)}
    return write(folder, sequential("model", entries), arrays, packed)


def edited(path: Path, change: Any) -> Path:
    root = json.loads(path.read_text())
    change(root)
    path.write_text(json.dumps(root))
    return path


@pytest.mark.parametrize("packed", ["", "float16", "uint8", "uint16"])
def test_weights_of_every_packing_answer_as_their_numbers(tmp_path: Path, packed: str) -> None:
    path, read = small(tmp_path, packed)
    x = numbers(1, 6, 3, seed=3)
    windows = np.stack([x[0, i : i + 2] for i in range(5)]).astype(np.float64)
    expected = np.tensordot(windows, read["it/kernel"].astype(np.float64), axes=2) + read["it/bias"]
    found = in_double(keras_reader.read(path), {"in": x})[0][0]
    assert np.abs(found - expected).max() < 1e-12


def test_a_convolution_over_three_axes_dilated(tmp_path: Path) -> None:
    entry = layer("Conv3D", "it", padding="same", dilation_rate=[2, 2, 2], use_bias=False, activation="relu")
    model = sequential("model", [layer("InputLayer", "in", shape=[1, 5, 6, 7, 2]), entry])
    path, read = write(tmp_path, model, {"it/kernel": numbers(3, 3, 3, 2, 3)})
    x = numbers(1, 5, 6, 7, 2, seed=3).astype(np.float64)
    padded = np.pad(x, [(0, 0), (2, 2), (2, 2), (2, 2), (0, 0)])
    expected = np.zeros((1, 5, 6, 7, 3))
    for d, h, w in np.ndindex(3, 3, 3):
        seen = padded[:, 2 * d : 2 * d + 5, 2 * h : 2 * h + 6, 2 * w : 2 * w + 7]
        expected += seen @ read["it/kernel"][d, h, w].astype(np.float64)
    found = in_double(keras_reader.read(path), {"in": x.astype(np.float32)})[0]
    assert np.abs(found - np.maximum(expected, 0)).max() < 1e-12


def test_the_hash_of_the_source_is_that_of_all_its_files(tmp_path: Path) -> None:
    path, _ = small(tmp_path)
    convert(path, tmp_path / "m.slip", verify=False)
    whole = b"".join((tmp_path / name).read_bytes() for name in ("model.json", *SHARDS))
    assert reader.read(tmp_path / "m.slip").meta["source_hash"] == hashlib.sha256(whole).hexdigest()


@pytest.mark.parametrize(
    ("version", "expected"), [("tfjs-layers 4.22.0", 0.6), ("2.7.0", 0.6), ("3.8.0", 0.5 / 6 + 0.5)]
)
def test_the_version_that_wrote_a_model_says_what_its_layers_mean(
    tmp_path: Path, version: str, expected: float
) -> None:
    entries = [layer("InputLayer", "in", shape=[1, 1]), layer("Activation", "it", activation="hard_sigmoid")]
    path, _ = write(tmp_path, sequential("m", entries), {})
    edited(path, lambda root: root["modelTopology"].update(keras_version=version))
    assert np.allclose(in_double(keras_reader.read(path), {"in": np.full((1, 1), 0.5, np.float32)})[0], expected)


def test_a_topology_that_stands_alone_is_read(tmp_path: Path) -> None:
    path = edited(small(tmp_path)[0], lambda root: root.update(modelTopology=root["modelTopology"]["model_config"]))
    assert keras_reader.read(path).outputs[0].shape == (1, 5, 4)


def test_weights_of_models_within_models_are_found_with_and_without_their_names(tmp_path: Path) -> None:
    inner = sequential("inner", [layer("Dense", "it", use_bias=False)])
    inner["config"]["layers"][0]["config"]["batch_input_shape"] = [1, 3]
    model = sequential("m", [layer("InputLayer", "in", shape=[1, 3]), inner])
    kernel, x = numbers(3, 2), numbers(1, 3, seed=2)
    for name in ("it/kernel", "inner/it/kernel"):
        path, _ = write(tmp_path, model, {name: kernel})
        found = in_double(keras_reader.read(path), {"in": x})[0]
        assert np.abs(found - x.astype(np.float64) @ kernel).max() < 1e-12


HOSTILE: dict[str, Any] = {
    "outside": lambda root: root["weightsManifest"][0].update(paths=["../secret.bin"]),
    "absolute": lambda root: root["weightsManifest"][0].update(paths=["/etc/passwd"]),
    "no text": lambda root: root["weightsManifest"][0].update(paths=[7]),
    "too long": lambda root: root["weightsManifest"][0]["weights"][0].update(shape=[1 << 40]),
    "negative": lambda root: root["weightsManifest"][0]["weights"][0].update(shape=[-1, 3, 4]),
    "no manifest": lambda root: root.pop("weightsManifest"),
    "no topology": lambda root: root.pop("modelTopology"),
    "other types": lambda root: root["weightsManifest"][0].update(paths=7),
    "no numbers": lambda root: root["weightsManifest"][0]["weights"][0].update(quantization={"dtype": "uint8"}),
    "no table": lambda root: root["weightsManifest"][0]["weights"][0].update(quantization=[1]),
    "a list for a name": lambda root: root["weightsManifest"][0]["weights"][0].update(dtype=["float32"]),
    "many axes": lambda root: root["weightsManifest"][0]["weights"][0].update(shape=[1] * 99),
    "no bytes, huge": lambda root: root["weightsManifest"][0]["weights"][0].update(shape=[0, 1 << 60, 1 << 60]),
    "twice": lambda root: root["weightsManifest"][0]["weights"][1].update(name="it/kernel"),
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_files_are_refused_by_name(tmp_path: Path, change: Any) -> None:
    path = edited(small(tmp_path)[0], change)
    with pytest.raises(Error) as refusal:
        keras_reader.read(path)
    assert refusal.value.code is Errc.BadModel and refusal.value.where


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_shards_that_are_links_are_refused(tmp_path: Path, link: Any) -> None:
    path, _ = small(tmp_path)
    (tmp_path / SHARDS[0]).rename(tmp_path / "elsewhere")
    link(tmp_path / "elsewhere", tmp_path / SHARDS[0])
    with pytest.raises(Error, match=r"link|one name"):
        keras_reader.read(path)


def test_a_graph_model_is_refused_with_what_to_do_instead(tmp_path: Path) -> None:
    path = edited(small(tmp_path)[0], lambda root: root.update(format="graph-model"))
    with pytest.raises(Error, match=r"graph model.*ONNX") as refusal:
        keras_reader.read(path)
    assert refusal.value.code is Errc.Unsupported
