"""Turns padding that depends on the input's size into explicit numbers, where that size is known."""

from __future__ import annotations

from .attributes import integers, text
from .ir import FREE, Graph, Node
from .window import WINDOWED, same_pads


def make_explicit(graph: Graph) -> None:
    """Replaces auto_pad and output_shape by pads; where it is not known, the engine works it out."""
    shapes = {value.name: value.shape for value in [*graph.inputs, *graph.values.values()]}
    for node in graph.nodes:
        if node.op not in WINDOWED:
            continue
        mode = text(node, "auto_pad", "NOTSET")
        kernel = _kernel(graph, shapes, node)
        if mode in ("NOTSET", "VALID"):
            node.attributes.pop("auto_pad", None)
            if mode == "VALID":
                node.attributes.pop("pads", None)
        if kernel is None:
            continue
        sizes = list(shapes.get(node.inputs[0], (FREE,) * (len(kernel) + 2))[2:])
        if node.op == "ConvTranspose":
            _transposed(node, kernel, sizes, mode)
        elif mode in ("SAME_UPPER", "SAME_LOWER"):
            _same(node, kernel, sizes, mode == "SAME_UPPER")


def _kernel(graph: Graph, shapes: dict[str, tuple[int, ...]], node: Node) -> list[int] | None:
    if node.op in ("MaxPool", "AveragePool"):
        return integers(node, "kernel_shape", [])
    weights = graph.constants.get(node.inputs[1])
    sizes = list(shapes.get(node.inputs[1], ()) if weights is None else weights.shape)[2:]
    return sizes if sizes and FREE not in sizes else integers(node, "kernel_shape", []) or None


def _same(node: Node, kernel: list[int], sizes: list[int], upper: bool) -> None:
    strides = integers(node, "strides", [1] * len(kernel))
    dilations = integers(node, "dilations", [1] * len(kernel))
    if any(size == FREE and stride != 1 for size, stride in zip(sizes, strides, strict=True)):
        return
    pads = [
        same_pads(max(size, 1) if stride != 1 else 1 << 30, dilation * (k - 1) + 1, stride, upper)
        for size, k, stride, dilation in zip(sizes, kernel, strides, dilations, strict=True)
    ]
    node.attributes["pads"] = [begin for begin, _ in pads] + [end for _, end in pads]
    del node.attributes["auto_pad"]


def _transposed(node: Node, kernel: list[int], sizes: list[int], mode: str) -> None:
    rank = len(kernel)
    strides, dilations = integers(node, "strides", [1] * rank), integers(node, "dilations", [1] * rank)
    extra, wanted = integers(node, "output_padding", [0] * rank), integers(node, "output_shape", [])
    reach = [d * (k - 1) + 1 for d, k in zip(dilations, kernel, strict=True)]
    if wanted:
        if FREE in sizes:
            return
        spans = zip(strides, sizes, extra, reach, wanted[-rank:], strict=True)
        totals = [stride * (size - 1) + more + span - out for stride, size, more, span, out in spans]
    elif mode in ("SAME_UPPER", "SAME_LOWER"):  # the output is the input's size times the stride
        totals = [more + span - stride for more, span, stride in zip(extra, reach, strides, strict=True)]
    else:
        return
    for i, total in enumerate(totals):
        extra[i] += max(-total, 0)
    totals = [max(total, 0) for total in totals]
    less = [total // 2 for total in totals]
    more_half = [total - half for total, half in zip(totals, less, strict=True)]
    node.attributes["pads"] = less + more_half if mode == "SAME_UPPER" else more_half + less
    node.attributes["output_padding"] = extra
    node.attributes.pop("output_shape", None)
    node.attributes.pop("auto_pad", None)
