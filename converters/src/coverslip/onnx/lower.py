"""Writes operators in the form in which the engine has them: that of the newest opset, or other operators."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .. import dtypes
from ..attributes import integer, integers, label, real, text
from ..errors import Errc, Error
from ..ir import FREE, Array, Graph, Node, Value
from . import einsum

Rule = Callable[[Node, "Lowering"], "list[Node] | None"]
"""The nodes that do the same, or None where this one stays as it is."""


class Lowering:
    """What rules may ask about the graph, and the constants that they add."""

    def __init__(self, graph: Graph, opset: int, known: frozenset[str]) -> None:
        self.graph, self.opset, self.known = graph, opset, known
        self.read = {name for node in graph.nodes for name in node.inputs} | {value.name for value in graph.outputs}
        self._types = {value.name: value for value in [*graph.inputs, *graph.values.values()]}

    def shape(self, name: str) -> tuple[int, ...] | None:
        """The shape of a value, if its rank is known."""
        if name in self.graph.constants:
            return self.graph.constants[name].shape
        value: Value | None = self._types.get(name)
        return None if value is None else value.shape

    def dtype(self, name: str) -> str:
        """The element type of a value, "" where it is not known."""
        if name in self.graph.constants:
            return dtypes.of_array(self.graph.constants[name], f"constant '{name}'")
        return self._types[name].dtype if name in self._types else ""

    def array(self, node: Node, index: int) -> Array | None:
        """An input, if it is a constant."""
        return self.graph.constants.get(node.inputs[index]) if index < len(node.inputs) else None

    def integers(self, name: str) -> list[int] | None:
        """A constant list of integers."""
        array = self.graph.constants.get(name)
        return None if array is None else [int(item) for item in np.asarray(array).reshape(-1)]

    def constant(self, node: Node, what: str, array: Array) -> str:
        """Adds a constant that belongs to a node."""
        name = f"{node.outputs[0]}.{what}"
        self.graph.constants[name] = array
        return name


def run(graph: Graph, opset: int, known: frozenset[str]) -> None:
    """Applies the rules to every node, once."""
    lowering = Lowering(graph, opset, known)
    nodes: list[Node] = []
    for node in graph.nodes:
        rule = _RULES.get(node.op) or (None if node.op in known else _SUBSTITUTES.get(node.op))
        lowered = rule(node, lowering) if rule else None
        nodes += [node] if lowered is None else lowered
    graph.nodes = nodes


def _dropout(node: Node, lowering: Lowering) -> list[Node] | None:
    """Nothing is dropped when a network runs; the mask, if anything reads it, is true everywhere.

    Where the input decides whether it trains, the engine looks.
    """
    if len(node.inputs) > 2 and node.inputs[2]:
        training, ratio = lowering.array(node, 2), lowering.array(node, 1)
        nothing = ratio is not None and not np.any(ratio)
        if training is None and not nothing and node.op in lowering.known:
            return None
        if (training is None or np.any(training)) and not nothing:
            text = "drops numbers at random, which only training does; set its training_mode to false"
            raise Error(Errc.Unsupported, label(node), text)
    made = [Node("Identity", node.name, node.inputs[:1], node.outputs[:1])]
    if len(node.outputs) > 1 and node.outputs[1] in lowering.read:
        shape, true = f"{node.outputs[1]}.shape", lowering.constant(node, "true", np.array([True]))
        made.append(Node("Shape", f"{node.name}.shape", node.inputs[:1], [shape]))
        made.append(Node("ConstantOfShape", f"{node.name}.mask", [shape, true], node.outputs[1:2]))
    return made


def _cast(node: Node, _: Lowering) -> None:
    for key in ("saturate", "round_mode"):  # speak of float8 alone
        node.attributes.pop(key, None)


def _cast_like(node: Node, lowering: Lowering) -> list[Node] | None:
    wanted = lowering.dtype(node.inputs[1])
    if not wanted:
        return None
    return [Node("Cast", node.name, node.inputs[:1], node.outputs, {"to": dtypes.ONNX[wanted]})]


def _batch_norm(node: Node, lowering: Lowering) -> list[Node] | None:
    """Without what only training reads; one that keeps no statistics norms by those of the batch itself."""
    if integer(node, "training_mode", 0) or (lowering.opset < 14 and len(node.outputs) > 1):
        return _batch_norm_of_batch(node, lowering)
    for key in ("momentum", "training_mode"):
        node.attributes.pop(key, None)
    return None


def _batch_norm_of_batch(node: Node, lowering: Lowering) -> list[Node]:
    x, y = node.inputs[0], node.outputs[0]
    shape = lowering.shape(x)
    if shape is None or len(shape) < 2 or lowering.dtype(x) != "f32":
        found = f"found {lowering.dtype(x) or 'unknown elements'}, shape {shape or 'unknown'}"
        raise Error(Errc.Unsupported, label(node), f"is in training form, which f32 with channels may have; {found}")
    axes = lowering.constant(node, "axes", np.array([axis for axis in range(len(shape)) if axis != 1], np.int64))
    kept, centred, squared, mean, variance = (f"{y}.{what}" for what in ("kept", "centred", "squared", "mean", "var"))
    made = [
        Node("ReduceMean", kept, [x, axes], [kept], {"keepdims": 1}),
        Node("Sub", centred, [x, kept], [centred]),
        Node("Mul", squared, [centred, centred], [squared]),
        Node("ReduceMean", variance, [squared, axes], [variance], {"keepdims": 0}),
        Node("Squeeze", mean, [kept, axes], [mean]),
        Node(node.op, node.name, [x, *node.inputs[1:3], mean, variance], [y], {"epsilon": real(node, "epsilon", 1e-5)}),
    ]
    momentum = real(node, "momentum", 0.9)
    for running, before, now in zip(node.outputs[1:], node.inputs[3:5], (mean, variance), strict=False):
        if running in lowering.read:
            parts = [(before, momentum, f"{running}.before"), (now, 1 - momentum, f"{running}.now")]
            for value, factor, part in parts:
                share = lowering.constant(node, f"{part}.share", np.array(factor, np.float32))
                made.append(Node("Mul", part, [value, share], [part]))
            made.append(Node("Add", running, [part for _, _, part in parts], [running]))
    for saved, now in zip(node.outputs[3:], (mean, variance), strict=False):  # before opset 14
        made += [Node("Identity", saved, [now], [saved])] if saved in lowering.read else []
    return made


def _einsum(node: Node, lowering: Lowering) -> list[Node] | None:
    """With a letter for each axis, of one size wherever it stands: so its shape can be inferred."""
    shapes = [lowering.shape(name) for name in node.inputs]
    known = [shape for shape in shapes if shape is not None]
    plain = einsum.without_broadcasting(text(node, "equation", ""), known) if len(known) == len(shapes) else None
    if plain is None:
        return None
    equation, single = plain
    made, given = [], list(node.inputs)
    for i, axes in enumerate(single):
        if axes:
            given[i] = f"{node.outputs[0]}.operand{i}"
            held = lowering.constant(node, f"axes{i}", np.array(axes, np.int64))
            made.append(Node("Squeeze", given[i], [node.inputs[i], held], [given[i]]))
    return [*made, Node(node.op, node.name, given, list(node.outputs), {"equation": equation})]


def _grid_sample(node: Node, _: Lowering) -> None:
    mode = text(node, "mode", "linear")
    node.attributes["mode"] = {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode)


def _roi_align(node: Node, lowering: Lowering) -> None:
    if lowering.opset < 16:
        node.attributes.setdefault("coordinate_transformation_mode", "output_half_pixel")


def _group_norm(node: Node, _: Lowering) -> None:
    node.attributes.pop("stash_type", None)  # the engine computes in f32 in any case


def _mean_variance(node: Node, _: Lowering) -> None:
    node.attributes.setdefault("axes", [0, 2, 3])  # its definition has no default, so types are not inferred without


def _split(node: Node, _: Lowering) -> None:
    """How many parts is stated since opset 18."""
    if len(node.inputs) < 2 or not node.inputs[1]:
        node.attributes.setdefault("num_outputs", len(node.outputs))


def _reduce(node: Node, lowering: Lowering) -> None:
    """Axes are an input since opset 18."""
    axes = integers(node, "axes", [])
    if node.attributes.pop("axes", None) is not None:
        node.inputs = [node.inputs[0], lowering.constant(node, "axes", np.array(axes, np.int64))]


def _reduce_mean(node: Node, lowering: Lowering) -> list[Node] | None:
    """A mean over all spatial axes is a global pool."""
    _reduce(node, lowering)
    shape = lowering.shape(node.inputs[0])
    axes = lowering.integers(node.inputs[1]) if len(node.inputs) > 1 else None
    if shape is None or not axes or len(shape) < 3 or lowering.dtype(node.inputs[0]) != "f32":
        return None
    if sorted(axis + len(shape) if axis < 0 else axis for axis in axes) != list(range(2, len(shape))):
        return None
    if integer(node, "keepdims", 1):
        return [Node("GlobalAveragePool", node.name, node.inputs[:1], list(node.outputs))]
    pooled = f"{node.outputs[0]}.pooled"
    return [
        Node("GlobalAveragePool", f"{node.name}.pool", node.inputs[:1], [pooled]),
        Node("Flatten", node.name, [pooled], list(node.outputs), {"axis": 1}),
    ]


def _subtract(node: Node, lowering: Lowering) -> list[Node] | None:
    array = lowering.array(node, 1)
    if array is None or array.dtype != np.float32:
        return None
    negative = lowering.constant(node, "negative", np.negative(array))
    return [Node("Add", node.name, [node.inputs[0], negative], list(node.outputs))]


def _divide(node: Node, lowering: Lowering) -> list[Node] | None:
    """By a constant: the product with its inverse, which what stands before can take in."""
    array = lowering.array(node, 1)
    if array is None or array.dtype != np.float32 or not np.all(array):
        return None
    inverse = lowering.constant(node, "inverse", (1.0 / array.astype(np.float64)).astype(np.float32))
    return [Node("Mul", node.name, [node.inputs[0], inverse], list(node.outputs))]


def _pad(node: Node, lowering: Lowering) -> None:
    """Padding of some axes, as padding of all."""
    while not node.inputs[-1]:
        node.inputs.pop()
    if len(node.inputs) < 4:
        return
    shape, pads, axes = lowering.shape(node.inputs[0]), *map(lowering.integers, (node.inputs[1], node.inputs[3]))
    if shape is None or pads is None or axes is None:
        return
    _check_axes(node, axes, len(shape), pads, 2)
    full = [0] * (2 * len(shape))
    for i, axis in enumerate(axes):
        full[axis % len(shape)] = pads[i]
        full[axis % len(shape) + len(shape)] = pads[i + len(axes)]
    whole = lowering.constant(node, "pads", np.array(full, np.int64))
    node.inputs = [node.inputs[0], whole, *filter(None, [node.inputs[2]])]


def _check_axes(node: Node, axes: list[int], rank: int, numbers: Sequence[float] | Array, each: int) -> None:
    """Refuses axes that the input does not have, or has twice, and more or fewer numbers than `each` for one."""
    if len(numbers) != each * len(axes):
        text = f"expected {each * len(axes)} numbers for axes {axes}, found {len(numbers)}"
        raise Error(Errc.BadShape, label(node), text)
    if not all(-rank <= axis < rank for axis in axes) or len({axis % rank for axis in axes}) < len(axes):
        raise Error(Errc.BadShape, label(node), f"expected different axes of an input of rank {rank}, found {axes}")


def _resize(node: Node, lowering: Lowering) -> None:
    """Without what is not read: a region where nothing is cropped, an empty input, a rounding of no use."""
    inputs = [*node.inputs, "", "", ""][:4]
    if text(node, "coordinate_transformation_mode", "half_pixel") != "tf_crop_and_resize":
        inputs[1] = ""
        node.attributes.pop("extrapolation_value", None)
    for i in (2, 3):
        if inputs[i] and lowering.shape(inputs[i]) == (0,):
            inputs[i] = ""
    if text(node, "mode", "nearest") != "nearest":
        node.attributes.pop("nearest_mode", None)
    node.inputs = inputs
    if "axes" in node.attributes:
        _resize_all_axes(node, lowering)
    while not node.inputs[-1]:
        node.inputs.pop()


def _resize_all_axes(node: Node, lowering: Lowering) -> None:
    axes, shape, index = integers(node, "axes", []), lowering.shape(node.inputs[0]), 3 if node.inputs[3] else 2
    given = lowering.array(node, index)
    policy = text(node, "keep_aspect_ratio_policy", "stretch")
    if shape is None or given is None or node.inputs[1] or policy != "stretch" or (index == 3 and FREE in shape):
        return
    _check_axes(node, axes, len(shape), given.reshape(-1), 1)
    full = np.array(shape, np.int64) if index == 3 else np.ones(len(shape), np.float32)
    full[axes] = given.reshape(-1)
    node.inputs[index] = lowering.constant(node, "axes", full)
    del node.attributes["axes"]


def _hard_swish(node: Node, _: Lowering) -> list[Node]:
    gate = f"{node.outputs[0]}.gate"
    return [
        Node("HardSigmoid", f"{node.name}.gate", list(node.inputs), [gate], {"alpha": 1.0 / 6.0, "beta": 0.5}),
        Node("Mul", node.name, [node.inputs[0], gate], list(node.outputs)),
    ]


def _changing(rule: Callable[[Node, Lowering], None]) -> Rule:
    """A rule that changes the node itself."""

    def changed(node: Node, lowering: Lowering) -> None:
        rule(node, lowering)

    return changed


_REDUCTIONS = ("L1", "L2", "LogSum", "LogSumExp", "Max", "Min", "Prod", "Sum", "SumSquare")

_RULES: dict[str, Rule] = {
    "BatchNormalization": _batch_norm,
    "Cast": _changing(_cast),
    "CastLike": _cast_like,
    "Div": _divide,
    "Dropout": _dropout,
    "Einsum": _einsum,
    "GridSample": _changing(_grid_sample),
    "GroupNormalization": _changing(_group_norm),
    "MeanVarianceNormalization": _changing(_mean_variance),
    "Pad": _changing(_pad),
    "ReduceMean": _reduce_mean,
    "Resize": _changing(_resize),
    "RoiAlign": _changing(_roi_align),
    "Split": _changing(_split),
    "Sub": _subtract,
    **{f"Reduce{kind}": _changing(_reduce) for kind in _REDUCTIONS},
}

_SUBSTITUTES: dict[str, Rule] = {"HardSwish": _hard_swish}
"""For operators that an engine may lack."""

HANDLED = frozenset(("CastLike", "Dropout", *_SUBSTITUTES))
"""Operators that the engine need not have."""
