"""Small TensorFlow Lite networks, one for each way in which an operator is read: float, 8-bit, and both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tflite_files import (
    CONV,
    DEPTHWISE,
    NONE,
    POOL,
    RELU,
    RELU6,
    RELU_N1_TO_1,
    SAME,
    VALID,
    File,
    Quantized,
    integers,
    numbers,
)

Build = Callable[[File], int]
CASES: dict[str, Build] = {}
X: Quantized = (0.02, -3)
"""The scale and zero point of the inputs of 8-bit cases."""


def case(name: str) -> Callable[[Build], Build]:
    """Lists a network by name."""

    def listed(build: Build) -> Build:
        CASES[name] = build
        return build

    return listed


def unary(kind: str, q: Quantized | None = None, made: Quantized | None = None, **options: Any) -> Build:
    """An operator on one picture, so that it is also tried on turned axes behind a pool."""

    def build(f: File) -> int:
        x = f.input(1, 6, 4, 3, kind="INT8" if q else "FLOAT32", q=q)
        kinds: dict[str, Any] = {"kind": "INT8" if made else "FLOAT32", "q": made}
        first = f.op("MAX_POOL_2D", [x], f.tensor(1, 3, 2, 3, kind="INT8" if q else "FLOAT32", q=q), **POOL)
        return f.op(kind, [first], f.tensor(1, 3, 2, 3, **kinds), **options)

    return build


_UNARY = """ABS CEIL COS ELU EXP FLOOR HARD_SWISH LOGISTIC LOG_SOFTMAX NEG RELU RELU6 RELU_N1_TO_1 RELU_0_TO_1
    ROUND SIGN SIN SQUARE TANH"""
CASES |= {f"{kind} float": unary(kind) for kind in _UNARY.split()}
CASES["LEAKY_RELU float"] = unary("LEAKY_RELU", options="LeakyReluOptions", Alpha=0.125)
CASES["SOFTMAX float"] = unary("SOFTMAX", options="SoftmaxOptions", Beta=0.5)
CASES["GELU float"] = unary("GELU", options="GeluOptions", Approximate=False)
CASES["GELU by tanh float"] = unary("GELU", options="GeluOptions", Approximate=True)
CASES["L2_NORMALIZATION float"] = unary("L2_NORMALIZATION", options="L2NormOptions")
CASES |= {
    "LOGISTIC int8": unary("LOGISTIC", (0.05, -3), (1 / 256, -128)),
    "TANH int8": unary("TANH", (0.05, -3), (1 / 128, 0)),
    "HARD_SWISH int8": unary("HARD_SWISH", (0.05, -3), (0.04, -120)),
    "RELU int8": unary("RELU", (0.05, -3), (0.03, -128)),
    "RELU6 int8": unary("RELU6", (0.05, -3), (0.024, -128)),
    "LEAKY_RELU int8": unary("LEAKY_RELU", (0.05, -3), (0.04, 10), options="LeakyReluOptions", Alpha=0.125),
    "SOFTMAX int8": unary("SOFTMAX", (0.05, -3), (1 / 256, -128), options="SoftmaxOptions", Beta=1.0),
    "GELU int8": unary("GELU", (0.05, -3), (0.04, -100), options="GeluOptions", Approximate=False),
    "QUANTIZE int8 to int8": unary("QUANTIZE", (0.05, -3), (0.08, 20)),
    "DEQUANTIZE int8": unary("DEQUANTIZE", (0.05, -3)),
    "QUANTIZE float": unary("QUANTIZE", None, (0.03, 7)),
    "ABS int8": unary("ABS", (0.05, -3), (0.05, -3)),
    "L2_NORMALIZATION int8": unary("L2_NORMALIZATION", (0.05, -3), (1 / 128, 0), options="L2NormOptions"),
    "EXP int8": unary("EXP", (0.05, -3), (0.9, -128)),
    "RSQRT int8": unary("RSQRT", (0.05, -128), (0.02, -128)),
    "LOG_SOFTMAX int8": unary("LOG_SOFTMAX", (0.05, -3), (16 / 256, 127)),
}


def conv(stride: int, padding: int, activation: int, dilation: int = 1, groups: int = 1) -> Build:
    """A convolution of floats."""

    def build(f: File) -> int:
        x = f.input(2, 9, 8, 4)
        options = CONV | {"Padding": padding, "StrideH": stride, "StrideW": stride, "DilationHFactor": dilation}
        options |= {"DilationWFactor": dilation, "FusedActivationFunction": activation}
        inputs = [x, f.constant(numbers(6, 3, 2, 4 // groups)), f.constant(numbers(6, seed=2))]
        sizes = [
            -(-n // stride) if padding == SAME else (n - dilation * (k - 1) - 1) // stride + 1
            for n, k in ((9, 3), (8, 2))
        ]
        return f.op("CONV_2D", inputs, f.tensor(2, *sizes, 6), **options)

    return build


CASES |= {
    "CONV_2D": conv(1, SAME, NONE),
    "CONV_2D stride 2": conv(2, SAME, RELU6),
    "CONV_2D stride 3 valid": conv(3, VALID, RELU),
    "CONV_2D dilated": conv(1, SAME, RELU_N1_TO_1, dilation=2),
    "CONV_2D grouped": conv(1, VALID, NONE, groups=2),
}


@case("CONV_3D")
def _(f: File) -> int:
    x = f.input(1, 5, 6, 7, 2)
    steps = {f"Stride{a}": 2 for a in "DHW"} | {f"Dilation{a}Factor": 1 for a in "DHW"}
    inputs = [x, f.constant(numbers(3, 2, 3, 2, 4)), f.constant(numbers(4))]
    made = f.tensor(1, 3, 3, 4, 4)
    return f.op("CONV_3D", inputs, made, options="Conv3DOptions", Padding=SAME, **steps, FusedActivationFunction=RELU)


@case("DEPTHWISE_CONV_2D")
def _(f: File) -> int:
    inputs = [f.input(1, 9, 8, 3), f.constant(numbers(1, 3, 3, 6)), f.constant(numbers(6))]
    options = DEPTHWISE | {"StrideH": 2, "StrideW": 2, "DepthMultiplier": 2, "FusedActivationFunction": RELU6}
    return f.op("DEPTHWISE_CONV_2D", inputs, f.tensor(1, 5, 4, 6), **options)


def transposed(padding: int, stride: int, out: tuple[int, int]) -> Build:
    """A transposed convolution, whose first input is its output's shape."""

    def build(f: File) -> int:
        x = f.input(1, 4, 5, 3)
        inputs = [f.shape(1, *out, 2), f.constant(numbers(2, 3, 3, 3)), x, f.constant(numbers(2))]
        steps: dict[str, Any] = {"StrideH": stride, "StrideW": stride, "Padding": padding}
        made = f.tensor(1, *out, 2)
        return f.op("TRANSPOSE_CONV", inputs, made, version=3, options="TransposeConvOptions", **steps)

    return build


