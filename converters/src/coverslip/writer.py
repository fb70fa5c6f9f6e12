"""Writes the portable network as a `.slip` file: the same graph gives the same bytes; a file is whole or not there."""

from __future__ import annotations

import hashlib
import os
import secrets
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from pathlib import Path

import numpy as np

from . import dtypes, reader, schema
from .errors import Errc, Error
from .ir import DTYPES, FREE, Array, Attribute, Graph, Node, Value


@dataclass
class _Strings:
    """Strings as they are referred to; their numbers are known once all are: sorted by their bytes."""

    references: list[bytes] = field(default_factory=list)

    def refer(self, text: str, where: str, limit: int = schema.MAX_NAME) -> bytes:
        encoded = text.encode("utf-8", "surrogatepass")
        bad = [
            c
            for c in text
            if (ord(c) < 32 and not (limit == 0 and c == "\n")) or 127 <= ord(c) < 160 or 0xD800 <= ord(c) < 0xE000
        ]
        if bad or (limit and len(encoded) > limit):
            raise Error(
                Errc.BadModel,
                where,
                f"expected text of at most {limit or 'any number of'} bytes without control "
                f"characters, found {text[:40]!r} ({len(encoded)} bytes)",
            )
        self.references.append(encoded)
        return encoded

    def sections(self) -> tuple[dict[bytes, int], bytes, bytes]:
        first: dict[bytes, int] = {}
        for number, text in enumerate(self.references):
            first.setdefault(text, number)
        ordered = sorted(first)
        record = schema.BY_NAME["STRI"].layout
        ends, at = b"", 0
        for text in ordered:
            at += len(text)
            ends += record.pack(at, first[text])
        return {text: i for i, text in enumerate(ordered)}, ends, b"".join(ordered)


_Row = tuple[int | float | bytes, ...]


