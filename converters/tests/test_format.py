"""The `.slip` file: what is written is read, the same graph gives the same bytes, and both readers refuse the same."""

from __future__ import annotations

import hashlib
import os
import random
import struct
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from golden_v1 import PACKED, PATH, graph, packed

from coverslip import schema, schema_export
from coverslip.errors import Errc, Error
from coverslip.golden import golden_input
from coverslip.ir import DTYPES, FREE, Array, GoldenCase, Graph, Node, Value
from coverslip.reader import check_weights, from_bytes, model_id, read
from coverslip.writer import to_bytes, write

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = PATH.read_bytes()


def fingerprint(data: bytes, seed: int = 0xCBF29CE484222325) -> int:
    """FNV-1a."""
    for byte in data:
        seed = ((seed ^ byte) * 0x100000001B3) % 2**64
    return seed


def refusal(data: bytes) -> str:
    """As the tests of the C++ reader say it."""
    try:
        from_bytes(data)
    except Error as error:
        return f"{error.code.value} {error.where}"
    return "accepted"


def section_records(data: bytes) -> list[tuple[int, int, int]]:
    """Kind, offset and size of the sections of a whole file."""
    count = struct.unpack_from("<I", data, 24)[0]
    records = (struct.unpack_from("<IHHQQ", data, 64 + 64 * i) for i in range(count))
    return [(kind, offset, size) for kind, _, _, offset, size in records]


