"""Blocks of the families of networks that studies use, written as exporters write them, with seeded weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from onnx import numpy_helper
from onnx_models import Model


class Block(Model):
    """A model with what blocks share. Each method works on the last value, or on `x`, and returns its output."""

    def __init__(self, *shape: int | str | None, opset: int = 17) -> None:
        super().__init__(*shape, opset=opset)
        self._random = np.random.default_rng(11)

    def weights(self, *shape: int) -> str:
        """A constant that leaves the size of what it multiplies about as it is."""
        terms = math.prod(shape[1:]) or 1
        return self.constant(self._random.standard_normal(shape) / math.sqrt(terms))

    def matrix(self, rows: int, columns: int) -> str:
        """The same for MatMul, which sums over rows."""
        return self.constant(self._random.standard_normal((rows, columns)) / math.sqrt(rows))

    def factors(self, *shape: int) -> str:
        """A constant of numbers about 1."""
        return self.constant(self._random.uniform(0.5, 1.5, shape))

    def numbers(self, *values: int) -> str:
        """A constant list of integers."""
        return self.constant(np.array(values, np.int64))

    def number(self, value: float) -> str:
        """A constant without axes."""
        return self.constant(np.float32(value))

    def conv(self, before: int, after: int, *size: int, bias: bool = True, x: str | None = None, **more: Any) -> str:
        """A convolution that keeps sizes where its stride is 1; `size` is that of the window, 3 x 3 if not given."""
        size = size or (3, 3)
        dilation = more.setdefault("dilations", [1] * len(size))
        more.setdefault("pads", [(d * (n - 1)) // 2 for n, d in zip(size, dilation, strict=True)] * 2)
        inputs = [self.weights(after, before // more.get("group", 1), *size)]
        inputs += [self.weights(after)] if bias else []
        return self.add("Conv", *inputs, x=x, kernel_shape=list(size), **more)

    def norm(self, channels: int, x: str | None = None) -> str:
        """A BatchNormalization."""
        middle = [self.weights(channels), self.weights(channels)]
        return self.add("BatchNormalization", self.factors(channels), *middle, self.factors(channels), x=x)

    def conv_norm(self, before: int, after: int, *size: int, x: str | None = None, **more: Any) -> str:
        """The two together."""
        return self.norm(after, self.conv(before, after, *size, bias=False, x=x, **more))

    def size(self, x: str, axis: int) -> str:
        """The size of an axis, as a list of one, as TorchScript's exporter writes it."""
        one = self.add("Gather", self.constant(np.int64(axis)), x=self.add("Shape", x=x), axis=0)
        return self.add("Unsqueeze", self.numbers(0), x=one)

    def reshape(self, x: str, *sizes: int | str) -> str:
        """To sizes that are numbers, or values of one element."""
        if all(isinstance(size, int) for size in sizes):
            return self.add("Reshape", self.numbers(*(int(size) for size in sizes)), x=x)
        parts = [self.numbers(size) if isinstance(size, int) else size for size in sizes]
        return self.add("Reshape", self.add("Concat", *parts[1:], x=parts[0], axis=0), x=x)

    def transpose(self, *perm: int, x: str | None = None) -> str:
        """Axes in another order."""
        return self.add("Transpose", x=x, perm=list(perm))

    def linear(self, before: int, after: int, x: str | None = None) -> str:
        """MatMul and Add: a Linear of more than two axes."""
        made = self.add("MatMul", self.matrix(before, after), x=x)
        return self.add("Add", made, x=self.weights(after))

    def layer_norm(self, size: int, x: str | None = None) -> str:
        """LayerNormalization of the last axis, written out as below opset 17."""
        x = self.last if x is None else x
        centred = self.add("Sub", self.add("ReduceMean", x=x, axes=[-1]), x=x)
        squares = self.add("Pow", self.number(2.0), x=centred)
        variance = self.add("Add", self.number(1e-5), x=self.add("ReduceMean", x=squares, axes=[-1]))
        self.add("Div", self.add("Sqrt", x=variance), x=centred)
        self.add("Mul", self.factors(size))
        return self.add("Add", self.weights(size))

    def gelu(self, x: str | None = None) -> str:
        """By erf."""
        x = self.last if x is None else x
        gate = self.add("Add", self.number(1.0), x=self.add("Erf", x=self.add("Div", self.number(math.sqrt(2)), x=x)))
        return self.add("Mul", self.number(0.5), x=self.add("Mul", gate, x=x))

    def swish(self, x: str | None = None) -> str:
        """x * sigmoid(x)"""
        x = self.last if x is None else x
        return self.add("Mul", self.add("Sigmoid", x=x), x=x)

    def hard_swish(self, x: str | None = None) -> str:
        """x * hard_sigmoid(x)"""
        x = self.last if x is None else x
        return self.add("Mul", self.add("HardSigmoid", x=x, alpha=1 / 6, beta=0.5), x=x)

    def group_norm(self, channels: int, groups: int, x: str | None = None) -> str:
        """InstanceNormalization between two Reshapes."""
        x = self.last if x is None else x
        ones, zeros = self.constant(np.ones(groups)), self.constant(np.zeros(groups))
        normed = self.add("InstanceNormalization", ones, zeros, x=self.reshape(x, 0, groups, -1))
        self.add("Reshape", self.add("Shape", x=x), x=normed)
        self.add("Mul", self.factors(channels, 1, 1))
        return self.add("Add", self.weights(channels, 1, 1))

    def heads(self, x: str, size: int, heads: int) -> tuple[str, str, str]:
        """Queries, keys and values of four axes, out of a Linear."""
        many = self.linear(size, 3 * size, x)
        many = self.reshape(many, self.size(x, 0), self.size(x, 1), 3, heads, size // heads)
        many = self.transpose(2, 0, 3, 1, 4, x=many)
        q, k, v = (self.add("Gather", self.constant(np.int64(i)), x=many, axis=0) for i in range(3))
        return q, k, v

    def attend(self, x: str, size: int, heads: int, bias: str = "", mask: str = "") -> str:
        """Attention of x, [batch, length, size], with itself; then a Linear. A mask has an entry for each window."""
        q, k, v = self.heads(x, size, heads)
        scores = self.add("MatMul", self.transpose(0, 1, 3, 2, x=k), x=self.add("Mul", self.number(0.3), x=q))
        scores = self.add("Add", bias, x=scores) if bias else scores
        if mask:
            length, windows = self.size(x, 1), self.constants_of(mask).shape[1]
            scores = self.reshape(scores, -1, windows, heads, length, length)
            scores = self.reshape(self.add("Add", mask, x=scores), -1, heads, length, length)
        return self.attended(scores, v, x, size)

    def attended(self, scores: str, v: str, x: str, size: int) -> str:
        """The softmax's product with the values, its heads side by side as in x, and a Linear."""
        made = self.add("MatMul", v, x=self.add("Softmax", x=scores, axis=-1))
        made = self.reshape(self.transpose(0, 2, 1, 3, x=made), self.size(x, 0), self.size(x, 1), size)
        return self.linear(size, size, made)

    def constants_of(self, name: str) -> Any:
        """The array of a constant."""
        return numpy_helper.to_array(next(tensor for tensor in self.constants if tensor.name == name))

    def mlp(self, x: str, size: int) -> str:
        """Two Linear with a Gelu between."""
        return self.linear(2 * size, size, self.gelu(self.linear(size, 2 * size, x)))


def resnet(b: Block) -> None:
    b.conv_norm(3, 8, 7, 7, strides=[2, 2])
    stem = b.add("MaxPool", x=b.add("Relu"), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    b.add("Relu", x=b.conv_norm(8, 4, 1, 1))
    b.add("Relu", x=b.conv_norm(4, 4, strides=[2, 2]))
    deep = b.conv_norm(4, 16, 1, 1)
    b.add("Add", b.conv_norm(8, 16, 1, 1, x=stem, strides=[2, 2]), x=deep)
    b.add("Relu")
    b.add("Flatten", x=b.add("GlobalAveragePool"))
    b.add("Gemm", b.weights(5, 16), b.weights(5), transB=1)


def densenet(b: Block) -> None:
    before = b.conv(3, 6)
    for channels in (6, 10):
        b.add("Relu", x=b.norm(channels, before))
        b.add("Relu", x=b.conv_norm(channels, 8, 1, 1))
        before = b.add("Concat", b.conv(8, 4, bias=False), x=before, axis=1)
    b.conv(14, 7, 1, 1, bias=False, x=b.add("Relu", x=b.norm(14)))
    b.add("AveragePool", kernel_shape=[2, 2], strides=[2, 2])


def mobilenet(b: Block) -> None:
    stem = b.hard_swish(b.conv_norm(3, 8, strides=[2, 2]))
    b.add("Clip", b.number(0), b.number(6), x=b.conv_norm(8, 16, 1, 1))
    deep = b.hard_swish(b.conv_norm(16, 16, group=16))
    b.add("GlobalAveragePool")
    b.add("Relu", x=b.conv(16, 8, 1, 1))
    gate = b.conv(8, 16, 1, 1)
    gate = b.add("Clip", b.number(0), b.number(6), x=b.add("Add", b.number(3), x=gate))
    b.add("Mul", b.add("Div", b.number(6), x=gate), x=deep)
    b.add("Add", stem, x=b.conv_norm(16, 8, 1, 1))


def efficientnet(b: Block) -> None:
    stem = b.swish(b.conv_norm(3, 8, strides=[2, 2]))
    deep = b.swish(b.conv_norm(8, 8, 5, 5, group=8))
    b.swish(b.conv(8, 4, 1, 1, x=b.add("ReduceMean", axes=[2, 3])))
    b.add("Mul", deep, x=b.add("Sigmoid", x=b.conv(4, 8, 1, 1)))
    b.add("Add", stem, x=b.conv_norm(8, 8, 1, 1))


def convnext(b: Block) -> None:
    stem = b.conv(3, 8, 4, 4, strides=[4, 4], pads=[0] * 4)
    b.layer_norm(8, b.transpose(0, 2, 3, 1, x=b.conv(8, 8, 7, 7, group=8)))
    b.mlp(b.last, 8)
    b.add("Add", stem, x=b.transpose(0, 3, 1, 2, x=b.add("Mul", b.factors(8))))


def vit(b: Block) -> None:
    patches = b.conv(3, 12, 8, 8, strides=[8, 8], pads=[0] * 4)
    tokens = b.transpose(0, 2, 1, x=b.reshape(patches, b.size(patches, 0), 12, -1))
    shape = b.add("Concat", b.numbers(-1), b.numbers(-1), x=b.size(tokens, 0), axis=0)
    shape = b.add("Where", b.numbers(1, 1, 12), shape, x=b.add("Equal", b.numbers(-1, -1, -1), x=shape))
    b.add("Concat", tokens, x=b.add("Expand", shape, x=b.weights(1, 1, 12)), axis=1)
    x = b.add("Add", b.weights(1, 17, 12))
    x = b.add("Add", b.attend(b.layer_norm(12, x), 12, 3), x=x)
    x = b.add("Add", b.mlp(b.layer_norm(12, x), 12), x=x)
    b.add("Gather", b.constant(np.int64(0)), x=b.layer_norm(12, x), axis=1)
    b.add("Gemm", b.weights(5, 12), b.weights(5), transB=1)


def roll(b: Block, x: str, by: int) -> str:
    """The last `by` rows and columns first; of a negative number, the first ones last."""
    for axis in (1, 2):
        limits = [b.numbers(-by), b.numbers(2**63 - 1), b.numbers(0), b.numbers(-by)]
        parts = [b.add("Slice", *limits[i : i + 2], b.numbers(axis), x=x) for i in (0, 2)]
        x = b.add("Concat", parts[1], x=parts[0], axis=axis)
    return x


def window_mask() -> Any:
    """Which of the tokens of a window come from another side of the picture, after it was rolled."""
    parts = np.zeros((8, 8))
    parts[4:] += 2
    parts[6:] += 2
    parts[:, 4:] += 1
    windows = parts.reshape(2, 4, 2, 4).transpose(0, 2, 1, 3).reshape(4, 16)
    return np.where(windows[:, None] != windows[:, :, None], -100.0, 0.0).astype(np.float32)[None, :, None]


def swin(b: Block) -> None:
    x = b.transpose(0, 2, 3, 1, x=b.conv(3, 12, 4, 4, strides=[4, 4], pads=[0] * 4))
    rolled = roll(b, b.layer_norm(12, x), -2)
    windows = b.transpose(0, 1, 3, 2, 4, 5, x=b.reshape(rolled, b.size(rolled, 0), 2, 4, 2, 4, 12))
    windows = b.reshape(windows, -1, 16, 12)
    made = b.attend(windows, 12, 3, b.weights(1, 3, 16, 16), b.constant(window_mask()))
    made = b.reshape(made, -1, 2, 2, 4, 4, 12)
    made = b.reshape(b.transpose(0, 1, 3, 2, 4, 5, x=made), -1, 8, 8, 12)
    x = b.add("Add", roll(b, made, 2), x=x)
    b.add("Add", b.mlp(b.layer_norm(12, x), 12), x=x)


def unit(b: Block, x: str) -> str:
    """Vectors of length 1."""
    length = b.add("Clip", b.number(1e-12), x=b.add("ReduceL2", x=x, axes=[-1], keepdims=1))
    return b.add("Div", b.add("Expand", b.add("Shape", x=x), x=length), x=x)


def swin_v2(b: Block) -> None:
    x = b.transpose(0, 2, 1, x=b.reshape(b.conv(3, 12, 8, 8, strides=[8, 8], pads=[0] * 4), 0, 12, 16))
    q, k, v = b.heads(x, 12, 3)
    scores = b.add("MatMul", b.transpose(0, 1, 3, 2, x=unit(b, k)), x=unit(b, q))
    scores = b.add("Add", b.weights(1, 3, 16, 16), x=b.add("Mul", b.factors(3, 1, 1), x=scores))
    x = b.add("Add", b.layer_norm(12, b.attended(scores, v, x, 12)), x=x)
    b.add("Add", b.layer_norm(12, b.mlp(x, 12)), x=x)


def poolformer(b: Block) -> None:
    x = b.conv(3, 8, 7, 7, strides=[4, 4])
    normed = b.group_norm(8, 1)
    pooled = b.add("AveragePool", x=normed, kernel_shape=[3, 3], pads=[1] * 4, count_include_pad=0)
    x = b.add("Add", b.add("Mul", b.factors(8, 1, 1), x=b.add("Sub", normed, x=pooled)), x=x)
    b.conv(16, 8, 1, 1, x=b.gelu(b.conv(8, 16, 1, 1, x=b.group_norm(8, 1, x))))
    b.add("Add", b.add("Mul", b.factors(8, 1, 1)), x=x)


def mobilevit(b: Block) -> None:
    stem = b.swish(b.conv_norm(3, 8, strides=[2, 2]))
    local = b.conv(8, 12, 1, 1, bias=False, x=b.swish(b.conv_norm(8, 8)))
    tall = b.transpose(0, 2, 1, 3, x=b.reshape(local, -1, 2, 8, 2))  # 12 channels of 8 rows of 8 pairs of columns
    patches = b.transpose(0, 3, 2, 1, x=b.reshape(tall, -1, 12, 64, 4))
    x = b.reshape(patches, -1, 64, 12)
    x = b.add("Add", b.attend(b.layer_norm(12, x), 12, 3), x=x)
    tokens = b.transpose(0, 3, 2, 1, x=b.reshape(b.layer_norm(12, x), -1, 4, 64, 12))
    back = b.transpose(0, 2, 1, 3, x=b.reshape(tokens, -1, 8, 2, 2))
    folded = b.swish(b.conv_norm(12, 8, 1, 1, x=b.reshape(back, b.size(stem, 0), 12, 16, 16)))
    b.swish(b.conv_norm(16, 8, x=b.add("Concat", folded, x=stem, axis=1)))


def unet_3d(b: Block) -> None:
    def layer(before: int, after: int, x: str | None = None, **more: Any) -> str:
        b.conv(before, after, 3, 3, 3, x=x, **more)
        b.add("InstanceNormalization", b.factors(after), b.weights(after))
        return b.add("PRelu", b.constant(np.full((1, 1, 1, 1), 0.25, np.float32)))

    top = layer(1, 4)
    b.add("Add", b.conv(4, 8, 3, 3, 3, x=top, strides=[2, 2, 2]), x=layer(4, 8, top, strides=[2, 2, 2]))
    b.add("ConvTranspose", b.weights(8, 4, 2, 2, 2), b.weights(4), strides=[2, 2, 2], kernel_shape=[2, 2, 2])
    layer(8, 4, b.add("Concat", top, axis=1))
    b.conv(4, 2, 1, 1, 1)


def unetr(b: Block) -> None:
    patches = b.conv(1, 12, 4, 4, 4, strides=[4, 4, 4], pads=[0] * 6)
    tokens = b.transpose(0, 2, 1, x=b.reshape(patches, b.size(patches, 0), 12, 8))
    x = b.add("Add", b.weights(1, 8, 12), x=tokens)
    many = b.reshape(b.add("MatMul", b.matrix(12, 36), x=b.layer_norm(12, x)), b.size(x, 0), b.size(x, 1), 3, 3, 4)
    many = b.transpose(2, 0, 3, 1, 4, x=many)
    q, k, v = (b.add("Gather", b.constant(np.int64(i)), x=many, axis=0) for i in range(3))
    scores = b.add("Mul", b.number(0.5), x=b.add("Einsum", k, x=q, equation="blxd,blyd->blxy"))
    made = b.add("Einsum", v, x=b.add("Softmax", x=scores, axis=-1), equation="bhxy,bhyd->bhxd")
    made = b.reshape(b.transpose(0, 2, 1, 3, x=made), b.size(x, 0), b.size(x, 1), 12)
    x = b.add("Add", b.linear(12, 12, made), x=x)
    volume = b.transpose(0, 4, 1, 2, 3, x=b.reshape(b.layer_norm(12, x), b.size(x, 0), 2, 2, 2, 12))
    b.add("ConvTranspose", b.weights(12, 4, 2, 2, 2), strides=[2, 2, 2], kernel_shape=[2, 2, 2], x=volume)
    b.add("LeakyRelu", x=b.add("InstanceNormalization", b.factors(4), b.weights(4)), alpha=0.01)


def hovernet(b: Block) -> None:
    stem = b.add("Relu", x=b.conv_norm(3, 8, 7, 7, pads=[0] * 4))
    b.add("Relu", x=b.conv_norm(8, 8, 1, 1))
    b.add("Relu", x=b.conv_norm(8, 8, strides=[2, 2]))
    deep = b.conv(8, 16, 1, 1, bias=False)
    x = b.add("Add", b.conv(8, 16, 1, 1, bias=False, x=stem, strides=[2, 2]), x=deep)
    b.add("Relu", x=b.norm(16))
    up = b.add(
        "Resize",
        "",
        b.constant(np.array([1, 1, 2, 2], np.float32)),
        mode="nearest",
        nearest_mode="floor",
        coordinate_transformation_mode="asymmetric",
        x=b.conv(16, 8, 1, 1, x=b.last),
    )
    limits = b.numbers(1, 1), b.numbers(-1, -1), b.numbers(2, 3)
    x = b.add("Add", b.add("Slice", *limits, x=stem), x=b.add("Slice", *limits, x=up))
    b.add("Relu", x=b.conv_norm(8, 8, 1, 1, x=x))
    b.conv(8, 4, 5, 5, group=4, pads=[0] * 4, bias=False)
    b.add("Concat", b.add("Slice", b.numbers(2, 2), b.numbers(-2, -2), b.numbers(2, 3), x=x), axis=1)


def meshnet(b: Block) -> None:
    before = 1
    for dilation in (1, 2, 4, 2, 1):
        b.add("Relu", x=b.conv_norm(before, 5, 3, 3, 3, dilations=[dilation] * 3))
        before = 5
    b.conv(5, 3, 1, 1, 1)


def deeplab(b: Block) -> None:
    x = b.add("Relu", x=b.conv_norm(3, 8, strides=[2, 2]))
    branches = [b.add("Relu", x=b.conv_norm(8, 4, 1, 1, x=x))]
    branches += [b.add("Relu", x=b.conv_norm(8, 4, x=x, dilations=[rate] * 2)) for rate in (2, 4)]
    b.add("Relu", x=b.conv_norm(8, 4, 1, 1, x=b.add("GlobalAveragePool", x=x)))
    branches.append(resized(b, x, b.last, 4))
    b.add("Concat", *branches[1:], x=branches[0], axis=1)
    b.conv(4, 3, 1, 1, x=b.add("Relu", x=b.conv_norm(16, 4, 1, 1)))
    resized(b, "x", b.last, 3)


def resized(b: Block, like: str, x: str, channels: int) -> str:
    """As big as another value."""
    rest = b.add("Slice", b.numbers(2), b.numbers(4), b.numbers(0), x=b.add("Shape", x=like))
    sizes = b.add("Concat", b.numbers(channels), rest, x=b.size(x, 0), axis=0)
    return b.add("Resize", "", "", sizes, x=x, mode="linear")


def shufflenet(b: Block) -> None:
    x = b.add("Relu", x=b.conv_norm(3, 8, strides=[2, 2]))
    halves = [b.add("Slice", b.numbers(i), b.numbers(i + 4), b.numbers(1), x=x) for i in (0, 4)]
    b.add("Relu", x=b.conv_norm(4, 4, 1, 1, x=halves[1]))
    b.add("Relu", x=b.conv_norm(4, 4, 1, 1, x=b.conv_norm(4, 4, group=4)))
    joined = b.add("Concat", b.last, x=halves[0], axis=1)
    size = [b.size(joined, axis) for axis in (0, 2, 3)]
    mixed = b.transpose(0, 2, 1, 3, 4, x=b.reshape(joined, size[0], 2, 4, size[1], size[2]))
    b.conv(8, 4, 1, 1, x=b.reshape(mixed, size[0], -1, size[1], size[2]))


def squeezenet(b: Block) -> None:
    x = b.add("MaxPool", x=b.add("Relu", x=b.conv(3, 8)), kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    x = b.add("Relu", x=b.conv(8, 4, 1, 1, x=x))
    sides = [b.add("Relu", x=b.conv(4, 8, n, n, x=x)) for n in (1, 3)]
    b.add("Relu", x=b.conv(16, 5, 1, 1, x=b.add("Concat", sides[1], x=sides[0], axis=1)))
    b.add("Flatten", x=b.add("GlobalAveragePool"))


def inception(b: Block) -> None:
    x = b.add("Relu", x=b.conv_norm(3, 6, strides=[2, 2], pads=[0] * 4))
    tall = b.add("Relu", x=b.conv_norm(6, 4, 1, 7, x=x))
    tall = b.add("Relu", x=b.conv_norm(4, 4, 7, 1, x=tall))
    pooled = b.add("AveragePool", x=x, kernel_shape=[3, 3], strides=[1, 1], pads=[1] * 4, count_include_pad=1)
    pooled = b.add("Relu", x=b.conv_norm(6, 4, 1, 1, x=pooled))
    b.add("Concat", tall, pooled, x=b.add("Relu", x=b.conv_norm(6, 4, 1, 1, x=x)), axis=1)
    b.add("MaxPool", kernel_shape=[3, 3], strides=[2, 2])
