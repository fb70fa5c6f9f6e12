"""Shape rules of sliding windows: explicit padding, output lengths, taps."""

from __future__ import annotations

from dataclasses import dataclass

from .attributes import integer, integers, label, text
from .errors import Errc, Error
from .ir import Node

WINDOWED = ("Conv", "ConvTranspose", "MaxPool", "AveragePool")


@dataclass(frozen=True)
class Window:
    """A convolution's or pool's window along each spatial axis."""

    kernel: list[int]
    strides: list[int]
    dilations: list[int]
    begin: list[int]
    end: list[int]

    def reach(self, axis: int) -> int:
        """How many positions the window spans."""
        return self.dilations[axis] * (self.kernel[axis] - 1) + 1


def of(node: Node, kernel: list[int]) -> Window:
    """The window that a node's attributes describe. Padding must be explicit already."""
    rank = len(kernel)
    ones = [1] * rank
    mode = text(node, "auto_pad", "NOTSET")
    if mode not in ("NOTSET", "VALID"):
        raise Error(Errc.Unsupported, label(node), f"padding '{mode}' depends on the input's size; give it by --shape")
    pads = [0] * (2 * rank) if mode == "VALID" else integers(node, "pads", [0] * (2 * rank))
    strides, dilations = integers(node, "strides", ones), integers(node, "dilations", ones)
    if len(pads) != 2 * rank or len(strides) != rank or len(dilations) != rank:
        raise Error(Errc.BadModel, label(node), f"pads, strides or dilations do not fit a kernel of {rank} axes")
    if min(kernel + strides + dilations, default=1) < 1:
        raise Error(Errc.BadModel, label(node), "kernel, strides and dilations must be 1 or more")
    return Window(kernel, strides, dilations, pads[:rank], pads[rank:])


def out_length(window: Window, axis: int, size: int, ceil: bool = False) -> int:
    """Positions of the window along an axis of `size`. With `ceil` the last may begin inside and end outside."""
    stride = window.strides[axis]
    span = size + window.begin[axis] + window.end[axis] - window.reach(axis)
    length = (span + stride - 1 if ceil else span) // stride + 1
    if ceil and (length - 1) * stride >= size + window.begin[axis]:
        length -= 1  # a window that begins in the end padding does not count
    return length


def same_pads(size: int, reach: int, stride: int, upper: bool) -> tuple[int, int]:
    """Padding that makes ceil(size / stride) positions; the odd one goes to the end if `upper`."""
    total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    small, large = total // 2, total - total // 2
    return (small, large) if upper else (large, small)


def transposed_length(window: Window, axis: int, size: int, extra: int) -> int:
    """Length of a transposed convolution's output."""
    return (size - 1) * window.strides[axis] + window.reach(axis) + extra - window.begin[axis] - window.end[axis]


def ceil_mode(node: Node) -> bool:
    """Whether a pool rounds its output length up."""
    return integer(node, "ceil_mode", 0) != 0
