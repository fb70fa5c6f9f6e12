"""Finds the weights of each layer in the three layouts that Keras has used."""

from __future__ import annotations

import re
from typing import Any

import h5py

from ..errors import Errc, Error
from ..ir import Array
from . import file as keras_file
from .file import Json

Scope = tuple[h5py.Group, tuple[str, ...]]
"""Where a model's layers are stored, and the names of the models around it."""


class Weights:
    """The weights of one model: its layers' arrays and its inner models."""

    def __init__(self, group: h5py.Group, zipped: bool, layers: list[Json], sequential: bool) -> None:
        self._group, self._zipped = group, zipped
        self._paths = _zip_paths(group, layers, sequential) if zipped else {}

    @staticmethod
    def of(file: keras_file.KerasFile, layers: list[Json], sequential: bool) -> Weights:
        """The weights of the outermost model."""
        return Weights(file.weights, file.zipped, layers, sequential)

    def inner(self, name: str, layers: list[Json], sequential: bool) -> Weights:
        """The weights of a model within this one."""
        if self._zipped:
            return Weights(keras_file.child(self._group, self._paths[name]), True, layers, sequential)
        # In HDF5 all weights of an inner model lie in one group, whatever models are within it.
        group = keras_file.child(self._group, name) if keras_file.has(self._group, name) else self._group
        listed = group if "weight_names" in group.attrs else self._group
        return Weights(listed, False, layers, sequential)

    def arrays(self, name: str, kinds: list[str]) -> list[Array]:
        """A layer's arrays, by what Keras calls them: kernel, bias, gamma, ..."""
        if not kinds:
            return []
        if self._zipped:
            return [keras_file.array(self._group, f"{self._paths[name]}/vars/{i}") for i in range(len(kinds))]
        paths = _h5_paths(self._group, name)
        if "kernel" in paths:
            paths.setdefault("depthwise_kernel", paths["kernel"])
        if len(kinds) == len(paths) == 1:  # a layer need not name its only weight
            paths = dict(zip(kinds, paths.values(), strict=True))
        missing = [kind for kind in kinds if kind not in paths]
        if missing:
            raise Error(Errc.BadModel, f"layer '{name}'", f"has no weights {', '.join(missing)} in the file")
        return [keras_file.array(*paths[kind]) for kind in kinds]


def _zip_paths(group: h5py.Group, layers: list[Json], sequential: bool) -> dict[str, str]:
    """Layer name -> its group. Groups are counted per class; where they tell the layer's name, it must agree."""
    paths: dict[str, str] = {}
    count: dict[str, int] = {}
    root = next(
        (root for root in ("layers", "_layer_checkpoint_dependencies") if keras_file.has(group, root)), "layers"
    )
    for layer in layers:
        if sequential and layer["class_name"] == "InputLayer":
            continue
        base = _snake_case(layer["class_name"])
        number = count.get(base, 0)
        count[base] = number + 1
        paths[layer["config"]["name"]] = f"{root}/{base}_{number}" if number else f"{root}/{base}"
    told = _told_names(group, root)
    if told:
        return {name: told.get(name, path) for name, path in paths.items()}
    return paths


def _told_names(group: h5py.Group, root: str) -> dict[str, str]:
    """Layer name -> group, as the groups themselves say; empty if not all say it, or two say the same."""
    if not keras_file.has(group, root):
        return {}
    told: dict[str, str] = {}
    groups = list(keras_file.children(keras_file.child(group, root)))
    for name, inner in groups:
        said: Any = keras_file.child(inner, "vars").attrs.get("name") if keras_file.has(inner, "vars") else None
        if isinstance(said, bytes):
            said = said.decode("utf-8", "replace")
        if isinstance(said, str):
            told[said] = f"{root}/{name}"
    return told if len(told) == len(groups) else {}


def _snake_case(name: str) -> str:
    """Conv2DTranspose -> conv2d_transpose, as Keras names groups."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def _h5_paths(group: h5py.Group, layer: str) -> dict[str, tuple[h5py.Group, str]]:
    """Kind of weight -> where it is. The attribute weight_names lists paths that end in LAYER/KIND:0."""
    own = keras_file.child(group, layer) if keras_file.has(group, layer) else group
    own = own if "weight_names" in own.attrs else group  # within an inner model, only the model's group lists them
    names = [
        n.decode("utf-8", "replace") if isinstance(n, bytes) else str(n) for n in own.attrs.get("weight_names", [])
    ]
    found: dict[str, tuple[h5py.Group, str]] = {}
    for path in names:
        stem, _, kind = path.rpartition("/")
        if own is not group or stem == layer or stem.endswith(f"/{layer}"):
            found[kind.split(":")[0]] = (own, path)
    return found
