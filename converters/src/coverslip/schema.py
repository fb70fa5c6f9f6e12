"""The layout of a `.slip` file: the one table of fields, for both readers, the writer, docs/FORMAT.md and the tests.

After a change run `python -m coverslip.schema_export`, which makes the C++ header and the tables of docs/FORMAT.md.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property

MAGIC = b"\x89SLP\r\n\x1a\n"
VERSION = 1
ALIGN = 64
HEADER = 64
ROOT = 32
"""Where the root hash begins; the bytes before it are hashed."""
NONE = 0xFFFFFFFF
"""An absent input in EDGE, a free dimension in DIMS."""
MAX_RANK = 8
MAX_DIM = 2**31 - 1
MAX_NAME = 1024
"""Bytes of every string that is not the text of a META record."""
MAX_SAMPLES = 510
UNSTATED = 8
"""The dtype of a value whose type the file does not claim."""
DATA = 64

CODES = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q", "i64": "q", "f32": "f", "f32inf": "f", "hash": "32s"}
"""The field types as `struct` names them. f32 is finite; f32inf may be infinite but not NaN."""

ROLES = ("constant", "input", "made")
ATTRIBUTES = ("", "int", "float", "string", "ints", "floats")
COLORS = ("RGB", "BGR", "GRAY")
RESIZES = ("none", "nearest", "linear")
RESERVED = {32: "DYNR", 33: "QUAN", 34: "CODE"}
"""Kinds that have a meaning in mind and none in this version: refused by name."""


@dataclass(frozen=True)
class Field:
    """One number of a record. Outside least..most it is refused, as unsupported if a later version may allow it."""

    name: str
    type: str
    rule: str
    least: int = 0
    most: int = -1  # -1: the largest of the type
    unsupported: bool = False
    hint: str = ""

    @cached_property
    def width(self) -> int:
        return struct.calcsize("<" + CODES[self.type])

    @cached_property
    def top(self) -> int:
        return 2 ** (8 * self.width) - 1 if self.most < 0 else self.most


@dataclass(frozen=True)
class Section:
    """A run of records of one size; without fields, a run of bytes."""

    name: str
    kind: int
    what: str
    fields: tuple[Field, ...]
    most: int = 2**31 - 1  # records
    critical: bool = True  # else a reader that does not know it skips it
    hashed: bool = True  # while reading; else when somebody asks

    @cached_property
    def record_size(self) -> int:
        return sum(f.width for f in self.fields) or 1

    @cached_property
    def checked(self) -> list[Field]:
        """The fields that their type and range alone may refuse."""
        unsigned = ("u8", "u16", "u32", "u64")
        return [f for f in self.fields if f.type[0] == "f" or (f.type in unsigned and (f.least > 0 or f.most >= 0))]

    @cached_property
    def layout(self) -> struct.Struct:
        return struct.Struct("<" + "".join(CODES[f.type] for f in self.fields))

    def offset(self, name: str) -> int:
        at = 0
        for field in self.fields:
            if field.name == name:
                return at
            at += field.width
        raise KeyError(name)


def exactly(name: str, type: str, value: int, rule: str, unsupported: bool = False, hint: str = "") -> Field:
    return Field(name, type, rule, value, value, unsupported, hint)


NEWER = "a newer coverslip may read it"

HEAD = Section(
    "HEAD",
    0,
    "the header, at byte 0",
    (
        exactly(
            "magic",
            "u64",
            int.from_bytes(MAGIC, "little"),
            "the bytes `89 53 4C 50 0D 0A 1A 0A`",
            hint="this is no .slip file, or it was copied as text",
        ),
        exactly("version", "u32", VERSION, "1", True, NEWER),
        exactly("header_size", "u32", HEADER, "64"),
        Field("file_size", "u64", "the number of bytes in the file", HEADER),
        Field("sections", "u32", "how many section records follow the header", 1, 32),
        exactly("features", "u32", 0, "bits of features that a reader must know; this version knows none", True, NEWER),
        Field("root", "hash", "SHA-256 of bytes 0 to 31 and all section records; in hexadecimal it is the model's id"),
    ),
)

SECT = Section(
    "SECT",
    0,
    "one of the section records, from byte 64",
    (
        Field("kind", "u32", "greater than the one before", 1, DATA),
        Field("record_size", "u16", "as the table of the section says; 1 or more in a section that is skipped", 1),
        Field("flags", "u16", "bit 0: critical, as are all sections but PACK, PNAM and PDAT", 0, 1),
        Field(
            "offset", "u64", "the end of the section before (of the section records, for the first), rounded up to 64"
        ),
        Field("size", "u64", "without padding: a multiple of record_size, not 0, within the file", 1),
        Field("expanded", "u64", "= size: nothing is compressed", 1),
        Field("sha256", "hash", "SHA-256 of the section's bytes, without padding"),
    ),
)

SECTIONS = (
    Section(
        "STRI",
        1,
        "strings: where each ends",
        (
            Field("end", "u32", "not less than the one before; the last is the size of STRS"),
            Field("first", "u32", "the number of the first reference to the string"),
        ),
    ),
    Section("STRS", 2, "strings: their UTF-8 bytes", ()),
    Section(
        "DIMS",
        3,
        "dimensions of values and of the golden inputs",
        (Field("dim", "u32", "at most 2147483647, or 4294967295: free"),),
    ),
    Section("INTS", 4, "integers of attributes", (Field("value", "i64", "any"),)),
    Section("FLTS", 5, "floating-point numbers of attributes", (Field("value", "f32inf", "not NaN"),)),
    Section(
        "VALS",
        6,
        "values: constants, then inputs, then what the nodes make, in the nodes' order",
        (
            Field("name", "u32", "a string that no value before has, not empty"),
            Field("role", "u8", "0 constant, 1 graph input, 2 made by a node; not less than the one before", 0, 2),
            Field(
                "dtype",
                "u8",
                "0 f32, 1 f16, 2 bf16, 3 i8, 4 u8, 5 i32, 6 i64, 7 bool; 8 not stated: only of role 2 and rank 0",
                0,
                UNSTATED,
                True,
                NEWER,
            ),
            Field("rank", "u8", "dimensions taken from DIMS", 0, MAX_RANK),
            exactly("zero", "u8", 0, "0"),
        ),
    ),
    Section(
        "TENS",
        7,
        "payloads of the constants, one for each, in their order",
        (
            Field(
                "offset",
                "u64",
                "from the begin of DATA: the end of the payload before, rounded up to 64; the first is 0",
            ),
            Field("size", "u64", "elements x bytes of the dtype"),
            exactly(
                "encoding",
                "u32",
                0,
                "0: raw",
                True,
                "1 is a bit mask, 2 blocks, 3 gaps, 4 entropy-coded: sparse weights that this version does not read",
            ),
            exactly("quant", "u32", 0, "0: not quantized", True, "this version reads no quantized constants"),
        ),
    ),
    Section(
        "EDGE",
        8,
        "inputs of the nodes",
        (Field("value", "u32", "a constant, an input or a value made by a node before; or 4294967295: absent"),),
    ),
    Section(
        "ATTR",
        9,
        "attributes of the nodes",
        (
            Field("key", "u32", "a string; greater than the key before in the same node, so sorted and once"),
            Field("type", "u32", "1 int, 2 float, 3 string, 4 ints, 5 floats", 1, 5, True, NEWER),
            Field("value", "u32", "int, float: 1; ints, floats: how many; string: which string"),
        ),
    ),
    Section(
        "NODE",
        10,
        "nodes in an order in which they can run",
        (
            Field("op", "u32", "a string, not empty: the operator's ONNX name"),
            Field("name", "u32", "a string"),
            exactly("version", "u32", 1, "1: the operator's meaning", True, NEWER),
            Field("inputs", "u32", "records taken from EDGE; the last of them is not absent"),
            Field("outputs", "u32", "values made: the next of VALS", 1),
            Field("attributes", "u32", "records taken from ATTR"),
        ),
    ),
    Section("OUTP", 11, "outputs of the graph", (Field("value", "u32", "a value; each once"),), most=1024),
    Section("LABL", 12, "class names of the first output", (Field("text", "u32", "a string"),)),
    Section(
        "PREP",
        13,
        "how a picture becomes the first input",
        (
            Field("layout", "u8", "0 N,C,H,W; 1 N,H,W,C", 0, 1),
            Field("color", "u8", "0 RGB, 1 BGR, 2 grey", 0, 2),
            Field("resize", "u8", "0 none, 1 nearest, 2 linear", 0, 2),
            Field("means", "u8", "0, or the number of channels: 3, grey 1", 0, 3),
            Field("stds", "u8", "0, or the number of channels", 0, 3),
            exactly("zero0", "u8", 0, "0"),
            exactly("zero1", "u8", 0, "0"),
            exactly("zero2", "u8", 0, "0"),
            Field("width", "u32", "0 (the picture's own), or that of the input where it is not free", 0, 65535),
            Field("height", "u32", "as width", 0, 65535),
            Field("scale", "f32", "not 0"),
            *(Field(f"mean{c}", "f32", f"of channel {c}; beyond means all bits 0") for c in range(3)),
            *(Field(f"std{c}", "f32", "greater than 0; beyond stds all bits 0") for c in range(3)),
        ),
        most=1,
    ),
    Section(
        "META",
        14,
        "what people want to know",
        (
            Field("key", "u32", "a string, not empty; greater than the key before, so sorted and once"),
            Field("text", "u32", "a string of any length, which may hold newlines"),
        ),
    ),
    Section(
        "GOLD",
        15,
        "the golden case: its seeded inputs",
        (
            Field("seed", "u64", "any"),
            Field("low", "f32", "less than high"),
            Field("high", "f32", "greater than low"),
            Field("tolerance", "f32", "0 or more"),
        ),
        most=1,
    ),
    Section(
        "SMPL",
        16,
        "the golden case: samples of the outputs",
        (
            Field("output", "u32", "an index into OUTP"),
            Field("value", "f32", "the right answer"),
            Field(
                "index",
                "u64",
                "row-major, within the output where its shape is known; (output, index) greater than before",
                most=2**63 - 1,
            ),
        ),
        most=MAX_SAMPLES,
    ),
    Section(
        "PACK",
        50,
        "packed constants",
        (
            Field("constant", "u32", "a constant; not less than the one before"),
            Field("end", "u32", "where its packing's name ends in PNAM; more than before, at most 1024 more"),
            Field("version", "u32", "of the packing; an engine with another one does not use it", 1),
            Field("dtype", "u32", "as of VALS, but bool", 0, 6, True, NEWER),
            Field(
                "offset",
                "u64",
                "from the begin of PDAT: the end of the payload before, rounded up to 64; the first is 0",
            ),
            Field("size", "u64", "a multiple of the dtype's bytes, not 0; the payload lies within PDAT", 1),
        ),
        critical=False,
    ),
    Section("PNAM", 51, "packed constants: the names of their packings", (), critical=False),
    Section("PDAT", 52, "packed constants: their payloads", (), most=2**63 - 1, critical=False, hashed=False),
    Section("DATA", DATA, "payloads of the constants", (), most=2**63 - 1, hashed=False),
)
BY_KIND = {section.kind: section for section in SECTIONS}
BY_NAME = {section.name: section for section in (HEAD, SECT, *SECTIONS)}
