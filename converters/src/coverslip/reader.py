"""Reads a `.slip` file back into the converter's graph: the second reader, which refuses what the engine's refuses."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from . import dtypes, schema
from .container import Container, Limits, Row, Strings, Table, refuse
from .errors import Errc, Error
from .ir import DTYPES, FREE, Array, Attribute, GoldenCase, Graph, Node, Preprocess, Value


def read(path: str | os.PathLike[str], limits: Limits | None = None) -> Graph:
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise Error(Errc.Io, str(path), f"cannot be read: {error.strerror}") from error
    return from_bytes(data, limits)


def from_bytes(data: bytes, limits: Limits | None = None) -> Graph:
    """The graph, its constants looking into `data`. Raises Error with the byte and the field that is wrong."""
    return _Graph(Container(data, limits or Limits())).read()


def model_id(data: bytes) -> str:
    """The root hash in hexadecimal."""
    return data[schema.ROOT : schema.HEADER].hex()


def check_weights(data: bytes) -> None:
    """Hashes the payloads, packed ones too, which reading does not."""
    container = Container(data, Limits())
    for i, (name, _) in enumerate(container.records):
        if not name or schema.BY_NAME[name].hashed:
            continue
        if hashlib.sha256(container.tables[name].bytes).digest() != container.hashes[i]:
            at = schema.HEADER + i * schema.BY_NAME["SECT"].record_size + schema.BY_NAME["SECT"].offset("sha256")
            refuse(at, f"SECT[{i}].sha256", f"the hash of {name}", "another", "copy the file again")


class _Graph:
    """Stages 6 to 8: what the records mean, in the order in which the file counts them."""

    def __init__(self, container: Container) -> None:
        self.container, self.limits = container, container.limits
        self.tables = container.tables
        self.strings = Strings(container)
        container.check_all_ranges()
        self.values: list[Value] = []
        self.roles: list[int] = []
        self.constants = self.used_constants = self.made = 0
        self.payload_end = 0
        self.graph = Graph()

    def read(self) -> Graph:
        self._values()
        self._nodes()
        self._outputs()
        labels = self.tables["LABL"]
        self.graph.labels = [self.strings.refer(labels, i, "text") for i in range(len(labels))]
        self._preprocess()
        self._meta()
        self._golden()
        self._all_taken("DIMS", "dim", "a dimension of a value")
        self.strings.finish()
        self._packed()
        return self.graph

    def _all_taken(self, name: str, field_name: str, expected: str) -> None:
        table = self.tables[name]
        if table.left:
            table.refuse(table.taken, field_name, expected, "one that nothing uses")

    def _shape(self, table: Table, i: int, place: str, rank: int, free: bool) -> tuple[int, ...]:
        dims = self.tables["DIMS"]
        if rank > dims.left:
            table.refuse(i, place, f"at most {dims.left}, the dimensions left in DIMS", rank)
        shape: list[int] = []
        product = 1
        for _ in range(rank):
            dim = dims.take()["dim"]
            if dim > schema.MAX_DIM and not (free and dim == schema.NONE):
                dims.refuse(dims.taken - 1, "dim", f"at most {schema.MAX_DIM}" + (", or free" if free else ""), dim)
            shape.append(FREE if dim == schema.NONE else dim)
            product *= max(shape[-1], 1)
            if product > self.limits.elements:
                dims.refuse(
                    dims.taken - 1,
                    "dim",
                    f"at most {self.limits.elements} elements",
                    "more",
                    "raise Limits.elements if the file is trusted",
                    Errc.OverBudget,
                )
        return tuple(shape)

    def _values(self) -> None:
        table, last = self.tables["VALS"], 0
        for i in range(len(table)):
            row = table.take()
            name = self.strings.refer(table, i, "name", empty=False)
            if self.strings.firsts[row["name"]] != i:
                table.refuse(i, "name", "a name that no other value has", row["name"])
            if row["role"] < last:
                table.refuse(i, "role", f"at least {last}", row["role"])
            last = row["role"]
            role = schema.ROLES[last]
            stated = row["dtype"] != schema.UNSTATED
            if not stated and (role != "made" or row["rank"]):
                table.refuse(i, "dtype", "a type", row["dtype"])
            shape = self._shape(table, i, "rank", row["rank"], role != "constant")
            value = Value(name, DTYPES[row["dtype"]] if stated else "", shape)
            self.values.append(value)
            self.roles.append(last)
            if role == "constant":
                self.graph.constants[name] = self._payload(i, value)
                self.constants += 1
            elif role == "input":
                self.graph.inputs.append(value)
        self._all_taken("TENS", "offset", "the payload of a constant")
        data = self.tables["DATA"]
        if self.payload_end != len(data.bytes):
            refuse(data.offset, "DATA.size", self.payload_end, len(data.bytes))
        self.made = self.constants + len(self.graph.inputs)

    def _payload(self, i: int, value: Value) -> Array:
        table, data = self.tables["TENS"], self.tables["DATA"]
        if not table.left:
            self.tables["VALS"].refuse(i, "role", f"{len(table)} constants, as TENS has", "one more")
        t, row = table.taken, table.take()
        dtype = dtypes.NUMPY[value.dtype]
        offset = -(-self.payload_end // schema.ALIGN) * schema.ALIGN
        size = math.prod(value.shape) * dtype.itemsize
        if row["offset"] != offset:
            table.refuse(t, "offset", offset, row["offset"])
        if row["size"] != size:
            table.refuse(t, "size", size, row["size"])
        if size and (offset > len(data.bytes) or size > len(data.bytes) - offset):
            table.refuse(t, "size", "a payload within DATA", size)
        if size:
            for at in range(self.payload_end, offset):
                if data.bytes[at]:
                    refuse(data.offset + at, "DATA.padding", 0, data.bytes[at])
            self.payload_end = offset + size
        payload = np.frombuffer(data.bytes[offset : offset + size], np.uint8)
        if value.dtype == "bool" and (wrong := np.flatnonzero(payload > 1)).size:
            refuse(data.offset + offset + int(wrong[0]), "DATA.bool", "0 or 1", payload[wrong[0]])
        return payload.view(dtype).reshape(value.shape)

    def _nodes(self) -> None:
        nodes = self.tables["NODE"]
        for i in range(len(nodes)):
            row = nodes.take()
            op = self.strings.refer(nodes, i, "op", empty=False)
            name = self.strings.refer(nodes, i, "name")
            inputs = self._inputs(i, row["inputs"])
            if row["outputs"] > len(self.values) - self.made:
                nodes.refuse(i, "outputs", f"at most {len(self.values) - self.made}, the values left", row["outputs"])
            made = self.values[self.made : self.made + row["outputs"]]
            self.made += row["outputs"]
            self.graph.values.update((v.name, v) for v in made if v.dtype)
            attributes = dict(self._attributes(i, row["attributes"]))
            self.graph.nodes.append(Node(op, name, inputs, [v.name for v in made], attributes))
        if self.made != len(self.values):
            self.tables["VALS"].refuse(self.made, "role", "a node that makes the value", "none")
        for name, key in (("EDGE", "value"), ("ATTR", "key"), ("INTS", "value"), ("FLTS", "value")):
            self._all_taken(name, key, "a part of a node")

    def _inputs(self, i: int, count: int) -> list[str]:
        edges = self.tables["EDGE"]
        if count > edges.left:
            self.tables["NODE"].refuse(i, "inputs", f"at most {edges.left}, the records left in EDGE", count)
        names: list[str] = []
        for _ in range(count):
            value = edges.take()["value"]
            names.append("" if value == schema.NONE else self._use(edges, edges.taken - 1, value, self.made))
        if names and not names[-1]:
            edges.refuse(edges.taken - 1, "value", "a last input that is not absent", schema.NONE)
        return names

    def _use(self, table: Table, i: int, value: int, made: int) -> str:
        """The name of a value that exists. Constants are numbered by their first use."""
        if value >= made:
            table.refuse(i, "value", f"a value less than {made}, made before", value)
        if value < self.constants:
            if value > self.used_constants:
                table.refuse(i, "value", f"at most {self.used_constants}: constants are numbered by first use", value)
            self.used_constants = max(self.used_constants, value + 1)
        return self.values[value].name

    def _attributes(self, node: int, count: int) -> Iterator[tuple[str, Attribute]]:
        table = self.tables["ATTR"]
        if count > table.left:
            self.tables["NODE"].refuse(node, "attributes", f"at most {table.left}, the records left in ATTR", count)
        last = -1
        for _ in range(count):
            i, row = table.taken, table.take()
            key = self.strings.refer(table, i, "key", empty=False)
            if row["key"] <= last:
                table.refuse(i, "key", f"more than {last}: keys are sorted", row["key"])
            last = row["key"]
            yield key, self._attribute(table, i, schema.ATTRIBUTES[row["type"]], row["value"])

    def _attribute(self, table: Table, i: int, kind: str, value: int) -> Attribute:
        if kind == "string":
            return self.strings.refer(table, i, "value")
        if kind in ("int", "float") and value != 1:
            table.refuse(i, "value", 1, value)
        pool = self.tables["INTS" if kind.startswith("int") else "FLTS"]
        if value > pool.left:
            table.refuse(i, "value", f"at most {pool.left}, the numbers left in {pool.section.name}", value)
        numbers = [pool.take()["value"] for _ in range(value)]
        return numbers if kind.endswith("s") else numbers[0]

    def _outputs(self) -> None:
        table = self.tables["OUTP"]
        if not len(table):
            self.container.head.refuse(0, "sections", "a section OUTP", "none")
        seen: set[int] = set()
        for i in range(len(table)):
            value = table.take()["value"]
            self._use(table, i, value, len(self.values))
            if value in seen:
                table.refuse(i, "value", "each output once", value)
            seen.add(value)
            self.graph.outputs.append(self.values[value])
            self.graph.values.pop(self.values[value].name, None)
        if self.used_constants != self.constants:
            self.tables["VALS"].refuse(self.used_constants, "role", "a use of the constant", "none")

    def _preprocess(self) -> None:
        table = self.tables["PREP"]
        if not len(table):
            return
        row = table[0]
        channels = 1 if schema.COLORS[row["color"]] == "GRAY" else 3
        lists: dict[str, list[float]] = {}
        for name in ("mean", "std"):
            count = row[name + "s"]
            if count not in (0, channels):
                table.refuse(0, name + "s", f"0 or {channels}", count)
            numbers = [row[f"{name}{c}"] for c in range(3)]
            for c, number in enumerate(numbers):
                if c < count and name == "std" and number <= 0:
                    table.refuse(0, f"std{c}", "more than 0", number)
                if c >= count and (number != 0 or math.copysign(1, number) < 0):
                    table.refuse(0, f"{name}{c}", 0, number)
            lists[name] = [float(n) for n in numbers[:count]]
        if row["scale"] == 0:
            table.refuse(0, "scale", "a number that is not 0", 0)
        self._fits_input(table, row, channels)
        layout = "NHWC" if row["layout"] else "NCHW"
        self.graph.preprocess = Preprocess(
            layout,
            schema.COLORS[row["color"]],
            row["width"],
            row["height"],
            schema.RESIZES[row["resize"]],
            float(row["scale"]),
            lists["mean"],
            lists["std"],
        )

    def _fits_input(self, table: Table, row: Row, channels: int) -> None:
        first = self.graph.inputs[0] if self.graph.inputs else None
        if first is None or first.dtype != "f32" or len(first.shape) != 4:
            table.refuse(0, "layout", "a first input that is f32 of rank 4", "another" if first else "none")
        c, h, w = (3, 1, 2) if row["layout"] else (1, 2, 3)
        if first.shape[c] not in (FREE, channels):
            table.refuse(0, "color", f"{first.shape[c]} channels, as the first input", channels)
        for name, axis in (("width", w), ("height", h)):
            if row[name] and first.shape[axis] not in (FREE, row[name]):
                table.refuse(0, name, f"0 or {first.shape[axis]}, as the first input", row[name])

    def _meta(self) -> None:
        table, last = self.tables["META"], -1
        for i in range(len(table)):
            row = table.take()
            key = self.strings.refer(table, i, "key", empty=False)
            if row["key"] <= last:
                table.refuse(i, "key", f"more than {last}: keys are sorted", row["key"])
            last = row["key"]
            self.graph.meta[key] = self.strings.refer(table, i, "text", free_text=True)

    def _golden(self) -> None:
        gold, samples = self.tables["GOLD"], self.tables["SMPL"]
        if len(samples) and not len(gold):
            samples.refuse(0, "output", "a golden case in GOLD", "none")
        if not len(gold):
            return
        if not len(samples):
            gold.refuse(0, "seed", "samples in SMPL", "none")
        row = gold[0]
        if not row["low"] < row["high"]:
            gold.refuse(0, "high", f"more than {row['low']}", row["high"])
        if row["tolerance"] < 0:
            gold.refuse(0, "tolerance", "0 or more", row["tolerance"])
        shapes: list[tuple[int, ...]] = []
        dims = self.tables["DIMS"]
        for value in self.graph.inputs:
            begin = dims.taken
            shape = self._shape(gold, 0, "seed", len(value.shape), False)
            for axis, (dim, wanted) in enumerate(zip(shape, value.shape, strict=True)):
                if wanted not in (FREE, dim):
                    dims.refuse(begin + axis, "dim", f"{wanted}, as the input", dim)
            shapes.append(shape)
        self.graph.golden = GoldenCase(
            row["seed"], float(row["low"]), float(row["high"]), shapes, list(self._samples()), float(row["tolerance"])
        )

    def _packed(self) -> None:
        """Packed constants are the engine's own: they are checked, and left out of the graph."""
        table, names, payloads = (self.tables[name] for name in ("PACK", "PNAM", "PDAT"))
        named = paid = last = 0
        before = b""
        for i in range(len(table)):
            row = table.take()
            constant, end = row["constant"], row["end"]
            if constant >= self.constants:
                table.refuse(i, "constant", f"a constant less than {self.constants}", constant)
            if constant < last:
                table.refuse(i, "constant", f"at least {last}", constant)
            if not named < end <= min(len(names.bytes), named + schema.MAX_NAME):
                table.refuse(i, "end", f"{named + 1} to {min(len(names.bytes), named + schema.MAX_NAME)}", end)
            name = bytes(names.bytes[named:end])
            if bad := [at for at, byte in enumerate(name) if not 0x20 <= byte <= 0x7E]:
                at = names.offset + named + bad[0]
                refuse(at, f"PNAM[{i}]", "ASCII without control characters", f"byte {name[bad[0]]}")
            named = end
            if i and constant == last and name <= before:
                table.refuse(i, "end", "the names of a constant's packings sorted", named)
            paid = self._packed_payload(table, i, row, paid)
            last, before = constant, name
        for whole, size in ((names, named), (payloads, paid)):
            if size != len(whole.bytes):
                refuse(whole.offset, f"{whole.section.name}.size", size, len(whole.bytes))

    def _packed_payload(self, table: Table, i: int, row: Row, before: int) -> int:
        payloads = self.tables["PDAT"]
        offset, size, each = -(-before // schema.ALIGN) * schema.ALIGN, row["size"], dtypes.NUMPY[DTYPES[row["dtype"]]]
        if row["offset"] != offset:
            table.refuse(i, "offset", offset, row["offset"])
        if offset + size > len(payloads.bytes) or size % each.itemsize:
            table.refuse(i, "size", f"a multiple of {each.itemsize} within PDAT", size)
        for at in range(before, offset):
            if payloads.bytes[at]:
                refuse(payloads.offset + at, "PDAT.padding", 0, payloads.bytes[at])
        return offset + size

    def _samples(self) -> Iterator[tuple[int, int, float]]:
        table, last = self.tables["SMPL"], (-1, -1)
        for i in range(len(table)):
            row = table.take()
            if row["output"] >= len(self.graph.outputs):
                table.refuse(i, "output", f"less than {len(self.graph.outputs)}", row["output"])
            value = self.graph.outputs[row["output"]]
            elements = math.prod(value.shape)
            if value.dtype and FREE not in value.shape and row["index"] >= elements:
                table.refuse(i, "index", f"less than {elements}", row["index"])
            if (row["output"], row["index"]) <= last:
                table.refuse(i, "index", "samples sorted by output and index", row["index"])
            last = row["output"], row["index"]
            yield row["output"], row["index"], float(row["value"])
