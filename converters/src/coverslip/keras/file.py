"""Opens Keras files that may be hostile: sizes are capped, no link is followed, no code in them runs."""

from __future__ import annotations

import io
import json
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import numpy as np

from ..errors import Errc, Error
from ..ir import Array
from . import probe as keras_probe

Json: TypeAlias = dict[str, Any]

MAX_CONFIG = 64 << 20
MAX_WEIGHTS = 1 << 31
MAX_MEMBERS = 1000


@dataclass
class KerasFile:
    """The architecture and the open weights of a model."""

    config: Json
    version: str
    weights: h5py.Group
    zipped: bool  # a `.keras` file; otherwise HDF5 with the architecture in an attribute


def load(path: Path) -> KerasFile:
    """Reads a `.keras` archive, or an `.h5` file that holds the architecture too."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
        return _load_zip(path) if magic == b"PK\x03\x04" else _load_h5(path)
    except OSError as error:
        if error.errno is not None and error.filename is not None:
            raise Error(Errc.Io, str(path), error.strerror or str(error)) from error
        raise Error(Errc.BadModel, str(path), f"is not a whole HDF5 file: {error}") from error


def _load_zip(path: Path) -> KerasFile:
    try:
        with zipfile.ZipFile(path) as archive:
            if len(archive.infolist()) > MAX_MEMBERS:
                raise Error(Errc.OverBudget, str(path), f"holds more than {MAX_MEMBERS} files")
            for member in archive.infolist():
                _check_member(member)
            config = _json(_member(archive, "config.json", MAX_CONFIG), "config.json")
            about = _json(_member(archive, "metadata.json", MAX_CONFIG), "metadata.json")
            weights = _member(archive, "model.weights.h5", MAX_WEIGHTS)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise Error(Errc.BadModel, str(path), f"is not a whole .keras archive: {error}") from error
    keras_probe.check(weights, str(path))
    return KerasFile(config, str(about.get("keras_version", "")), _open(io.BytesIO(weights), str(path)), zipped=True)


def _check_member(member: zipfile.ZipInfo) -> None:
    """Refuses what no tool of Keras writes, and what another tool that unpacks the archive could write anywhere."""
    name, where = member.orig_filename, f"member '{member.orig_filename[:80]}'"
    if name.startswith("/") or set(name) & set("\\:\0") or ".." in name.split("/"):
        raise Error(Errc.BadModel, where, "lies outside of the archive")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise Error(Errc.BadModel, where, "is a link, which is not followed")


def _member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise Error(Errc.BadModel, str(archive.filename), f"holds no {name}: is it a .keras file?") from None
    if info.file_size > limit:
        raise Error(Errc.OverBudget, name, f"has {info.file_size} bytes, at most {limit} are read")
    with archive.open(info) as member:
        data = member.read(info.file_size + 1)
    if len(data) != info.file_size:
        raise Error(Errc.BadModel, name, "is not as long as the archive says")
    return data


def _load_h5(path: Path) -> KerasFile:
    if path.stat().st_size > MAX_WEIGHTS:
        raise Error(Errc.OverBudget, str(path), f"has more than {MAX_WEIGHTS} bytes")
    keras_probe.check(path, str(path))
    file = _open(path, str(path))
    text = file.attrs.get("model_config")
    if text is None:
        advice = "weights alone are no network; save the whole model, or write its architecture with onnx.helper"
        raise Error(Errc.BadModel, str(path), f"holds no architecture (attribute model_config): {advice}")
    config = _json(text if isinstance(text, bytes) else str(text).encode(), "model_config")
    return KerasFile(config, str(file.attrs.get("keras_version", "")), child(file, "model_weights"), zipped=False)


def _open(source: Path | io.BytesIO, where: str) -> h5py.File:
    try:
        return h5py.File(source, "r")
    except OSError as error:
        if isinstance(source, Path) and not source.exists():
            raise
        raise Error(Errc.BadModel, where, f"is neither a .keras archive nor HDF5: {error}") from error


def _json(data: bytes, where: str) -> Json:
    if len(data) > MAX_CONFIG:
        raise Error(Errc.OverBudget, where, f"has {len(data)} bytes, at most {MAX_CONFIG} are read")
    try:
        parsed = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Error(Errc.BadModel, where, f"is not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise Error(Errc.BadModel, where, "is not a JSON object")
    return parsed


def child(group: h5py.Group, path: str) -> h5py.Group:
    """A group below another. Only plain links are followed."""
    found = _walk(group, path)
    if not isinstance(found, h5py.Group):
        raise Error(Errc.BadModel, "weights", f"no group '{path}' in '{group.name}'")
    return found


def children(group: h5py.Group) -> Iterator[tuple[str, h5py.Group]]:
    """The groups right below another."""
    for name in group:
        found = _walk(group, name)
        if isinstance(found, h5py.Group):
            yield name, found


def has(group: h5py.Group, path: str) -> bool:
    """Whether there is something at the path."""
    return _walk(group, path) is not None


def array(group: h5py.Group, path: str) -> Array:
    """A dataset's numbers as float32. Its bytes must be in the file itself."""
    found = _walk(group, path)
    where = f"weights '{group.name}/{path}'"
    if not isinstance(found, h5py.Dataset):
        raise Error(Errc.BadModel, where, "are missing")
    if found.is_virtual or found.external:
        raise Error(Errc.BadModel, where, "lie in another file, which is not opened")
    if found.dtype.kind != "f":
        raise Error(Errc.Unsupported, where, f"are {found.dtype}, expected floats")
    if found.size > MAX_WEIGHTS // 4:
        raise Error(Errc.OverBudget, where, f"are {found.size} numbers")
    numbers: Array = np.asarray(found[()], np.float32)
    return numbers


def _walk(group: h5py.Group, path: str) -> Any:
    here: Any = group
    for part in path.split("/"):
        if not isinstance(here, h5py.Group) or not isinstance(here.get(part, getlink=True), h5py.HardLink):
            return None
        here = here[part]
    return here
