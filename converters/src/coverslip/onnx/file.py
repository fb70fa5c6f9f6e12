"""Opens an ONNX file that may be hostile: external data only from plain files in the model's own folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped,unused-ignore]

from ..errors import Errc, Error

MAX_BYTES = 1 << 31
"""The size at which protobuf ends; the same for each external file."""


def load(path: Path) -> onnx.ModelProto:
    """The model with all its weights inside."""
    model, size = _parsed(path)
    budget = MAX_BYTES - size
    for tensor in tensors(model):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            budget -= _embed(tensor, path.parent, budget)
    return model


def files(path: Path) -> list[Path]:
    """The model and the files that hold weights of it, each once."""
    external = (t for t in tensors(_parsed(path)[0]) if t.data_location == onnx.TensorProto.EXTERNAL)
    return [path, *dict.fromkeys(_place(tensor, path.parent) for tensor in external)]


def _parsed(path: Path) -> tuple[onnx.ModelProto, int]:
    """The model as it stands in the file, and the file's size."""
    try:
        size = path.stat().st_size
        if size >= MAX_BYTES:
            raise Error(Errc.OverBudget, str(path), f"has {size} bytes; ONNX files end at 2 GiB")
        model = onnx.ModelProto.FromString(path.read_bytes())
    except OSError as error:
        raise Error(Errc.Io, str(path), error.strerror or str(error)) from error
    except DecodeError as error:
        raise Error(Errc.BadModel, str(path), "is not an ONNX file (protobuf does not parse)") from error
    if not model.HasField("graph"):
        raise Error(Errc.BadModel, str(path), "is not an ONNX file (it holds no graph)")
    return model, size


def tensors(message: Message) -> Iterator[onnx.TensorProto]:
    """Every tensor in a part of a model: in attributes, inner graphs, functions, sparse tensors, anywhere."""
    if isinstance(message, onnx.TensorProto):
        yield message
        return
    for _, value in message.ListFields():
        for inner in [value] if isinstance(value, Message) else value if _holds_messages(value) else ():
            yield from tensors(inner)


def _holds_messages(value: Any) -> bool:
    return not isinstance(value, (str, bytes, int, float)) and len(value) > 0 and isinstance(value[0], Message)


def _place(tensor: onnx.TensorProto, folder: Path) -> Path:
    """The file with a tensor's bytes, which lies in the model's folder or below."""
    where = f"tensor '{tensor.name}'"
    location = {entry.key: entry.value for entry in tensor.external_data}.get("location", "")
    parts = Path(location).parts
    if not parts or Path(location).is_absolute() or ".." in parts or "\\" in location or ":" in location:
        raise Error(Errc.BadModel, where, f"external data '{location}' is not in the model's own folder")
    path = folder.joinpath(*parts)
    for inner in [path, *path.parents]:
        if inner == folder:
            break
        if inner.is_symlink():
            raise Error(Errc.BadModel, where, f"external data '{location}' goes through a link, which is not followed")
    return path


def _embed(tensor: onnx.TensorProto, folder: Path, budget: int) -> int:
    """Reads a tensor's bytes from beside the model. Returns how many."""
    path, where = _place(tensor, folder), f"tensor '{tensor.name}'"
    entries = {entry.key: entry.value for entry in tensor.external_data}
    offset, length = _count(entries, "offset", where), _count(entries, "length", where)
    data = _read(path, offset, length, budget, where, entries.get("location", ""))
    tensor.raw_data = data
    tensor.data_location = onnx.TensorProto.DEFAULT
    del tensor.external_data[:]
    return len(data)


def _count(entries: dict[str, str], key: str, where: str) -> int:
    value = entries.get(key, "0")
    if not value.isascii() or not value.isdigit() or len(value) > 18:
        raise Error(Errc.BadModel, where, f"external data has {key} '{value}', expected a number")
    return int(value)


def _read(path: Path, offset: int, length: int, budget: int, where: str, location: str) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise Error(Errc.Io, where, f"external data '{location}': {error.strerror}") from error
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise Error(Errc.BadModel, where, f"external data '{location}' is not a plain file with one name")
        wanted = length or max(status.st_size - offset, 0)
        if offset + wanted > status.st_size:
            found = f"file has {status.st_size} bytes, {offset + wanted} are asked for"
            raise Error(Errc.BadModel, where, f"external data '{location}': {found}")
        if wanted > budget or status.st_size > MAX_BYTES:
            raise Error(Errc.OverBudget, where, f"external data '{location}': all weights together pass 2 GiB")
        file.seek(offset)
        return file.read(wanted)