def place(section: schema.Section, data: bytes) -> tuple[int, int]:
    """Offset of the section, and how many records it has."""
    sections = section_records(data)
    if section.name == "HEAD":
        return 0, 1
    if section.name == "SECT":
        return schema.HEADER, len(sections)
    places = [(offset, size // section.record_size) for kind, offset, size in sections if kind == section.kind]
    return places[0] if places else (0, 0)


def seal(data: bytearray, table: list[tuple[int, int, int]]) -> bytes:
    """The file with its hashes made to fit; `table` is how its sections lie."""
    end = schema.HEADER + 64 * len(table)
    for i, (_, offset, size) in enumerate(table):
        data[64 * i + 96 : 64 * i + 128] = hashlib.sha256(data[offset : offset + size]).digest()
    data[32:64] = hashlib.sha256(data[:32] + data[64:end]).digest()
    return bytes(data)


def hostile(old: int, file_size: int, width: int) -> list[int]:
    """The numbers of tests/io/mutation_test.cpp."""
    numbers = [old + 1, old - 1, file_size, file_size - 1, file_size + 1, file_size - 64]
    numbers += [0x3F800000, 0x7F800000, 0x7FC00000, 0xFF800000, 3, 12, 48]
    for bit in (0, 1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 24, 31, 32, 40, 48, 63):
        numbers += [2**bit - 1, 2**bit]
    numbers += [-1, -16, -64]
    wrapped = [number % 2 ** (8 * width) for number in numbers]
    return [number for number in wrapped if number != old]


def verdict(whole: bytes, section: schema.Section, field: schema.Field) -> str:
    """What the reader says to hostile numbers in the first records, as a number."""
    table = section_records(whole)
    begin, records = place(section, whole)
    hash = fingerprint(b"")
    for i in range(min(records, 3)):
        at = begin + i * section.record_size + section.offset(field.name)
        old = int.from_bytes(whole[at : at + field.width], "little")
        for number in hostile(old, len(whole), field.width):
            data = bytearray(whole)
            data[at : at + field.width] = number.to_bytes(field.width, "little")
            hash = fingerprint(refusal(seal(data, table)).encode() + b"\n", hash)
    return f"{section.name}.{field.name} {hash.to_bytes(8, 'little').hex()}"


def small(**parts: object) -> Graph:
    x, y = Value("x", "f32", (FREE, 2)), Value("y", "f32", (FREE, 2))
    return Graph(**{"inputs": [x], "outputs": [y], "nodes": [Node("Relu", "r", ["x"], ["y"])], **parts})  # type: ignore[arg-type]


def test_the_made_files_are_fresh() -> None:
    for path, text in schema_export.products(ROOT).items():
        assert path.read_text(encoding="utf-8") == text, f"run python -m coverslip.schema_export: {path} is stale"


def test_the_golden_file_is_what_the_writer_writes() -> None:
    assert to_bytes(graph()) == GOLDEN
    assert to_bytes(read(PATH)) == GOLDEN
    check_weights(GOLDEN)
    assert model_id(GOLDEN) == GOLDEN[32:64].hex()


def test_the_golden_file_gives_its_graph() -> None:
    made, wanted = read(PATH), graph()
    for name in ("inputs", "outputs", "nodes", "values", "labels", "preprocess", "meta", "golden"):
        assert getattr(made, name) == getattr(wanted, name), name
    assert set(made.constants) == set(wanted.constants)
    for name, array in wanted.constants.items():
        assert made.constants[name].dtype == array.dtype
        assert made.constants[name].shape == array.shape
        assert made.constants[name].tobytes() == array.tobytes()


def test_the_bytes_depend_on_the_graph_alone() -> None:
    first, second = graph(), graph()
    second.constants = dict(reversed(second.constants.items()))
    second.meta = dict(reversed(second.meta.items()))
    second.values = dict(reversed(second.values.items()))
    for node in second.nodes:
        node.attributes = dict(reversed(node.attributes.items()))
    second.constants["w"] = np.asfortranarray(second.constants["w"])
    second.constants["used by nothing"] = np.zeros(5, np.float32)
    assert to_bytes(first) == to_bytes(second)


def test_every_type_of_constant_comes_back() -> None:
    arrays: dict[str, Array] = {
        "f32": np.array([[np.nan, -0.0], [np.inf, 1e-42]], np.float32),
        "f16": np.array([65504, -np.inf], np.float16),
        "bf16": np.array([3e38, -1], ml_dtypes.bfloat16),
        "i8": np.array([-128, 127], np.int8),
        "u8": np.array([[[255]]], np.uint8),
        "i32": np.array(-(2**31), np.int32),
        "i64": np.array([2**63 - 1, -(2**63)], np.int64),
        "bool": np.array([True, False]),
        "empty": np.zeros((0, 7), np.float32),
        "also empty": np.zeros(0, np.int64),
    }
    nodes = [Node("Relu", "r", ["x"], ["y"])] + [Node("Identity", n, [n], [f"{n}'"]) for n in arrays]
    made = from_bytes(to_bytes(small(constants=dict(arrays), nodes=nodes)))
    for name, array in arrays.items():
        assert made.constants[name].dtype == array.dtype
        assert made.constants[name].shape == array.shape
        assert made.constants[name].tobytes() == array.tobytes()


def test_attributes_keep_their_kind() -> None:
    attributes = {
        "a": 1, "b": -(2**63), "c": 0.5, "d": "text, Zürich", "e": [1, 2], "f": [], "g": [0.5, 2.0], "h": True, "i": "",
        "j": np.float32(0.25), "k": [np.int64(3)],
    }  # fmt: skip
    node = Node("Relu", "r", ["x"], ["y"], dict(attributes))
    made = from_bytes(to_bytes(small(nodes=[node]))).nodes[0].attributes
    assert made == attributes
    assert [type(made[k]) for k in "abcdefghijk"] == [int, int, float, str, list, list, list, int, str, float, list]


def test_absent_inputs_stay_absent_and_those_at_the_end_are_dropped() -> None:
    node = Node("Resize", "r", ["x", "", "x", "", ""], ["y"])
    assert from_bytes(to_bytes(small(nodes=[node]))).nodes[0].inputs == ["x", "", "x"]


@pytest.mark.parametrize(
    ("parts", "code", "place"),
    [
        ({"nodes": [Node("Relu", "r", ["z"], ["y"])]}, Errc.BadModel, "Relu 'r'"),
        ({"nodes": [Node("Relu", "r", ["x"], ["x"])]}, Errc.BadModel, "value 'x'"),
        ({"nodes": [Node("Relu", "r", ["x"], [""])]}, Errc.BadModel, "value ''"),
        ({"nodes": []}, Errc.BadModel, "output 'y'"),
        ({"inputs": [Value("x", "f64", (2,))]}, Errc.Unsupported, "value 'x'"),
        ({"inputs": [Value("x", "f32", (1,) * 9)]}, Errc.Unsupported, "value 'x'"),
        ({"inputs": [Value("x", "f32", (2**31,))]}, Errc.BadModel, "value 'x'"),
        ({"labels": ["a\nb"]}, Errc.BadModel, "label 0"),
        ({"labels": ["a" * 1025]}, Errc.BadModel, "label 0"),
        ({"labels": ["\ud800"]}, Errc.BadModel, "label 0"),
        ({"meta": {"title": "a\x00b"}}, Errc.BadModel, "meta 'title'"),
        ({"nodes": [Node("Relu", "r", ["x"], ["y"], {"a": 2**63})]}, Errc.Unsupported, "Relu 'r', attribute 'a'"),
        (
            {"nodes": [Node("Relu", "r", ["x"], ["y"], {"a": float("nan")})]},
            Errc.Unsupported,
            "Relu 'r', attribute 'a'",
        ),
        ({"nodes": [Node("Relu", "r", ["x"], ["y"], {"a": 1e39})]}, Errc.Unsupported, "Relu 'r', attribute 'a'"),
        ({"golden": GoldenCase(1, 0, 1, [], [(0, 0, 0.0)], 0)}, Errc.BadModel, "golden"),
    ],
)
def test_a_graph_that_cannot_be_written_is_refused(parts: dict[str, object], code: Errc, place: str) -> None:
    with pytest.raises(Error) as refused:
        to_bytes(small(**parts))
    assert (refused.value.code, refused.value.where) == (code, place)


def test_a_refused_graph_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.slip"
    write(small(), path)
    before = path.read_bytes()
    with pytest.raises(Error):
        write(small(nodes=[]), path)
    with pytest.raises(Error):  # only reading it back shows that nothing reads the sample
        write(small(golden=GoldenCase(1, 0, 1, [(1, 2)], [(5, 0, 0.0)], 0)), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.slip"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.slip"
    write(small(), path)
    before = path.read_bytes()
    for name in ("fsync", "replace"):

        def fail(*_: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, name, fail)
            with pytest.raises(Error) as refused:
                write(small(labels=["other"]), path)
        assert refused.value.code is Errc.Io
        assert path.read_bytes() == before
        assert os.listdir(tmp_path) == ["a.slip"]
    with pytest.raises(Error) as refused:
        write(small(), tmp_path / "no folder" / "a.slip")
    assert refused.value.code is Errc.Io


def test_a_file_that_cannot_be_read_is_an_io_error(tmp_path: Path) -> None:
    with pytest.raises(Error) as refused:
        read(tmp_path / "none.slip")
    assert refused.value.code is Errc.Io


@pytest.mark.parametrize("path", [PATH, PACKED], ids=["v1", "v1_packed"])
def test_both_readers_say_the_same_to_hostile_numbers(path: Path) -> None:
    written = path.with_suffix(".verdicts").read_text(encoding="utf-8").splitlines()
    whole = path.read_bytes()
    sections = [s for s in (schema.HEAD, schema.SECT, *schema.SECTIONS) if place(s, whole)[1]]
    found = [verdict(whole, s, f) for s in sections for f in s.fields if f.type != "hash"]
    assert found == [line.split(":")[0] for line in written]


def test_packed_constants_are_checked_and_left_out() -> None:
    whole = PACKED.read_bytes()
    assert whole == packed()
    assert to_bytes(from_bytes(whole)) == GOLDEN
    check_weights(whole)
    begin = next(offset for kind, offset, _ in section_records(whole) if kind == schema.BY_NAME["PDAT"].kind)
    changed = bytearray(whole)
    changed[begin] ^= 1
    from_bytes(bytes(changed))
    with pytest.raises(Error, match="the hash of PDAT"):
        check_weights(bytes(changed))


@pytest.mark.parametrize("old, new, where", [(b"one way", b"\xffne way", "PNAM[0]"), (b"the ", b"one ", "PACK[1].end")])
def test_names_of_packings_are_sorted_ascii(old: bytes, new: bytes, where: str) -> None:
    whole = PACKED.read_bytes()
    changed = bytearray(whole.replace(old, new))
    assert refusal(seal(changed, section_records(whole))).endswith(where)


def test_a_cut_file_is_refused() -> None:
    for n in range(len(GOLDEN)):
        assert refusal(GOLDEN[:n]) != "accepted"


def test_a_changed_file_that_is_accepted_is_what_the_writer_makes_of_it() -> None:
    """Where every change that is accepted comes back as it was, a file has no second spelling."""
    table = section_records(GOLDEN)
    end = next(offset for kind, offset, _ in table if kind == schema.DATA)
    draw = random.Random(4)
    accepted = 0
    for at in range(0, end, 4):
        data = bytearray(GOLDEN)
        data[at] ^= 1 << draw.randrange(8)
        changed = seal(data, table)
        if refusal(changed) == "accepted":
            accepted += 1
            assert to_bytes(from_bytes(changed)) == changed, f"byte {at}"
    assert accepted > 75


@pytest.mark.parametrize("dtype", DTYPES)
def test_golden_inputs_are_those_of_the_engine(dtype: str) -> None:
    """The numbers stand in tests/io/golden_test.cpp too."""
    case = GoldenCase(2**64 - 5, -300.5, 400.25, [(5,), (2, 500)], [], 0)
    made = golden_input(case, 1, Value("x", dtype, ()))
    text = (ROOT / "tests" / "io" / "golden_test.cpp").read_text(encoding="utf-8")
    name = "boolean" if dtype == "bool" else dtype
    assert f"{{DType::{name}, 400.25f, 0x{fingerprint(made.tobytes()):016x}u}}" in " ".join(text.split())