CASES |= {
    "TRANSPOSE_CONV same": transposed(SAME, 2, (8, 10)),
    "TRANSPOSE_CONV same odd": transposed(SAME, 2, (7, 9)),
    "TRANSPOSE_CONV valid": transposed(VALID, 2, (9, 11)),
    "TRANSPOSE_CONV stride 1": transposed(SAME, 1, (4, 5)),
}


def pooled(kind: str, padding: int, q: Quantized | None = None, **more: int) -> Build:
    """A pool of three by three at steps of two."""

    def build(f: File) -> int:
        kinds: dict[str, Any] = {"kind": "INT8" if q else "FLOAT32", "q": q}
        options = POOL | {"Padding": padding, "FilterHeight": 3, "FilterWidth": 3, **more}
        sizes = (4, 3) if padding == SAME else (3, 2)
        return f.op(kind, [f.input(1, 7, 6, 3, **kinds)], f.tensor(1, *sizes, 3, **kinds), **options)

    return build


for _kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
    CASES |= {
        f"{_kind} same": pooled(_kind, SAME),
        f"{_kind} valid": pooled(_kind, VALID, FusedActivationFunction=RELU),
        f"{_kind} int8": pooled(_kind, SAME, X),
        f"{_kind} int8 relu6": pooled(_kind, VALID, X, FusedActivationFunction=RELU6),
    }


def binary(kind: str, options: str = "", constant: Any = None, made: str = "FLOAT32", **fields: Any) -> Build:
    """An operator on two pictures, or on one and a constant, behind a pool that turns the axes."""

    def build(f: File) -> int:
        x = f.op("MAX_POOL_2D", [f.input(1, 6, 4, 3)], f.tensor(1, 3, 2, 3), **POOL)
        y = f.input(1, 3, 2, 3) if constant is None else f.constant(constant)
        return f.op(kind, [x, y], f.tensor(1, 3, 2, 3, kind=made), options=options, **fields)

    return build


CASES |= {
    "ADD": binary("ADD", "AddOptions", FusedActivationFunction=RELU),
    "ADD vector": binary("ADD", "AddOptions", [1.0, -2.0, 3.0]),
    "ADD scalar": binary("ADD", "AddOptions", 1.5),
    "SUB": binary("SUB", "SubOptions", FusedActivationFunction=RELU6),
    "MUL picture": binary("MUL", "MulOptions", numbers(1, 3, 2, 1)),
    "DIV": binary("DIV", "DivOptions", [[2.0, 3.0, -4.0]]),
    "MAXIMUM": binary("MAXIMUM", "MaximumMinimumOptions"),
    "MINIMUM": binary("MINIMUM", "MaximumMinimumOptions", [0.1, -0.2, 0.3]),
    "SQUARED_DIFFERENCE": binary("SQUARED_DIFFERENCE", "SquaredDifferenceOptions"),
    "POW": binary("POW", "PowOptions", 2.0),
    "FLOOR_DIV": binary("FLOOR_DIV", "FloorDivOptions", [0.7, -0.4, 0.3]),
    "FLOOR_MOD": binary("FLOOR_MOD", "FloorModOptions", [0.7, -0.4, 0.3]),
    "PRELU": binary("PRELU", "", [[[0.1, -0.2, 0.3]]]),
    "GREATER": binary("GREATER", "GreaterOptions", made="BOOL"),
    "NOT_EQUAL": binary("NOT_EQUAL", "NotEqualOptions", made="BOOL"),
}


def binary_8_bit(kind: str, options: str, a: Quantized, b: Quantized, made: Quantized, activation: int = NONE) -> Build:
    """An operator on two quantized pictures."""

    def build(f: File) -> int:
        inputs = [f.input(1, 5, 4, 3, kind="INT8", q=q) for q in (a, b)]
        more = {"FusedActivationFunction": activation} if options in ("AddOptions", "SubOptions", "MulOptions") else {}
        return f.op(kind, inputs, f.tensor(1, 5, 4, 3, kind="INT8", q=made), options=options, version=2, **more)

    return build


