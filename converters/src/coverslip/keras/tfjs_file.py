"""Opens TensorFlow.js layers models that may be hostile: `model.json`, and shards from its own folder alone."""

from __future__ import annotations

import json
import math
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import Errc, Error
from ..ir import Array
from .file import MAX_CONFIG, MAX_WEIGHTS, Json

_SIZES = {"float32": 4, "int32": 4, "uint16": 2, "float16": 2, "uint8": 1, "bool": 1}


@dataclass
class TfjsWeights:
    """The weights of a model and of those within it, by the names that Keras gave them: LAYER/KIND."""

    arrays_by_path: dict[str, Array]
    models: tuple[str, ...] = field(default=())  # around the layers

    def inner(self, name: str, layers: list[Json], sequential: bool) -> TfjsWeights:
        """The weights of a model within this one: the same list, in which some versions name the model too."""
        return TfjsWeights(self.arrays_by_path, (*self.models, name))

    def arrays(self, name: str, kinds: list[str]) -> list[Array]:
        """A layer's arrays, by what Keras calls them: kernel, bias, gamma, ..."""
        stems = ["/".join([*self.models[i:], name]) for i in range(len(self.models) + 1)]
        found = []
        for kind in kinds:
            other = "kernel" if kind == "depthwise_kernel" else kind
            paths = [f"{stem}/{end}" for stem in stems for end in (kind, other)]
            array = next((self.arrays_by_path[path] for path in paths if path in self.arrays_by_path), None)
            if array is None:
                raise Error(Errc.BadModel, f"layer '{name}'", f"has no weights {kind} in the file")
            found.append(array)
        return found


@dataclass
class TfjsFile:
    """The architecture and the weights of a model."""

    config: Json
    version: str
    weights: TfjsWeights


def load(path: Path) -> TfjsFile:
    """Reads a layers model; a graph model has no layers left and is refused."""
    root = _object(path)
    topology = root.get("modelTopology")
    if root.get("format") == "graph-model" or (isinstance(topology, dict) and "node" in topology):
        advice = "convert the Keras model that it was made of, or export it as ONNX"
        raise Error(
            Errc.Unsupported, str(path), f"is a TensorFlow.js graph model, only layers models are read: {advice}"
        )
    config = topology.get("model_config", topology) if isinstance(topology, dict) else None
    if not isinstance(topology, dict) or not isinstance(config, dict) or "config" not in config:
        raise Error(Errc.BadModel, str(path), "is not a TensorFlow.js layers model (it holds no modelTopology)")
    weights = _weights(_manifest(root, path), path)
    version = str(topology.get("keras_version"))
    # What TensorFlow.js itself has saved names its own version; its layers are those of Keras 2.
    return TfjsFile(config, version if version[:1].isdigit() else "2", TfjsWeights(weights))


def _object(path: Path) -> Json:
    try:
        if path.stat().st_size > MAX_CONFIG:
            raise Error(Errc.OverBudget, str(path), f"has more than {MAX_CONFIG} bytes")
        parsed = json.loads(path.read_bytes())
    except OSError as error:
        raise Error(Errc.Io, str(path), error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:
        raise Error(Errc.BadModel, str(path), f"is not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise Error(Errc.BadModel, str(path), "is not a JSON object")
    return parsed


def files(path: Path) -> list[Path]:
    """The model and its shards, each once, in the order in which they are read."""
    names = dict.fromkeys(name for group in _manifest(_object(path), path) for name in group["paths"])
    return [path, *(_in_folder(path.parent, name) for name in names)]


def _manifest(root: Json, path: Path) -> list[Json]:
    """Groups of weights; each lists its shards and the arrays that lie in them."""
    manifest = root.get("weightsManifest")
    groups: list[Any] = manifest if isinstance(manifest, list) else [None]
    for group in groups:
        lists = [group.get(key) for key in ("paths", "weights")] if isinstance(group, dict) else [None]
        if not all(isinstance(entry, list) for entry in lists):
            raise Error(Errc.BadModel, str(path), "holds no weightsManifest with lists of paths and weights")
    return groups


def _weights(manifest: list[Json], path: Path) -> dict[str, Array]:
    found: dict[str, Array] = {}
    budget = MAX_WEIGHTS
    for group in manifest:
        shards = []
        for name in group["paths"]:
            shards.append(_shard(path.parent, name, budget))
            budget -= len(shards[-1])
        data, at = b"".join(shards), 0
        for spec in group["weights"]:
            name, array, used = _weight(spec, data, at)
            if name in found:
                raise Error(Errc.BadModel, f"weights '{name}'", "are there twice")
            found[name], at = array, at + used
        if at != len(data):
            raise Error(Errc.BadModel, str(path), f"shards have {len(data)} bytes, the manifest tells {at}")
    return found


def _in_folder(folder: Path, name: Any) -> Path:
    if not isinstance(name, str) or not name or name in (".", "..") or set(name) & set("/\\:\0"):
        raise Error(Errc.BadModel, f"shard '{str(name)[:80]}'", "is not a file in the model's own folder")
    return folder / name


def _shard(folder: Path, name: Any, budget: int) -> bytes:
    where, path = f"shard '{str(name)[:80]}'", _in_folder(folder, name)
    if path.is_symlink():
        raise Error(Errc.BadModel, where, "is a link, which is not followed")
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise Error(Errc.Io, where, error.strerror or str(error)) from error
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise Error(Errc.BadModel, where, "is not a plain file with one name")
        if status.st_size > budget:
            raise Error(Errc.OverBudget, where, f"all weights together have more than {MAX_WEIGHTS} bytes")
        return file.read(status.st_size)


def _weight(spec: Any, data: bytes, at: int) -> tuple[str, Array, int]:
    """Name, numbers as float32 and length in bytes of the array that begins at `at`."""
    name, shape = (spec.get("name"), spec.get("shape")) if isinstance(spec, dict) else (None, None)
    if not isinstance(name, str) or not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
        raise Error(Errc.BadModel, "weightsManifest", f"expected name and shape, found {str(spec)[:80]}")
    where, packed = f"weights '{name}'", spec.get("quantization") or {}
    stored = packed.get("dtype") if packed else spec.get("dtype")
    if stored not in _SIZES or (packed and stored not in ("uint8", "uint16", "float16")):
        raise Error(Errc.Unsupported, where, f"are {stored}, expected one of {', '.join(_SIZES)}")
    length = math.prod(shape) * _SIZES[stored]
    if at + length > len(data):
        raise Error(Errc.BadModel, where, "end beyond their shards")
    kind = np.dtype(stored).newbyteorder("<")
    numbers = np.frombuffer(data, kind, math.prod(shape), at).reshape(shape)
    if packed and stored != "float16":
        scale, low = packed.get("scale"), packed.get("min")
        if not all(isinstance(value, (int, float)) and math.isfinite(value) for value in (scale, low)):
            raise Error(Errc.BadModel, where, f"scale {scale} and min {low} are not numbers")
        return name, (numbers * np.float64(scale) + np.float64(low)).astype(np.float32), length
    return name, numbers.astype(np.float32), length