@dataclass
class _Sections:
    """Rows of the sections. A string stands as its bytes until all strings are known."""

    graph: Graph
    strings: _Strings = field(default_factory=_Strings)
    rows: dict[str, list[_Row]] = field(default_factory=dict)
    payloads: list[Array] = field(default_factory=list)

    def add(self, section: str, *row: int | float | bytes) -> None:
        self.rows.setdefault(section, []).append(row)

    def add_all(self) -> None:
        ids = self._values()
        for node in self.graph.nodes:
            self._node(node, ids)
        for output in self.graph.outputs:
            self.add("OUTP", ids[output.name])
        for i, label in enumerate(self.graph.labels):
            self.add("LABL", self.strings.refer(label, f"label {i}"))
        self._preprocess()
        for key, text in sorted(self.graph.meta.items(), key=lambda item: item[0].encode()):
            self.add("META", self.strings.refer(key, "meta"), self.strings.refer(text, f"meta '{key}'", 0))
        self._golden()

    def _values(self) -> dict[str, int]:
        graph = self.graph
        ids: dict[str, int] = {}

        def add(value: Value, role: str) -> None:
            where = f"value '{value.name}'"
            if value.name in ids or not value.name:
                raise Error(
                    Errc.BadModel,
                    where,
                    "expected a name that no other value has, found " + ("one made twice" if value.name else "none"),
                )
            stated = value.dtype != "" or role != "made"
            if (stated and value.dtype not in DTYPES) or len(value.shape) > schema.MAX_RANK:
                raise Error(
                    Errc.Unsupported,
                    where,
                    f"expected {', '.join(DTYPES)} and at most {schema.MAX_RANK} "
                    f"dimensions, found {value.dtype} {value.shape}",
                )
            ids[value.name] = len(ids)
            name = self.strings.refer(value.name, where)
            self.add(
                "VALS",
                name,
                schema.ROLES.index(role),
                DTYPES.index(value.dtype) if stated else schema.UNSTATED,
                len(value.shape),
                0,
            )
            for dim in value.shape:
                self._dim(dim, where, free=role != "constant")

        offset = 0
        for name in _used_constants(graph):
            array = graph.constants[name]
            add(Value(name, dtypes.of_array(array, f"constant '{name}'"), array.shape), "constant")
            self.add("TENS", offset, array.nbytes, 0, 0)
            self.payloads.append(array)
            offset = _aligned(offset + array.nbytes)
        for value in graph.inputs:
            add(value, "input")
        outputs = {value.name: value for value in graph.outputs}
        for node in graph.nodes:
            for name in node.outputs:
                made = outputs.get(name) or graph.values.get(name) or Value(name, "", ())
                add(Value(name, made.dtype, made.shape), "made")
        for value in graph.outputs:
            if value.name not in ids:
                raise Error(Errc.BadModel, f"output '{value.name}'", "expected a value of the graph, found none")
        return ids

    def _dim(self, dim: int, where: str, free: bool) -> None:
        if dim == FREE and free:
            dim = schema.NONE
        elif not 0 <= dim <= schema.MAX_DIM:
            raise Error(Errc.BadModel, where, f"expected dimensions from 0 to {schema.MAX_DIM}, found {dim}")
        self.add("DIMS", int(dim))

    def _node(self, node: Node, ids: dict[str, int]) -> None:
        where = f"{node.op} '{node.name}'"
        op, name = self.strings.refer(node.op, where), self.strings.refer(node.name, where)
        inputs = list(node.inputs)
        while inputs and not inputs[-1]:
            inputs.pop()
        for value in inputs:
            if value and value not in ids:
                raise Error(Errc.BadModel, where, f"expected an input that exists, found '{value}'")
            self.add("EDGE", ids[value] if value else schema.NONE)
        for key, attribute in sorted(node.attributes.items(), key=lambda item: item[0].encode()):
            self._attribute(key, attribute, f"{where}, attribute '{key}'")
        self.add("NODE", op, name, 1, len(inputs), len(node.outputs), len(node.attributes))

    def _attribute(self, key: str, attribute: Attribute, where: str) -> None:
        reference = self.strings.refer(key, where)
        if isinstance(attribute, str):
            self.add("ATTR", reference, schema.ATTRIBUTES.index("string"), self.strings.refer(attribute, where))
            return
        numbers = attribute if isinstance(attribute, (list, tuple, np.ndarray)) else [attribute]
        if all(isinstance(n, Integral) for n in numbers):
            kind, pool = "int", "INTS"
            stored: list[int | float] = [int(n) for n in numbers]
            fits = all(-(2**63) <= n < 2**63 for n in stored)
        else:
            kind, pool = "float", "FLTS"
            stored = [_single(n, where) for n in numbers]
            fits = not np.isnan(stored).any()
        if not fits:
            raise Error(Errc.Unsupported, where, f"expected 64-bit integers, or numbers, found {attribute}")
        if numbers is attribute:
            kind += "s"
        for number in stored:
            self.add(pool, number)
        self.add("ATTR", reference, schema.ATTRIBUTES.index(kind), len(stored))

    def _preprocess(self) -> None:
        p = self.graph.preprocess
        if p is None:
            return
        if p.layout not in ("NCHW", "NHWC") or p.color not in schema.COLORS or p.resize not in schema.RESIZES:
            raise Error(
                Errc.BadModel,
                "preprocess",
                f"expected layout NCHW or NHWC, a color of {schema.COLORS} and a resize "
                f"of {schema.RESIZES}, found {p.layout}, {p.color}, {p.resize}",
            )
        for name, numbers in (("mean", p.mean), ("std", p.std)):
            if len(numbers) not in (0, 1 if p.color == "GRAY" else 3):
                raise Error(Errc.BadModel, f"preprocess.{name}", f"expected a value per channel, found {len(numbers)}")
        where = "preprocess"
        mean, std = ([_single(x, where) for x in numbers] + [0.0] * (3 - len(numbers)) for numbers in (p.mean, p.std))
        self.add(
            "PREP",
            int(p.layout == "NHWC"),
            schema.COLORS.index(p.color),
            schema.RESIZES.index(p.resize),
            len(p.mean),
            len(p.std),
            0,
            0,
            0,
            p.width,
            p.height,
            _single(p.scale, where),
            *mean,
            *std,
        )

    def _golden(self) -> None:
        golden = self.graph.golden
        if golden is None:
            return
        if len(golden.shapes) != len(self.graph.inputs) or len(golden.samples) > schema.MAX_SAMPLES:
            raise Error(
                Errc.BadModel,
                "golden",
                f"expected a shape for each input and at most {schema.MAX_SAMPLES} samples, "
                f"found {len(golden.shapes)} shapes and {len(golden.samples)} samples",
            )
        for shape in golden.shapes:
            for dim in shape:
                self._dim(dim, "golden", free=False)
        low, high, tolerance = (_single(x, "golden") for x in (golden.low, golden.high, golden.tolerance))
        self.add("GOLD", golden.seed, low, high, tolerance)
        for output, index, value in sorted(golden.samples):
            self.add("SMPL", output, _single(value, "golden"), index)

    def contents(self) -> Iterator[tuple[schema.Section, list[bytes | memoryview]]]:
        """The sections that are not empty, in their order."""
        numbers, ends, text = self.strings.sections()
        for section in schema.SECTIONS:
            if section.name == "STRI":
                chunks: list[bytes | memoryview] = [ends]
            elif section.name == "STRS":
                chunks = [text]
            elif section.name == "DATA":
                chunks = list(_payload_chunks(self.payloads))
            else:
                record = section.layout
                rows = self.rows.get(section.name, [])
                chunks = [b"".join(_packed(record, section, row, numbers) for row in rows)]
            if any(chunks):
                yield section, chunks


