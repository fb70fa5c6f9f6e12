"""Writes small Keras files for the tests, in all layouts of weights and both forms of config, and asks them."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from networks import Array, in_double

from coverslip.keras import probe as keras_probe
from coverslip.keras import reader as keras_reader

Json = dict[str, Any]
Weights = dict[str, dict[str, Any]]  # layer -> kind -> array, inner models as dictionaries of layers


def layer(
    kind: str, name: str, inputs: list[str] | None = None, shape: list[int | None] | None = None, **config: Any
) -> Json:
    """A layer of a Keras 3 config, called once on the named layers."""
    tensors = [_tensor(source) for source in inputs or []]
    merged: Any = [tensors] if len(tensors) > 1 else tensors
    if shape is not None:
        config["batch_shape"] = shape
    nodes = [{"args": merged, "kwargs": {}}] if inputs else []
    return {"class_name": kind, "config": {"name": name, **config}, "name": name, "inbound_nodes": nodes}


def _tensor(source: str) -> Json:
    return {
        "class_name": "__keras_tensor__",
        "config": {"shape": [], "dtype": "float32", "keras_history": [source, 0, 0]},
    }


def functional(
    name: str, layers: list[Json], inputs: list[str], outputs: list[str], called_on: list[str] | None = None
) -> Json:
    """A model, called once on the named layers where it is within another."""
    made = layer("Functional", name, called_on)
    ends = {"input_layers": [[i, 0, 0] for i in inputs], "output_layers": [[o, 0, 0] for o in outputs]}
    made["config"] |= {"layers": layers, **ends}
    return made


def sequential(name: str, layers: list[Json]) -> Json:
    """A model of layers in a row."""
    return {"class_name": "Sequential", "config": {"name": name, "layers": layers}}


def write_keras(path: Path, model: Json, weights: Weights, version: str = "3.8.0", told: bool = True) -> Path:
    """A `.keras` file. With `told`, groups say the names of their layers, as newer versions do."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        _save(file, model, weights, told)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": version}))
        archive.writestr("config.json", json.dumps(model))
        archive.writestr("model.weights.h5", buffer.getvalue())
    return path


_GROUPS = {
    "Conv2D": "conv2d",
    "DepthwiseConv2D": "depthwise_conv2d",
    "Conv2DTranspose": "conv2d_transpose",
    "BatchNormalization": "batch_normalization",
    "InputLayer": "input_layer",
    "MaxPooling2D": "max_pooling2d",
    "ReLU": "re_lu",
}


def _save(group: h5py.Group, model: Json, weights: Weights, told: bool) -> None:
    count: dict[str, int] = {}
    for entry in model["config"]["layers"]:
        kind, name = entry["class_name"], entry["config"]["name"]
        if model["class_name"] == "Sequential" and kind == "InputLayer":
            continue
        base = _GROUPS.get(kind, kind.lower())
        number = count.get(base, 0)
        count[base] = number + 1
        inner = group.create_group(f"layers/{base}_{number}" if number else f"layers/{base}")
        if told:
            inner.create_group("vars").attrs["name"] = name
        if "layers" in entry["config"]:
            _save(inner, entry, weights.get(name, {}), told)
            continue
        for i, array in enumerate(weights.get(name, {}).values()):
            inner.require_group("vars")[str(i)] = array


def write_h5(path: Path, model: Json, weights: Weights, version: str = "2.9.0") -> Path:
    """An `.h5` file with the architecture; weights of inner models lie flat in the inner model's group."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = version
        file.attrs["model_config"] = json.dumps(model)
        root = file.create_group("model_weights")
        for name, arrays in weights.items():
            group = root.create_group(name)
            flat: dict[str, Any] = {}
            for key, value in arrays.items():
                flat |= (
                    {f"{key}/{kind}:0": a for kind, a in value.items()}
                    if isinstance(value, dict)
                    else {f"{name}/{key}:0": value}
                )
            for key, array in flat.items():
                group[key] = array
            group.attrs["weight_names"] = np.array([key.encode() for key in flat])
    return path


def numbers(*shape: int, seed: int = 1, positive: bool = False) -> Any:
    """Seeded weights."""
    random = np.random.default_rng(seed)
    made = random.uniform(0.5, 1.5, shape) if positive else random.standard_normal(shape)
    return made.astype(np.float32)


def one_layer(tmp_path: Path, entry: Json, shape: list[int | None], weights: dict[str, Any] | None = None) -> Path:
    """A Sequential of one layer, named `it`."""
    model = sequential("model", [layer("InputLayer", "in", shape=shape), entry])
    return write_keras(tmp_path / "one.keras", model, {"it": weights or {}})


def answer(path: Path, x: Array, wanted: dict[str, tuple[int, ...]] | None = None) -> list[Array]:
    """What the network answers to its input `in`, in double precision."""
    return in_double(keras_reader.read(path, wanted), {"in": x})


def unprobed(monkeypatch: pytest.MonkeyPatch) -> None:
    """For fixtures: HDF5 is read at once, not first in a process of its own, which takes long."""
    monkeypatch.setattr(keras_probe, "check", lambda *_: None)
