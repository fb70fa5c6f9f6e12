"""Blocks of well-known networks with seeded weights, and their quantization by onnxruntime."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from networks import Array
from onnx_models import Model
from onnxruntime import quantization as ort

SHAPE = (2, 8, 12, 12)
_SAMPLES = 4


class Block(Model):
    """A model whose weights differ from one constant to the next, small enough that numbers keep their size."""

    def __init__(self, opset: int = 17) -> None:
        super().__init__(*SHAPE, opset=opset)
        self._random = np.random.default_rng(11)

    def weights(self, *shape: int) -> str:
        fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else 16
        return self.constant((self._random.standard_normal(shape) / np.sqrt(fan_in)).astype(np.float32))

    def conv(self, channels: int, filters: int, size: int, x: str | None = None, **attributes: Any) -> str:
        pads = [size // 2] * 4
        groups = attributes.get("group", 1)
        weights = self.weights(filters, channels // groups, size, size)
        return self.add("Conv", weights, self.weights(filters), x=x, pads=pads, **attributes)

    def linear(self, rows: int, columns: int) -> str:
        self.add("MatMul", self.constant(self._random.standard_normal((rows, columns)) / np.sqrt(rows)))
        return self.add("Add", self.weights(columns))


def residual(opset: int = 17) -> onnx.ModelProto:
    """A basic block of a ResNet with its projection, and the classifier."""
    block = Block(opset)
    block.conv(8, 16, 3, strides=[2, 2])
    block.add("Relu")
    block.add("MaxPool", kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    inner = block.conv(16, 16, 3)
    skip = block.conv(8, 16, 1, x="x", strides=[2, 2])
    block.add("Relu", x=block.add("Add", inner, x=skip))
    block.add("GlobalAveragePool")
    block.add("Flatten")
    block.add("Gemm", block.weights(10, 16), block.weights(10), transB=1)
    return block.done(rank=2)


def mobile() -> onnx.ModelProto:
    """An inverted residual of a MobileNet."""
    block = Block()
    block.conv(8, 24, 1)
    block.add("Clip", block.constant(np.float32(0)), block.constant(np.float32(6)))
    block.conv(24, 24, 3, group=24)
    block.add("Clip", block.constant(np.float32(0)), block.constant(np.float32(6)))
    block.add("Add", "x", x=block.conv(24, 8, 1))
    return block.done()


def dense() -> onnx.ModelProto:
    """Two layers of a DenseNet and a transition."""
    block = Block()
    features = "x"
    for channels in (8, 12):
        block.add("Relu", x=block.conv(channels, 4, 3, x=features))
        features = block.add("Concat", block.last, x=features, axis=1)
    block.conv(16, 8, 1)
    block.add("AveragePool", kernel_shape=[2, 2], strides=[2, 2])
    block.add("Resize", "", block.constant(np.array([1, 1, 2, 2], np.float32)), mode="nearest")
    return block.done()


def vision() -> onnx.ModelProto:
    """A block of a vision transformer: patches, attention with two heads, and two layers with Gelu."""
    block, width = Block(), 16
    patches = block.weights(width, 8, 4, 4)
    block.add("Conv", patches, block.weights(width), strides=[4, 4])
    block.add("Reshape", block.constant(np.array([2, width, 9])))
    tokens = block.add("Transpose", perm=[0, 2, 1])
    _norm(block, width)
    block.linear(width, 3 * width)
    block.add("Reshape", block.constant(np.array([2, 9, 3, 2, width // 2])))
    block.add("Transpose", perm=[2, 0, 3, 1, 4])
    heads = block.last
    qkv = [block.add("Gather", block.constant(np.array(i)), x=heads, axis=0) for i in range(3)]
    block.add("MatMul", block.add("Transpose", x=qkv[1], perm=[0, 1, 3, 2]), x=qkv[0])
    block.add("Mul", block.constant(np.float32((width // 2) ** -0.5)))
    block.add("MatMul", qkv[2], x=block.add("Softmax", axis=-1))
    block.add("Transpose", perm=[0, 2, 1, 3])
    block.add("Reshape", block.constant(np.array([2, 9, width])))
    block.linear(width, width)
    between = block.add("Add", tokens)
    _norm(block, width)
    inner = block.linear(width, 4 * width)
    block.add("Erf", x=block.add("Div", block.constant(np.float32(np.sqrt(2)))))
    block.add("Mul", inner, x=block.add("Add", block.constant(np.float32(1))))
    block.add("Mul", block.constant(np.float32(0.5)))
    block.linear(4 * width, width)
    block.add("Add", between)
    return block.done(rank=3)


def deep() -> onnx.ModelProto:
    """Twelve convolutions in a row: a step in the first moves all that follow."""
    block = Block()
    for _ in range(12):
        block.conv(8, 8, 3)
        block.add("LeakyRelu", alpha=0.5)
    return block.done()


def _norm(block: Block, width: int) -> None:
    ones = block.constant(np.linspace(0.5, 1.5, width).astype(np.float32))
    block.add("LayerNormalization", ones, block.weights(width), axis=-1)


BLOCKS: dict[str, Callable[..., onnx.ModelProto]] = {made.__name__: made for made in (residual, mobile, dense, vision)}


@dataclass(frozen=True)
class Way:
    """How a network is quantized."""

    form: ort.QuantFormat | None = None  # None: as it runs, by ranges of each input
    activations: ort.QuantType = ort.QuantType.QUInt8
    weights: ort.QuantType = ort.QuantType.QInt8
    per_channel: bool = False
    options: tuple[str, ...] = ()


class _Samples(ort.CalibrationDataReader):  # type: ignore[misc,unused-ignore]
    def __init__(self) -> None:
        self._left = iter([{"x": picture(seed)} for seed in range(_SAMPLES)])

    def get_next(self) -> dict[str, Array] | None:
        return next(self._left, None)


def picture(seed: int) -> Array:
    """An input, normal numbers."""
    made: Array = np.random.default_rng(seed).standard_normal(SHAPE).astype(np.float32)
    return made


def quantize(model: onnx.ModelProto, way: Way, path: Path) -> Path:
    """Writes the network as onnxruntime's quantizer leaves it."""
    source = path.with_suffix(".float.onnx")
    onnx.save(model, source)
    logging.disable(logging.WARNING)  # it advises to preprocess
    try:
        if way.form is None:
            operators = ["MatMul"] if way.weights == ort.QuantType.QInt8 else None  # it runs ConvInteger of u8 alone
            ort.quantize_dynamic(source, path, operators, per_channel=way.per_channel, weight_type=way.weights)
        else:
            ort.quantize_static(
                source,
                path,
                _Samples(),
                quant_format=way.form,
                per_channel=way.per_channel,
                activation_type=way.activations,
                weight_type=way.weights,
                extra_options=dict.fromkeys(way.options, True),
            )
    finally:
        logging.disable(logging.NOTSET)
    return path