def _packed(record: struct.Struct, section: schema.Section, row: _Row, numbers: dict[bytes, int]) -> bytes:
    try:
        return record.pack(*(numbers[cell] if isinstance(cell, bytes) else cell for cell in row))
    except struct.error as error:
        raise Error(Errc.BadModel, section.name, f"{error}, found {row}") from error


def _aligned(size: int) -> int:
    return -(-size // schema.ALIGN) * schema.ALIGN


def _single(number: object, where: str) -> float:
    """The nearest f32. Infinity stays itself; a finite number must not become one."""
    if not isinstance(number, Real):
        raise Error(Errc.Unsupported, where, f"expected a number, found {number!r}")
    with np.errstate(over="ignore"):
        single = float(np.float32(number))
    if np.isinf(single) and not np.isinf(float(number)):
        raise Error(Errc.Unsupported, where, f"expected a number that f32 can hold, found {number}")
    return single


def _used_constants(graph: Graph) -> list[str]:
    """By first use, so that the payloads lie as they are read. What nothing uses is left out."""
    names = [name for node in graph.nodes for name in node.inputs] + [value.name for value in graph.outputs]
    return [name for name in dict.fromkeys(names) if name in graph.constants]


def _payload_chunks(payloads: Sequence[Array]) -> Iterator[bytes | memoryview]:
    at = 0
    for array in payloads:
        if array.nbytes:
            yield bytes(_aligned(at) - at)
            at = _aligned(at) + array.nbytes
            yield np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def chunks(graph: Graph) -> list[bytes | memoryview]:
    """The file in pieces; large ones are the graph's own memory."""
    sections = _Sections(graph)
    sections.add_all()
    body: list[bytes | memoryview] = []
    table, parts = b"", list(sections.contents())
    at = schema.HEADER + len(parts) * schema.BY_NAME["SECT"].record_size
    for section, pieces in parts:
        size, digest = 0, hashlib.sha256()
        for piece in pieces:
            digest.update(piece)
            size += len(piece)
        body += [bytes(_aligned(at) - at), *pieces]
        table += schema.BY_NAME["SECT"].layout.pack(
            section.kind, section.record_size, 1, _aligned(at), size, size, digest.digest()
        )
        at = _aligned(at) + size
    magic = int.from_bytes(schema.MAGIC, "little")
    head = schema.BY_NAME["HEAD"].layout
    unsigned = head.pack(magic, schema.VERSION, schema.HEADER, at, len(parts), 0, bytes(32))[: schema.ROOT]
    root = hashlib.sha256(unsigned + table).digest()
    return [unsigned + root, table, *body]


def to_bytes(graph: Graph) -> bytes:
    """The whole file. Raises Error where the graph is not complete; `write` also proves that it can be read."""
    return b"".join(chunks(graph))


def write(graph: Graph, path: str | os.PathLike[str]) -> None:
    """Writes beside `path`, reads back, compares, and only then takes the name: a broken write changes nothing."""
    destination = Path(path)
    temporary = destination.with_name(f".{destination.name}.{secrets.token_hex(4)}")
    data = to_bytes(graph)
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if to_bytes(reader.read(temporary)) != data:
            raise Error(Errc.Io, str(destination), "expected to read back what was written, found another graph")
        os.replace(temporary, destination)
        _sync_folder(destination.parent)
    except OSError as error:
        raise Error(Errc.Io, str(destination), f"cannot be written: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
