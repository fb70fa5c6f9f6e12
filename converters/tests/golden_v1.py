"""The network of tests/data/golden/v1.slip, which every later version must read: one of everything in version 1.

`python golden_v1.py` writes the file, and v1_packed.slip, which holds packed constants too.
"""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import ml_dtypes
import numpy as np

from coverslip import schema
from coverslip.golden import golden_input
from coverslip.ir import FREE, Array, GoldenCase, Graph, Node, Preprocess, Value
from coverslip.writer import to_bytes, write

PATH = Path(__file__).resolve().parents[2] / "tests" / "data" / "golden" / "v1.slip"
PACKED = PATH.with_name("v1_packed.slip")
FLOAT = 1  # ONNX's number of f32, for Cast
RESIZE = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}


def constants() -> dict[str, Array]:
    eighths = np.arange(-13, 14, dtype=np.float32) / 8
    return {
        "w": np.resize(eighths, (2, 3, 3, 3)),
        "mix": np.array([[0.5, -0.25], [1, 0.75]], np.float32).reshape(2, 2, 1, 1),
        "f16": np.array([0.5, -2], np.float16).reshape(2, 1, 1),
        "bf16": np.array([3, -0.125], ml_dtypes.bfloat16).reshape(2, 1, 1),
        "i8": np.array([-128, 127], np.int8).reshape(2, 1, 1),
        "u8": np.array([0, 255], np.uint8).reshape(2, 1, 1),
        "i32": np.array(-7, np.int32),
        "i64": np.array([3], np.int64),
        "bool": np.array([True, False]).reshape(2, 1, 1),
        "roi": np.zeros(0, np.float32),
        "scales": np.array([1, 1, 2, 2], np.float32),
    }


def graph() -> Graph:
    def made(name: str, *shape: int) -> Value:
        return Value(name, "f32", shape)

    nodes = [
        Node("Conv", "first", ["x", "w"], ["conv"], {"pads": [1, 1, 1, 1], "strides": [2, 2], "activation": "Relu"}),
        Node("Conv", "with residual", ["conv", "mix", "", "conv"], ["skip"], {"dilations": [1, 1], "group": 1}),
        Node("Resize", "grow", ["skip", "roi", "scales"], ["grown"], dict(RESIZE)),
    ]
    values = [made("conv", FREE, 2, 4, 4), made("skip", FREE, 2, 4, 4)]
    last = "grown"
    for name in ("f16", "bf16", "i8", "u8", "i32", "i64", "bool"):
        nodes += [
            Node("Cast", f"widen {name}", [name], [f"{name} wide"], {"to": FLOAT}),
            Node("Add", f"add {name}", [last, f"{name} wide"], [f"plus {name}"]),
        ]
        values.append(made(f"{name} wide", *constants()[name].shape))
        last = f"plus {name}"
    nodes += [
        Node("LeakyRelu", "Zürich µ", [last], ["leaky"], {"alpha": 0.25, "notes": [0.5, float("inf")]}),
        Node("GlobalAveragePool", "", ["leaky"], ["mean"]),
        Node("Flatten", "", ["mean"], ["scores"]),
    ]
    return Graph(
        inputs=[Value("x", "f32", (FREE, 3, 8, 8))],
        outputs=[made("scores", FREE, 2), made("grown", FREE, 2, 8, 8)],
        nodes=nodes,
        constants=constants(),
        values={value.name: value for value in values},
        labels=["cell", "no cell"],
        preprocess=Preprocess(
            color="BGR", width=8, height=8, resize="nearest", scale=0.5, mean=[0.25, 0.5, 0.75], std=[1, 2, 4]
        ),
        meta={"licence": "Apache-2.0", "title": "One of everything", "not for use": "in clinics\nor elsewhere"},
        golden=golden(),
    )


def golden() -> GoldenCase:
    case = GoldenCase(
        seed=0x0123456789ABCDEF, low=-1.0, high=1.0, shapes=[(1, 3, 8, 8)], samples=[], tolerance=2.0**-18
    )
    scores, grown = answers(golden_input(case, 0, Value("x", "f32", (FREE, 3, 8, 8))).astype(np.float64))
    places = [(0, 0), (0, 1), (1, 0), (1, 63), (1, 100), (1, 127)]
    case.samples = [(o, i, float(np.float32((scores, grown)[o].flat[i]))) for o, i in places]
    return case


def answers(x: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[Array, Array]:
    """The two outputs in double precision, worked out from ONNX's definitions."""
    c = {name: array.astype(np.float64) for name, array in constants().items()}
    padded = np.pad(x[0], ((0, 0), (1, 1), (1, 1)))
    conv = np.zeros((2, 4, 4))
    for h in range(4):
        for w in range(4):
            conv[:, h, w] = np.tensordot(c["w"], padded[:, 2 * h : 2 * h + 3, 2 * w : 2 * w + 3], 3)
    conv = np.maximum(conv, 0)
    skip = np.einsum("kc,chw->khw", c["mix"][:, :, 0, 0], conv) + conv
    grown = skip.repeat(2, axis=1).repeat(2, axis=2)
    total = grown + sum(c[name] for name in ("f16", "bf16", "i8", "u8", "i32", "i64", "bool"))
    leaky = np.where(total < 0, 0.25 * total, total)
    return leaky.mean(axis=(1, 2))[None], grown[None]


def packed() -> bytes:
    """The file with packed constants that no engine asks for: two of `w`, one of `i8`."""
    record = schema.BY_NAME["PACK"].layout
    w = constants()["w"].astype("<f4").tobytes()
    payloads = w + bytes(-len(w) % schema.ALIGN) + w[:64] + bytes([1, 2, 3])
    second = len(w) + -len(w) % schema.ALIGN
    rows = ((0, 7, 1, 0, 0, len(w)), (0, 22, 2, 0, second, 64), (4, 31, 1, 3, second + 64, 3))
    names = b"one way" + b"the other, of 2" + b"backwards"
    return with_sections(
        to_bytes(graph()), {"PACK": b"".join(record.pack(*row) for row in rows), "PNAM": names, "PDAT": payloads}
    )


def with_sections(data: bytes, added: dict[str, bytes]) -> bytes:
    """A whole file with further sections, which are not critical."""
    sect, head = schema.BY_NAME["SECT"].layout, schema.BY_NAME["HEAD"].layout
    sections = {}
    for i in range(struct.unpack_from("<I", data, 24)[0]):
        kind, size, flags, offset, length, *_ = sect.unpack_from(data, schema.HEADER + i * sect.size)
        sections[kind] = (size, flags, data[offset : offset + length])
    for name, content in added.items():
        section = schema.BY_NAME[name]
        sections[section.kind] = (section.record_size, 0, content)
    table, body, at = b"", b"", schema.HEADER + len(sections) * sect.size
    for kind, (size, flags, content) in sorted(sections.items()):
        padding = -at % schema.ALIGN
        at += padding
        body += bytes(padding) + content
        table += sect.pack(kind, size, flags, at, len(content), len(content), hashlib.sha256(content).digest())
        at += len(content)
    magic = int.from_bytes(schema.MAGIC, "little")
    unsigned = head.pack(magic, schema.VERSION, schema.HEADER, at, len(sections), 0, bytes(32))[: schema.ROOT]
    return unsigned + hashlib.sha256(unsigned + table).digest() + table + body


if __name__ == "__main__":
    write(graph(), PATH)
    PACKED.write_bytes(packed())