CASES |= {
    "ADD int8": binary_8_bit("ADD", "AddOptions", X, (0.03, 5), (0.045, -7)),
    "ADD int8 relu": binary_8_bit("ADD", "AddOptions", X, (0.03, 5), (0.025, -128), RELU),
    "SUB int8": binary_8_bit("SUB", "SubOptions", X, (0.03, 5), (0.045, -7)),
    "MUL int8": binary_8_bit("MUL", "MulOptions", X, (0.03, 5), (0.06, 3), RELU6),
    "MAXIMUM int8": binary_8_bit("MAXIMUM", "MaximumMinimumOptions", X, X, X),
    "SQUARED_DIFFERENCE int8": binary_8_bit(
        "SQUARED_DIFFERENCE", "SquaredDifferenceOptions", X, (0.03, 5), (0.09, -128)
    ),
}


def conv_8_bit(kind: str, channels: int, dtype: Any = np.int8, activation: int = RELU) -> Build:
    """A quantized convolution, weights with a scale for each output channel (one for all where unsigned)."""

    def build(f: File) -> int:
        signed = dtype == np.int8
        name, offset = ("INT8", 0) if signed else ("UINT8", 128)
        x = f.input(1, 9, 8, 3, kind=name, q=(0.02, offset - 3))
        scale = np.linspace(0.004, 0.009, channels) if signed else np.array([0.006])
        depthwise = kind.startswith("DEPTHWISE")
        shape = (1, 3, 3, channels) if depthwise else (channels, 3, 3, 3)
        low, high = (-127, 128) if signed else (0, 256)
        zeros = [0] * channels if signed else [120]
        weights = f.constant(
            integers(*shape, low=low, high=high, dtype=dtype), dtype, (scale, zeros, 3 if depthwise else 0)
        )
        bias = f.constant(integers(channels, low=-900, high=900), np.int32, (scale * 0.02, [0] * len(scale)))
        options = (DEPTHWISE | {"DepthMultiplier": channels // 3}) if depthwise else CONV
        options = options | {"StrideH": 2, "StrideW": 2, "FusedActivationFunction": activation}
        made = f.tensor(1, 5, 4, channels, kind=name, q=(0.03, offset - 40))
        return f.op(kind, [x, weights, bias], made, version=3 if signed else 1, **options)

    return build


CASES |= {
    "CONV_2D int8": conv_8_bit("CONV_2D", 5),
    "CONV_2D int8 relu6": conv_8_bit("CONV_2D", 5, activation=RELU6),
    "CONV_2D uint8": conv_8_bit("CONV_2D", 5, np.uint8),
    "DEPTHWISE_CONV_2D int8": conv_8_bit("DEPTHWISE_CONV_2D", 6),
    "DEPTHWISE_CONV_2D uint8": conv_8_bit("DEPTHWISE_CONV_2D", 6, np.uint8),
}


def connected(rows: tuple[int, ...], kept: bool = False, bias: bool = True) -> Build:
    """A fully connected layer of floats."""

    def build(f: File) -> int:
        inputs = [f.input(*rows, 6), f.constant(numbers(4, 6)), f.constant(numbers(4)) if bias else -1]
        made = f.tensor(*(rows if kept else (int(np.prod(rows)),)), 4)
        options: dict[str, Any] = {
            "options": "FullyConnectedOptions",
            "KeepNumDims": kept,
            "FusedActivationFunction": RELU,
        }
        return f.op("FULLY_CONNECTED", inputs, made, **options)

    return build


CASES |= {
    "FULLY_CONNECTED": connected((3,)),
    "FULLY_CONNECTED rows": connected((2, 3)),
    "FULLY_CONNECTED kept": connected((2, 3), kept=True),
    "FULLY_CONNECTED no bias": connected((3,), bias=False),
}


@case("FULLY_CONNECTED int8")
def _(f: File) -> int:
    x = f.input(2, 3, 24, kind="INT8", q=X)
    weights = f.constant(integers(5, 24), np.int8, (0.004, 0))
    bias = f.constant(integers(5, low=-900, high=900), np.int32, (0.004 * 0.02, 0))
    options: dict[str, Any] = {"options": "FullyConnectedOptions", "KeepNumDims": True}
    made = f.tensor(2, 3, 5, kind="INT8", q=(0.05, 4))
    return f.op("FULLY_CONNECTED", [x, weights, bias], made, version=4, **options)


@case("FULLY_CONNECTED of floats and int8 weights")
def _(f: File) -> int:
    weights = f.constant(integers(5, 24), np.int8, (0.004, 0))
    inputs = [f.input(3, 24), weights, f.constant(numbers(5))]
    return f.op("FULLY_CONNECTED", inputs, f.tensor(3, 5), version=3, options="FullyConnectedOptions")


@case("FULLY_CONNECTED of floats and int4 weights")
def _(f: File) -> int:
    weights = f.constant_4_bit(integers(5, 24, low=-7, high=8), (np.linspace(0.04, 0.09, 5), [0] * 5))
    inputs = [f.input(3, 24), weights, f.constant(numbers(5))]
    return f.op("FULLY_CONNECTED", inputs, f.tensor(3, 5), version=8, options="FullyConnectedOptions")


@case("CONV_2D of floats and int8 weights")
def _(f: File) -> int:
    weights = f.constant(integers(5, 3, 3, 3), np.int8, (np.linspace(0.004, 0.009, 5), [0] * 5))
    inputs = [f.input(1, 6, 6, 3), weights, f.constant(numbers(5))]
    return f.op("CONV_2D", inputs, f.tensor(1, 6, 6, 5), version=5, **CONV)


@case("DEPTHWISE_CONV_2D of floats and int8 weights")
def _(f: File) -> int:
    weights = f.constant(integers(1, 3, 3, 6), np.int8, (np.linspace(0.004, 0.009, 6), [0] * 6, 3))
    inputs = [f.input(1, 6, 6, 3), weights, f.constant(numbers(6))]
    return f.op("DEPTHWISE_CONV_2D", inputs, f.tensor(1, 6, 6, 6), version=6, **(DEPTHWISE | {"DepthMultiplier": 2}))


@case("TRANSPOSE_CONV of floats and int8 weights")
def _(f: File) -> int:
    weights = f.constant(integers(2, 3, 3, 3), np.int8, ([0.004, 0.007], [0, 0]))
    steps: dict[str, Any] = {"StrideH": 2, "StrideW": 2, "Padding": SAME}
    inputs = [f.shape(1, 8, 10, 2), weights, f.input(1, 4, 5, 3)]
    made = f.tensor(1, 8, 10, 2)
    return f.op("TRANSPOSE_CONV", inputs, made, version=4, options="TransposeConvOptions", **steps)


@case("BATCH_MATMUL of floats and int8 weights")
def _(f: File) -> int:
    inputs = [f.input(2, 4, 5), f.constant(integers(2, 5, 3), np.int8, (0.03, 0))]
    return f.op("BATCH_MATMUL", inputs, f.tensor(2, 4, 3), options="BatchMatMulOptions", version=4)


@case("CONV_2D of half precision weights")
def _(f: File) -> int:
    weights = f.op("DEQUANTIZE", [f.constant(numbers(5, 3, 3, 3), np.float16)], f.tensor(5, 3, 3, 3))
    bias = f.op("DEQUANTIZE", [f.constant(numbers(5), np.float16)], f.tensor(5))
    return f.op("CONV_2D", [f.input(1, 6, 6, 3), weights, bias], f.tensor(1, 6, 6, 5), **CONV)


@case("PRELU int8")
def _(f: File) -> int:
    x = f.input(1, 5, 4, 3, kind="INT8", q=X)
    slope = f.constant(integers(1, 1, 3), np.int8, (0.005, 4))
    return f.op("PRELU", [x, slope], f.tensor(1, 5, 4, 3, kind="INT8", q=(0.018, -9)))


@case("SPLIT int8")
def _(f: File) -> int:
    parts = [f.tensor(1, 4, 2, 3, kind="INT8", q=X) for _ in range(2)]
    inputs = [f.constant(2, np.int32), f.input(1, 4, 4, 3, kind="INT8", q=X)]
    f.op("SPLIT", inputs, *parts, options="SplitOptions", NumSplits=2, version=2)
    return f.op("PACK", parts, f.tensor(1, 2, 4, 2, 3, kind="INT8", q=X), options="PackOptions", ValuesCount=2, Axis=1)


@case("TRANSPOSE_CONV int8")
def _(f: File) -> int:
    x = f.input(1, 4, 5, 3, kind="INT8", q=X)
    weights = f.constant(integers(2, 3, 3, 3), np.int8, ([0.004, 0.007], [0, 0]))
    options: dict[str, Any] = {"options": "TransposeConvOptions", "Padding": SAME, "StrideH": 2, "StrideW": 2}
    made = f.tensor(1, 8, 10, 2, kind="INT8", q=(0.06, 4))
    return f.op("TRANSPOSE_CONV", [f.shape(1, 8, 10, 2), weights, x], made, **options)


def matmul(adj_x: bool, adj_y: bool) -> Build:
    """A product of two computed tensors."""

    def build(f: File) -> int:
        a, b = f.input(2, *((5, 4) if adj_x else (4, 5))), f.input(2, *((3, 5) if adj_y else (5, 3)))
        return f.op("BATCH_MATMUL", [a, b], f.tensor(2, 4, 3), options="BatchMatMulOptions", AdjX=adj_x, AdjY=adj_y)

    return build


CASES |= {f"BATCH_MATMUL {int(a)}{int(b)}": matmul(a, b) for a in (False, True) for b in (False, True)}


@case("BATCH_MATMUL int8")
def _(f: File) -> int:
    a, b = f.input(2, 4, 5, kind="INT8", q=X), f.input(2, 3, 5, kind="INT8", q=(0.03, 5))
    made = f.tensor(2, 4, 3, kind="INT8", q=(0.07, -9))
    return f.op("BATCH_MATMUL", [a, b], made, options="BatchMatMulOptions", AdjY=True)


def resized(kind: str, q: Quantized | None = None, out: tuple[int, int] = (7, 5), **flags: bool) -> Build:
    """A picture of 4 x 3 at another size."""

    def build(f: File) -> int:
        kinds: dict[str, Any] = {"kind": "INT8" if q else "FLOAT32", "q": q}
        options = "ResizeBilinearOptions" if kind == "RESIZE_BILINEAR" else "ResizeNearestNeighborOptions"
        x = f.input(1, 4, 3, 2, **kinds)
        return f.op(kind, [x, f.shape(*out)], f.tensor(1, *out, 2, **kinds), options=options, version=3, **flags)

    return build


for _kind in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"):
    CASES |= {
        _kind: resized(_kind),
        f"{_kind} down": resized(_kind, out=(2, 2)),
        f"{_kind} half pixels": resized(_kind, HalfPixelCenters=True),
        f"{_kind} half pixels down": resized(_kind, out=(3, 2), HalfPixelCenters=True),
        f"{_kind} corners": resized(_kind, AlignCorners=True),
        f"{_kind} int8": resized(_kind, X, HalfPixelCenters=True),
    }


def reduced(kind: str, axes: list[int], shape: tuple[int, ...], q: Any = None, keep: bool = False) -> Build:
    """A reduction of a picture behind a pool."""

    def build(f: File) -> int:
        kinds: dict[str, Any] = {"kind": "INT8" if q else "FLOAT32", "q": q}
        x = f.op("MAX_POOL_2D", [f.input(2, 6, 4, 3, **kinds)], f.tensor(2, 3, 2, 3, **kinds), **POOL)
        made = f.tensor(*shape, kind=kinds["kind"], q=q and (0.01, 9))
        return f.op(kind, [x, f.shape(*axes)], made, options="ReducerOptions", KeepDims=keep, version=2)

    return build


CASES |= {
    "MEAN": reduced("MEAN", [1, 2], (2, 3)),
    "MEAN kept": reduced("MEAN", [1, 2], (2, 1, 1, 3), keep=True),
    "MEAN last": reduced("MEAN", [-1], (2, 3, 2)),
    "MEAN int8": reduced("MEAN", [1, 2], (2, 3), X),
    "SUM": reduced("SUM", [1], (2, 2, 3)),
    "REDUCE_MAX": reduced("REDUCE_MAX", [2, 3], (2, 3)),
    "REDUCE_MIN kept": reduced("REDUCE_MIN", [3], (2, 3, 2, 1), keep=True),
    "REDUCE_PROD": reduced("REDUCE_PROD", [1, 2], (2, 3)),
}


def moved(kind: str, more: list[Any], shape: tuple[int, ...], options: str = "", **fields: Any) -> Build:
    """An operator that moves the numbers of a picture behind a pool; with `q` they are integers."""
    kinds: dict[str, Any] = {"kind": "INT8", "q": fields.pop("q")} if "q" in fields else {}

    def build(f: File) -> int:
        x = f.op("MAX_POOL_2D", [f.input(1, 8, 8, 4, **kinds)], f.tensor(1, 4, 4, 4, **kinds), **POOL)
        dtypes = [np.int32 if np.asarray(entry).dtype.kind == "i" else np.float32 for entry in more]
        constants = [f.constant(entry, dtype) for entry, dtype in zip(more, dtypes, strict=True)]
        return f.op(kind, [x, *constants], f.tensor(*shape, **kinds), options=options, **fields)

    return build


CASES |= {
    "RESHAPE": moved("RESHAPE", [[1, -1]], (1, 64), "ReshapeOptions", NewShape=[1, -1]),
    "RESHAPE by option": moved("RESHAPE", [], (2, 32), "ReshapeOptions", NewShape=[2, 32]),
    "TRANSPOSE": moved("TRANSPOSE", [[0, 2, 3, 1]], (1, 4, 4, 4), "TransposeOptions"),
    "PAD": moved("PAD", [[[0, 0], [1, 2], [3, 0], [0, 1]]], (1, 7, 7, 5), "PadOptions"),
    "PADV2": moved("PADV2", [[[0, 0], [1, 2], [3, 0], [0, 1]], 2.5], (1, 7, 7, 5), "PadV2Options"),
    "MIRROR_PAD": moved("MIRROR_PAD", [[[0, 0], [1, 2], [3, 0], [0, 1]]], (1, 7, 7, 5), "MirrorPadOptions", Mode=0),
    "MIRROR_PAD symmetric": moved(
        "MIRROR_PAD", [[[0, 0], [1, 1], [0, 1], [0, 0]]], (1, 6, 5, 4), "MirrorPadOptions", Mode=1
    ),
    "SLICE": moved("SLICE", [[0, 1, 0, 2], [-1, 2, -1, 1]], (1, 2, 4, 1), "SliceOptions"),
    "STRIDED_SLICE": moved(
        "STRIDED_SLICE", [[0, 3, 1, 0], [1, 0, 4, 4], [1, -2, 2, 1]], (1, 2, 2, 4), "StridedSliceOptions", BeginMask=8
    ),
    "STRIDED_SLICE shrunk": moved(
        "STRIDED_SLICE", [[0, -1, 0, 1], [1, 0, 9, 3], [1, 1, 1, 1]], (4, 2), "StridedSliceOptions", ShrinkAxisMask=3
    ),
    "STRIDED_SLICE dots": moved(
        "STRIDED_SLICE",
        [[0, 0, 1], [0, 1, 2], [1, 1, 1]],
        (1, 4, 4, 1, 1),
        "StridedSliceOptions",
        EllipsisMask=1,
        NewAxisMask=2,
    ),
    "EXPAND_DIMS": moved("EXPAND_DIMS", [1], (1, 1, 4, 4, 4), "ExpandDimsOptions"),
    "SQUEEZE": moved("SQUEEZE", [], (4, 4, 4), "SqueezeOptions", SqueezeDims=[0]),
    "TILE": moved("TILE", [[1, 2, 1, 3]], (1, 8, 4, 12), "TileOptions"),
    "BROADCAST_TO": moved("BROADCAST_TO", [[3, 4, 4, 4]], (3, 4, 4, 4), "BroadcastToOptions", version=2),
    "GATHER": moved("GATHER", [[2, 0]], (1, 4, 2, 4), "GatherOptions", Axis=2),
    "GATHER_ND": moved("GATHER_ND", [[[0, 2], [0, 0]]], (2, 4, 4), "GatherNdOptions"),
    "REVERSE_V2": moved("REVERSE_V2", [[1]], (1, 4, 4, 4), "ReverseV2Options"),
    "CUMSUM": moved("CUMSUM", [2], (1, 4, 4, 4), "CumsumOptions", Exclusive=True, Reverse=True),
    "DEPTH_TO_SPACE": moved("DEPTH_TO_SPACE", [], (1, 8, 8, 1), "DepthToSpaceOptions", BlockSize=2),
    "SPACE_TO_DEPTH": moved("SPACE_TO_DEPTH", [], (1, 2, 2, 16), "SpaceToDepthOptions", BlockSize=2),
    "SPACE_TO_BATCH_ND": moved("SPACE_TO_BATCH_ND", [[2, 2], [[1, 1], [0, 2]]], (4, 3, 3, 4), "SpaceToBatchNDOptions"),
}


CASES |= {
    "RESHAPE int8": moved("RESHAPE", [[1, -1]], (1, 64), "ReshapeOptions", NewShape=[1, -1], q=X),
    "TRANSPOSE int8": moved("TRANSPOSE", [[0, 2, 3, 1]], (1, 4, 4, 4), "TransposeOptions", q=X),
    "PAD int8": moved("PAD", [[[0, 0], [1, 2], [3, 0], [0, 1]]], (1, 7, 7, 5), "PadOptions", q=X),
    "SLICE int8": moved("SLICE", [[0, 1, 0, 2], [-1, 2, -1, 1]], (1, 2, 4, 1), "SliceOptions", q=X),
    "TILE int8": moved("TILE", [[1, 2, 1, 3]], (1, 8, 4, 12), "TileOptions", q=X),
    "GATHER int8": moved("GATHER", [[2, 0]], (1, 4, 2, 4), "GatherOptions", Axis=2, q=X),
    "DEPTH_TO_SPACE int8": moved("DEPTH_TO_SPACE", [], (1, 8, 8, 1), "DepthToSpaceOptions", BlockSize=2, q=X),
    "SPACE_TO_DEPTH int8": moved("SPACE_TO_DEPTH", [], (1, 2, 2, 16), "SpaceToDepthOptions", BlockSize=2, q=X),
    "SPACE_TO_BATCH_ND int8": moved(
        "SPACE_TO_BATCH_ND", [[2, 2], [[1, 1], [0, 2]]], (4, 3, 3, 4), "SpaceToBatchNDOptions", q=X, version=2
    ),
    "STRIDED_SLICE int8": moved(
        "STRIDED_SLICE",
        [[0, -1, 0, 1], [1, 0, 9, 3], [1, 1, 1, 1]],
        (4, 2),
        "StridedSliceOptions",
        ShrinkAxisMask=3,
        q=X,
    ),
}


@case("BATCH_TO_SPACE_ND")
def _(f: File) -> int:
    inputs = [f.input(4, 3, 3, 4), f.shape(2, 2), f.constant([[1, 0], [0, 2]], np.int32)]
    return f.op("BATCH_TO_SPACE_ND", inputs, f.tensor(1, 5, 4, 4), options="BatchToSpaceNDOptions")


def indexed(kind: str, options: str) -> Build:
    """The place of the largest or smallest."""

    def build(f: File) -> int:
        x = f.op("MAX_POOL_2D", [f.input(1, 8, 8, 4)], f.tensor(1, 4, 4, 4), **POOL)
        return f.op(kind, [x, f.constant(-1, np.int32)], f.tensor(1, 4, 4, kind="INT64"), options=options, OutputType=4)

    return build


CASES |= {"ARG_MAX": indexed("ARG_MAX", "ArgMaxOptions"), "ARG_MIN": indexed("ARG_MIN", "ArgMinOptions")}


def joined(*scales: Quantized, kind: str = "FLOAT32") -> Build:
    """A concatenation along the channels; what it makes has the first scale."""

    def build(f: File) -> int:
        kinds: list[dict[str, Any]] = [{"kind": kind, "q": q} for q in scales or (None, None)]
        pooled = [f.op("MAX_POOL_2D", [f.input(1, 4, 4, 2, **k)], f.tensor(1, 2, 2, 2, **k), **POOL) for k in kinds]
        made = f.tensor(1, 2, 2, 4, **kinds[0])
        return f.op("CONCATENATION", pooled, made, options="ConcatenationOptions", Axis=-1, version=2)

    return build


CASES |= {
    "CONCATENATION": joined(),
    "CONCATENATION int8": joined(X, X, kind="INT8"),
    "CONCATENATION uint8 of two scales": joined((0.02, 125), (0.03, 9), kind="UINT8"),
}


@case("SPLIT and PACK")
def _(f: File) -> int:
    parts = [f.tensor(1, 4, 2, 3) for _ in range(2)]
    f.op("SPLIT", [f.constant(2, np.int32), f.input(1, 4, 4, 3)], *parts, options="SplitOptions", NumSplits=2)
    return f.op("PACK", parts, f.tensor(1, 2, 4, 2, 3), options="PackOptions", ValuesCount=2, Axis=1)


@case("SPLIT_V and UNPACK")
def _(f: File) -> int:
    parts = [f.tensor(1, 4, 1, 3), f.tensor(1, 4, 3, 3)]
    inputs = [f.input(1, 4, 4, 3), f.shape(1, -1), f.constant(2, np.int32)]
    f.op("SPLIT_V", inputs, *parts, options="SplitVOptions", NumSplits=2)
    rows = [f.tensor(1, 4, 3) for _ in range(3)]
    f.op("UNPACK", [parts[1]], *rows, options="UnpackOptions", Num=3, Axis=2)
    return f.op("ADD_N", rows, f.tensor(1, 4, 3), options="AddNOptions")


@case("SELECT and CAST")
def _(f: File) -> int:
    x = f.input(1, 4, 3)
    chosen = f.op("GREATER", [x, f.constant(0.1)], f.tensor(1, 4, 3, kind="BOOL"), options="GreaterOptions")
    other = f.op("LOGICAL_NOT", [chosen], f.tensor(1, 4, 3, kind="BOOL"), options="LogicalNotOptions")
    real = f.op("CAST", [other], f.tensor(1, 4, 3), options="CastOptions", InDataType=6, OutDataType=0)
    made = f.op("SELECT", [chosen, x, real], f.tensor(1, 4, 3), options="SelectOptions")
    filled = f.op("FILL", [f.shape(4, 3), f.constant(2.5)], f.tensor(4, 3), options="FillOptions")
    return f.op("SELECT_V2", [other, made, filled], f.tensor(1, 4, 3), options="SelectV2Options")


@case("a float network")
def _(f: File) -> int:
    conv = [f.input(1, 9, 8, 3), f.constant(numbers(4, 3, 3, 3) / 5), f.constant(numbers(4))]
    options = CONV | {"StrideH": 2, "StrideW": 2, "FusedActivationFunction": RELU6}
    a = f.op("CONV_2D", conv, f.tensor(1, 5, 4, 4), **options)
    b = f.op(
        "DEPTHWISE_CONV_2D",
        [a, f.constant(numbers(1, 3, 3, 4)), f.constant(numbers(4))],
        f.tensor(1, 5, 4, 4),
        **DEPTHWISE,
    )
    c = f.op("ADD", [f.op("HARD_SWISH", [b], f.tensor(1, 5, 4, 4)), a], f.tensor(1, 5, 4, 4), options="AddOptions")
    d = f.op("AVERAGE_POOL_2D", [c], f.tensor(1, 3, 2, 4), **POOL)
    e = f.op("MEAN", [d, f.shape(1, 2)], f.tensor(1, 4), options="ReducerOptions")
    weights = [f.constant(numbers(5, 4)), f.constant(numbers(5))]
    g = f.op("FULLY_CONNECTED", [e, *weights], f.tensor(1, 5), options="FullyConnectedOptions")
    return f.op("SOFTMAX", [g], f.tensor(1, 5), options="SoftmaxOptions", Beta=1.0)


@case("an int8 network")
def _(f: File) -> int:
    scale = np.linspace(0.005, 0.01, 4)
    x = f.input(1, 9, 8, 3, kind="INT8", q=X)
    weights = f.constant(integers(4, 3, 3, 3), np.int8, (scale, [0] * 4))
    bias = f.constant(integers(4, low=-900, high=900), np.int32, (scale * 0.02, [0] * 4))
    options = CONV | {"StrideH": 2, "StrideW": 2, "FusedActivationFunction": RELU, "version": 3}
    a = f.op("CONV_2D", [x, weights, bias], f.tensor(1, 5, 4, 4, kind="INT8", q=(0.03, -100)), **options)
    weights = f.constant(integers(1, 3, 3, 4), np.int8, (scale, [0] * 4, 3))
    bias = f.constant(integers(4, low=-900, high=900), np.int32, (scale * 0.03, [0] * 4))
    made = f.tensor(1, 5, 4, 4, kind="INT8", q=(0.07, 5))
    b = f.op("DEPTHWISE_CONV_2D", [a, weights, bias], made, version=3, **DEPTHWISE)
    sum_: dict[str, Any] = {"kind": "INT8", "q": (0.08, 1)}
    c = f.op("ADD", [a, b], f.tensor(1, 5, 4, 4, **sum_), options="AddOptions", version=2)
    d = f.op("MAX_POOL_2D", [c], f.tensor(1, 3, 2, 4, **sum_), version=2, **POOL)
    e = f.op("RESHAPE", [d, f.shape(1, 24)], f.tensor(1, 24, **sum_), options="ReshapeOptions")
    weights = f.constant(integers(5, 24), np.int8, (0.004, 0))
    bias = f.constant(integers(5, low=-900, high=900), np.int32, (0.004 * 0.08, 0))
    made = f.tensor(1, 5, kind="INT8", q=(0.1, 0))
    g = f.op("FULLY_CONNECTED", [e, weights, bias], made, options="FullyConnectedOptions", version=4)
    made = f.tensor(1, 5, kind="INT8", q=(1 / 256, -128))
    h = f.op("SOFTMAX", [g], made, options="SoftmaxOptions", Beta=1.0, version=2)
    return f.op("DEQUANTIZE", [h], f.tensor(1, 5), version=2)


@case("attention of a small transformer")
def _(f: File) -> int:
    x = f.input(1, 6, 8)
    mean = f.op("MEAN", [x, f.shape(2)], f.tensor(1, 6, 1), options="ReducerOptions", KeepDims=True)
    apart = f.op("SQUARED_DIFFERENCE", [x, mean], f.tensor(1, 6, 8), options="SquaredDifferenceOptions")
    var = f.op("MEAN", [apart, f.shape(2)], f.tensor(1, 6, 1), options="ReducerOptions", KeepDims=True)
    sum_ = f.op("ADD", [var, f.constant(1e-5)], f.tensor(1, 6, 1), options="AddOptions")
    root = f.op("RSQRT", [sum_], f.tensor(1, 6, 1))
    centred = f.op("SUB", [x, mean], f.tensor(1, 6, 8), options="SubOptions")
    normed = f.op("MUL", [centred, root], f.tensor(1, 6, 8), options="MulOptions")
    heads = []
    for seed in range(3):
        inputs = [normed, f.constant(numbers(8, 8, seed=seed)), f.constant(numbers(8, seed=seed))]
        options: dict[str, Any] = {"options": "FullyConnectedOptions", "KeepNumDims": True}
        made = f.op("FULLY_CONNECTED", inputs, f.tensor(1, 6, 8), **options)
        split = f.op("RESHAPE", [made, f.shape(1, 6, 2, 4)], f.tensor(1, 6, 2, 4), options="ReshapeOptions")
        turned = f.op("TRANSPOSE", [split, f.shape(0, 2, 1, 3)], f.tensor(1, 2, 6, 4), options="TransposeOptions")
        heads.append(turned)
    scores = f.op("BATCH_MATMUL", heads[:2], f.tensor(1, 2, 6, 6), options="BatchMatMulOptions", AdjY=True)
    scaled = f.op("MUL", [scores, f.constant(0.5)], f.tensor(1, 2, 6, 6), options="MulOptions")
    soft = f.op("SOFTMAX", [scaled], f.tensor(1, 2, 6, 6), options="SoftmaxOptions", Beta=1.0)
    mixed = f.op("BATCH_MATMUL", [soft, heads[2]], f.tensor(1, 2, 6, 4), options="BatchMatMulOptions")
    back = f.op("TRANSPOSE", [mixed, f.shape(0, 2, 1, 3)], f.tensor(1, 6, 2, 4), options="TransposeOptions")
    flat = f.op("RESHAPE", [back, f.shape(1, 6, 8)], f.tensor(1, 6, 8), options="ReshapeOptions")
    return f.op("GELU", [flat], f.tensor(1, 6, 8), options="GeluOptions", Approximate=True)


def spread_norm(axes: list[int], keep: bool, inner: bool) -> Build:
    """A layer's norm as x * r + (bias - mean * r), the scale `inner` to r or behind it all."""

    def build(f: File) -> int:
        x, rows = f.input(1, 6, 8), (1, 6, 1) if keep else (6,)

        def mean(of: int) -> int:
            return f.op("MEAN", [of, f.shape(*axes)], f.tensor(*rows), options="ReducerOptions", KeepDims=keep)

        def column(of: int) -> int:
            if keep:
                return of
            return f.op("RESHAPE", [of, f.shape(1, 6, 1)], f.tensor(1, 6, 1), options="ReshapeOptions")

        def binary(kind: str, a: int, b: int, *shape: int) -> int:
            return f.op(kind, [a, b], f.tensor(*shape), options=f"{kind.capitalize()}Options")

        middle = mean(x)
        apart = f.op("SQUARED_DIFFERENCE", [x, column(middle)], f.tensor(1, 6, 8), options="SquaredDifferenceOptions")
        root = f.op("RSQRT", [binary("ADD", mean(apart), f.constant(1e-3), *rows)], f.tensor(*rows))
        scale, bias = f.constant(numbers(8)), f.constant(numbers(8, seed=2))
        if inner:
            factor = binary("MUL", root, scale, 1, 6, 8)
            shift = binary("SUB", bias, binary("MUL", middle, factor, 1, 6, 8), 1, 6, 8)
            return binary("ADD", binary("MUL", x, factor, 1, 6, 8), shift, 1, 6, 8)
        shift = binary("SUB", f.constant(0.0), binary("MUL", root, middle, *rows), *rows)
        return binary("ADD", binary("MUL", x, column(root), 1, 6, 8), column(shift), 1, 6, 8)

    return build


CASES |= {
    "a norm multiplied out": spread_norm([2], True, True),
    "a norm multiplied out, without scale": spread_norm([0, 2], False, False),
}


@case("attention over heads in one axis")
def _(f: File) -> int:
    heads = [f.input(1, 2, 6, 4) for _ in range(3)]
    flat = [f.op("RESHAPE", [x, f.shape(2, 6, 4)], f.tensor(2, 6, 4), options="ReshapeOptions") for x in heads]
    scores = f.op("BATCH_MATMUL", flat[:2], f.tensor(2, 6, 6), options="BatchMatMulOptions", AdjY=True)
    wide = f.op("RESHAPE", [scores, f.shape(1, 2, 6, 6)], f.tensor(1, 2, 6, 6), options="ReshapeOptions")
    soft = f.op("SOFTMAX", [wide], f.tensor(1, 2, 6, 6), options="SoftmaxOptions", Beta=1.0)
    flat_soft = f.op("RESHAPE", [soft, f.shape(2, 6, 6)], f.tensor(2, 6, 6), options="ReshapeOptions")
    mixed = f.op("BATCH_MATMUL", [flat_soft, flat[2]], f.tensor(2, 6, 4), options="BatchMatMulOptions")
    return f.op("RESHAPE", [mixed, f.shape(1, 2, 6, 4)], f.tensor(1, 2, 6, 4), options="ReshapeOptions")


@case("DENSIFY")
def _(f: File) -> int:
    weights = f.sparse(numbers(8), (4, 4), [2, ([0, 1, 2], [1, 0]), 2, 2], blocks=(0, 1))
    whole = f.op("DENSIFY", [weights], f.tensor(4, 4))
    inputs = [f.input(3, 4), whole, f.constant(numbers(4))]
    return f.op("FULLY_CONNECTED", inputs, f.tensor(3, 4), options="FullyConnectedOptions")
