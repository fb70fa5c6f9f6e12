"""Keras files that are damaged, or made to do harm, are refused by name; nothing in them runs."""

from __future__ import annotations

import json
import pickle
import stat
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from keras_files import functional, layer, numbers, sequential, unprobed, write_h5, write_keras
from keras_networks import residual_network

from coverslip import Errc, Error, convert
from coverslip.keras import probe as keras_probe
from coverslip.keras import reader as keras_reader

in_this_process = pytest.fixture(unprobed)


class Command:
    """Whoever unpickles it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        return (Path.touch, (self.path,))


@pytest.mark.usefixtures("in_this_process")
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


@pytest.mark.usefixtures("in_this_process")
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


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".hdf5", ".json", ".onnx"])
def test_a_pickle_is_no_network_and_is_not_unpickled(tmp_path: Path, suffix: str) -> None:
    path, sign = tmp_path / f"m{suffix}", tmp_path / "sign"
    path.write_bytes(pickle.dumps(Command(sign)))
    with pytest.raises(Error) as caught:
        convert(path, tmp_path / "m.slip")
    assert caught.value.code is Errc.BadModel and not sign.exists()


@pytest.mark.usefixtures("in_this_process")
def test_a_pickle_in_an_archive_stays_where_it_is(tmp_path: Path) -> None:
    sign = tmp_path / "sign"
    graph = keras_reader.read(damaged(tmp_path, "assets/data.pkl", pickle.dumps(Command(sign))))
    assert graph.outputs and not sign.exists()


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/evil", "..\\evil", "C:evil", "link"])
def test_archives_with_members_outside_or_links_are_refused(tmp_path: Path, name: str) -> None:
    path = damaged(tmp_path, "assets/a", b"")
    with zipfile.ZipFile(path, "a") as archive:
        member = zipfile.ZipInfo(name)
        member.external_attr = (stat.S_IFLNK | 0o777) << 16 if name == "link" else 0
        archive.writestr(member, "/etc/passwd")
    with pytest.raises(Error, match=r"lies outside|is a link") as caught:
        keras_reader.read(path)
    assert caught.value.code is Errc.BadModel and name in caught.value.where
    assert not (tmp_path.parent / "evil").exists()


@pytest.mark.usefixtures("in_this_process")
def test_code_that_hides_in_settings_or_modules_is_refused(tmp_path: Path) -> None:
    code = {"class_name": "__lambda__", "config": {"value": "4wEAAAAAAAAA"}}
    system = layer("system", "it")
    system |= {"module": "os", "registered_name": "system"}
    for entry in (layer("Activation", "it", activation=code), layer("Dense", "it", activation=code), system):
        model = sequential("m", [layer("InputLayer", "in", shape=[1, 3]), entry])
        path = write_keras(tmp_path / "m.keras", model, {"it": {"kernel": numbers(3, 2), "bias": numbers(2)}})
        with pytest.raises(Error, match="'it'") as caught:
            keras_reader.read(path)
        assert caught.value.code is Errc.Unsupported


HUGE = {
    "input": layer("ReLU", "it"),
    "padding": layer("ZeroPadding1D", "it", padding=[1 << 40, 0]),
    "growing": layer("UpSampling1D", "it", size=1 << 40),
    "repeated": layer("RepeatVector", "it", n=1 << 40),
    "beyond 64 bits": layer("ZeroPadding1D", "it", padding=1 << 70),
}


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize("what", HUGE)
def test_shapes_that_no_computer_holds_are_refused(tmp_path: Path, what: str) -> None:
    shapes: dict[str, list[int | None]] = {"input": [1, 1 << 40], "repeated": [1, 3]}
    shape = shapes.get(what, [1, 4, 3])
    model = sequential("m", [layer("InputLayer", "in", shape=shape), HUGE[what]])
    with pytest.raises(Error) as caught:
        keras_reader.read(write_keras(tmp_path / "m.keras", model, {}))
    assert caught.value.code is (Errc.BadModel if what == "beyond 64 bits" else Errc.OverBudget)


@pytest.mark.usefixtures("in_this_process")
def test_models_that_use_each_other_without_end_are_refused(tmp_path: Path) -> None:
    model = functional("m0", [layer("InputLayer", "in", shape=[1, 3]), layer("Dropout", "r", ["in"])], ["in"], ["r"])
    for i in range(1, 13):
        inner = model | {"inbound_nodes": layer("ReLU", "r", ["in"])["inbound_nodes"] * 4}
        name = inner["config"]["name"]
        model = functional(f"m{i}", [layer("InputLayer", "in", shape=[1, 3]), inner], ["in"], [name])
    with pytest.raises(Error, match="use 10001"):
        keras_reader.read(write_h5(tmp_path / "m.h5", model, {}))


@pytest.mark.usefixtures("in_this_process")
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


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize(
    "kind", ["soft", "external", "external storage", "virtual", "integers", "missing", "shape", "huge"]
)
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
        elif kind == "huge":
            place.create_dataset("kernel:0", (3, 1 << 40), np.float32, chunks=(3, 1024))
        elif kind == "shape":
            place["kernel:0"] = numbers(4, 2)
    with pytest.raises(Error) as caught:
        keras_reader.read(path)
    assert caught.value.code in (Errc.BadModel, Errc.Unsupported, Errc.BadShape, Errc.OverBudget)


@pytest.mark.usefixtures("in_this_process")
def test_weights_without_architecture_are_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        file["conv/kernel"] = numbers(3, 3)
    with pytest.raises(Error, match="architecture"):
        keras_reader.read(path)


def test_a_crash_of_the_library_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    keras_probe.check(b"no HDF5, which Python can catch", "file")
    monkeypatch.setattr(keras_probe, "_READ_ALL", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    with pytest.raises(Error, match="crashes"):
        keras_probe.check(b"", "file")


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
