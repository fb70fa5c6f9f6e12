"""The outer half of reading a `.slip` file: header, sections, hashes, the range of each field, and strings."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import NoReturn, TypeAlias

from . import schema
from .errors import Errc, Error

Row: TypeAlias = dict[str, int]


@dataclass(frozen=True)
class Limits:
    """More than this is refused, though the file may be whole. Those of the C++ reader."""

    file_bytes: int = 2**32
    string_bytes: int = 2**24
    values: int = 2**18
    tensors: int = 2**16
    nodes: int = 2**16
    elements: int = 2**32


def refuse(
    at: int, place: str, expected: object, found: object, hint: str = "", code: Errc = Errc.BadModel
) -> NoReturn:
    raise Error(code, f"byte {at}, {place}", f"expected {expected}, found {found}" + (f"; {hint}" if hint else ""))


@dataclass
class Table:
    """The records of one section, and how many of them have been taken in order."""

    section: schema.Section
    offset: int = 0
    bytes: memoryview = field(default_factory=lambda: memoryview(b""))
    taken: int = 0

    def __len__(self) -> int:
        return len(self.bytes) // self.section.record_size

    @property
    def left(self) -> int:
        return len(self) - self.taken

    @cached_property
    def rows(self) -> list[Row]:
        names = [f.name for f in self.section.fields]
        return [dict(zip(names, values, strict=True)) for values in self.section.layout.iter_unpack(self.bytes)]

    def __getitem__(self, i: int) -> Row:
        return self.rows[i]

    def take(self) -> Row:
        self.taken += 1
        return self[self.taken - 1]

    def at(self, i: int, name: str) -> int:
        return self.offset + i * self.section.record_size + self.section.offset(name)

    def refuse(
        self, i: int, name: str, expected: object, found: object, hint: str = "", code: Errc = Errc.BadModel
    ) -> NoReturn:
        single = self.section.name == "HEAD"
        place = self.section.name + ("" if single else f"[{i}]") + f".{name}"
        refuse(self.at(i, name), place, expected, found, hint, code)

    def check_ranges(self, i: int) -> Row:
        row = self[i]
        for f in self.section.checked:
            number = row[f.name]
            if f.type in ("f32", "f32inf"):
                if math.isnan(number) or (f.type == "f32" and math.isinf(number)):
                    self.refuse(i, f.name, "a finite number" if f.type == "f32" else "a number", number)
            elif not f.least <= number <= f.top:
                expected = str(f.least) if f.least == f.top else f"{f.least} to {f.top}"
                code = Errc.Unsupported if f.unsupported else Errc.BadModel
                self.refuse(i, f.name, expected, number, f.hint, code)
        return row


class Container:
    """Stages 1 to 3 and 5: header, section records, tiling, hashes, and the range of each field."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self.data, self.limits = memoryview(data), limits
        self.head = Table(schema.BY_NAME["HEAD"], 0, self.data[: schema.HEADER])
        self.tables = {s.name: Table(s) for s in schema.SECTIONS}
        self.records: list[tuple[str, Row]] = []
        self.hashes: list[bytes] = []
        self._header()
        self._sections()
        self._hashes()
        self._limits()

    def _header(self) -> None:
        if len(self.data) < schema.HEADER:
            refuse(
                0,
                "HEAD.magic",
                f"a header of {schema.HEADER} bytes",
                f"a file of {len(self.data)}",
                "the file is cut short",
            )
        row = self.head.check_ranges(0)
        if row["file_size"] != len(self.data):
            self.head.refuse(
                0, "file_size", len(self.data), row["file_size"], "the file is cut short, or longer than it was"
            )
        if len(self.data) > self.limits.file_bytes:
            self._over(self.head, 0, "file_size", self.limits.file_bytes, len(self.data), "file_bytes")
        table = schema.BY_NAME["SECT"].record_size * row["sections"]
        if table > len(self.data) - schema.HEADER:
            self.head.refuse(0, "sections", "section records within the file", row["sections"])
        self.sect = Table(schema.BY_NAME["SECT"], schema.HEADER, self.data[schema.HEADER : schema.HEADER + table])

    def _sections(self) -> None:
        end, last = schema.HEADER + len(self.sect.bytes), 0
        for i in range(len(self.sect)):
            row = self.sect.check_ranges(i)
            name = self._kind(i, row, last)
            last = row["kind"]
            offset = -(-end // schema.ALIGN) * schema.ALIGN
            if row["offset"] != offset:
                self.sect.refuse(i, "offset", offset, row["offset"])
            size = row["size"]
            if offset > len(self.data) or size > len(self.data) - offset or size % row["record_size"]:
                self.sect.refuse(i, "size", f"a multiple of {row['record_size']} within the file", size)
            if name and size // row["record_size"] > schema.BY_NAME[name].most:
                self.sect.refuse(i, "size", f"at most {schema.BY_NAME[name].most} records", size // row["record_size"])
            if row["expanded"] != size:
                self.sect.refuse(i, "expanded", size, row["expanded"])
            self._zeros(end, offset, name or "SECT")
            end = offset + size
            self.records.append((name, row))
            self.hashes.append(bytes(self.data[self.sect.at(i, "sha256") :][:32]))
            if name:
                self.tables[name] = Table(schema.BY_NAME[name], offset, self.data[offset:end])
        if end != len(self.data):
            self.head.refuse(0, "file_size", f"{end}, where the last section ends", len(self.data))

    def _kind(self, i: int, row: Row, last: int) -> str:
        kind = row["kind"]
        if kind <= last:
            self.sect.refuse(i, "kind", f"more than {last}", kind)
        section = schema.BY_KIND.get(kind)
        if kind in schema.RESERVED or (section is None and row["flags"]):
            self.sect.refuse(
                i,
                "kind",
                "a section that this version knows",
                schema.RESERVED.get(kind, kind),
                schema.NEWER,
                Errc.Unsupported,
            )
        if section is None:
            return ""
        if row["record_size"] != section.record_size:
            self.sect.refuse(i, "record_size", section.record_size, row["record_size"])
        if row["flags"] != section.critical:
            self.sect.refuse(i, "flags", int(section.critical), row["flags"])
        return section.name

    def _zeros(self, begin: int, end: int, section: str) -> None:
        for at in range(begin, end):
            if self.data[at]:
                refuse(at, f"{section}.padding", 0, self.data[at])

    def _hashes(self) -> None:
        root = hashlib.sha256(bytes(self.data[: schema.ROOT]) + bytes(self.sect.bytes)).digest()
        if root != bytes(self.data[schema.ROOT : schema.HEADER]):
            self.head.refuse(
                0, "root", "the hash of the header and the section records", "another", "copy the file again"
            )
        for i, (name, row) in enumerate(self.records):
            content = self.data[row["offset"] : row["offset"] + row["size"]]
            later = name and not schema.BY_NAME[name].hashed
            if not later and hashlib.sha256(content).digest() != self.hashes[i]:
                self.sect.refuse(i, "sha256", "the hash of the section", "another", "copy the file again")

    def _limits(self) -> None:
        most = {
            "STRS": ("string_bytes", self.limits.string_bytes),
            "VALS": ("values", self.limits.values),
            "TENS": ("tensors", self.limits.tensors),
            "NODE": ("nodes", self.limits.nodes),
        }
        for i, (name, row) in enumerate(self.records):
            if name in most and len(self.tables[name]) > most[name][1]:
                self._over(self.sect, i, "size", most[name][1], row["size"], most[name][0])

    def _over(self, table: Table, i: int, name: str, most: int, found: int, limit: str) -> NoReturn:
        table.refuse(i, name, f"at most {most}", found, f"raise Limits.{limit} if the file is trusted", Errc.OverBudget)

    def check_all_ranges(self) -> None:
        for name, _ in self.records:
            if name and schema.BY_NAME[name].fields:
                table = self.tables[name]
                for i in range(len(table)):
                    table.check_ranges(i)


class Strings:
    """Stage 4: sorted, whole UTF-8; and the order of the references to them."""

    def __init__(self, container: Container) -> None:
        self.records, self.bytes = container.tables["STRI"], container.tables["STRS"]
        self.texts: list[str] = []
        self.firsts: list[int] = []
        self.references = self.used = 0
        begin, last = 0, b""
        for i in range(len(self.records)):
            row = self.records[i]
            end = row["end"]
            if not begin <= end <= len(self.bytes.bytes):
                self.records.refuse(i, "end", f"{begin} to {len(self.bytes.bytes)}", end)
            raw = bytes(self.bytes.bytes[begin:end])
            self._text(i, begin, raw)
            if i and raw <= last:
                self.records.refuse(i, "end", "strings sorted by their bytes", "one not greater than that before")
            self.firsts.append(row["first"])
            begin, last = end, raw
        if begin != len(self.bytes.bytes):
            refuse(self.bytes.offset, "STRS.size", begin, len(self.bytes.bytes))

    def _text(self, i: int, begin: int, raw: bytes) -> None:
        try:
            text, bad = raw.decode("utf-8"), len(raw)
        except UnicodeDecodeError as error:
            text, bad = raw[: error.start].decode("utf-8"), error.start
        for place, c in enumerate(text):
            if (ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160:
                bad = len(text[:place].encode())
                break
        if bad < len(raw):
            refuse(self.bytes.offset + begin + bad, f"STRS[{i}]", "UTF-8 without control characters", raw[bad])
        self.texts.append(text)

    def refer(self, table: Table, i: int, name: str, free_text: bool = False, empty: bool = True) -> str:
        number = table[i][name]
        if number >= len(self.texts):
            table.refuse(i, name, f"a string less than {len(self.texts)}", number)
        text = self.texts[number]
        length = len(text.encode())
        if not free_text and (length > schema.MAX_NAME or "\n" in text):
            table.refuse(i, name, f"at most {schema.MAX_NAME} bytes on one line", f"a string of {length} bytes")
        if not empty and not text:
            table.refuse(i, name, "a string that is not empty", number)
        if self.firsts[number] > self.references:
            table.refuse(i, name, "a string whose first reference is this one or one before", number)
        self.used += self.firsts[number] == self.references
        self.references += 1
        return text

    def finish(self) -> None:
        if self.used != len(self.texts):
            refuse(self.records.offset, "STRI.first", f"{len(self.texts)} strings in use", self.used)
