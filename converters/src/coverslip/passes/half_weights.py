"""Stores big constants as 16-bit floats, each with a Cast to f32 behind it; runs last, if a precision asks for it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .. import dtypes
from ..edit import Editor
from ..ir import Array, Graph, Node, Value
from .rounding import keeping_sums, nearest, summed_axes

DTYPES = {"float16": "f16", "bfloat16": "bf16"}
"""Names of precisions, and of the file's element types."""

LEAST = 1024
"""Elements of a constant that is stored so. Smaller ones gain nothing, nor do vectors: biases and factors of norms."""

_DIGITS = {"f16": 11, "bf16": 8}
"""Of the significand: a number that is rounded moves by at most 2^-digits of itself."""

_LEAST_EXPONENT = {"f16": -24, "bf16": -133}
"""Of the least number above 0, of which smaller ones are multiples."""

_EXACT = frozenset(
    [
        *("AffineGrid", "GridSample", "NonMaxSuppression", "Resize", "RoiAlign", "RotaryEmbedding"),
        *("DequantizeLinear", "QLinearConv", "QLinearMatMul", "QuantizeLinear"),
    ]
)
"""Operators whose constants are places, angles or units of integers; rounding those moves pixels and all integers."""


@dataclass
class HalfWeights:
    """What was stored in 16 bits, and what was not, though it is big, and why."""

    precision: str
    rounded: dict[str, Array] = field(default_factory=dict)  # by the name that the f32 values have
    kept: list[str] = field(default_factory=list)
    bytes_before: int = 0  # of all constants
    bytes_after: int = 0


def run(graph: Graph, precision: str) -> HalfWeights:
    """Rewrites the graph in place."""
    dtype, editor, done = DTYPES[precision], Editor(graph), HalfWeights(precision)
    done.bytes_before = sum(array.nbytes for array in graph.constants.values())
    for name, array in list(graph.constants.items()):
        users = editor.users(name)
        exact = editor.is_output(name) or any(node.op in _EXACT for node in users)
        if array.dtype != np.float32 or array.size < LEAST or max(array.shape) == array.size or exact or not users:
            continue
        half = nearest(array, dtype)
        lost = _lost(array, half, dtype)
        if lost:
            done.kept.append(f"constant '{name}' stays float32: {lost}")
            continue
        axes = {summed_axes(node, name, array.ndim) for node in users}
        if len(axes) == 1 and (summed := axes.pop()):
            half = keeping_sums(array, half, summed)
        _store(editor, name, half)
        done.rounded[name] = half
    done.bytes_after = sum(array.nbytes for array in graph.constants.values())
    return done


def shaken(array: Array, dtype: str, random: np.random.Generator) -> Array:
    """Each number moved at random by at most half a last place of the type: as far as rounding may move it."""
    exponents = np.maximum(np.frexp(array)[1] - _DIGITS[dtype], _LEAST_EXPONENT[dtype]) - 1
    places = random.uniform(-1.0, 1.0, array.shape).astype(np.float32)
    moved: Array = np.where(np.isfinite(array) & (array != 0), array + np.ldexp(places, exponents), array)
    return moved


def _lost(array: Array, half: Array, dtype: str) -> str:
    """Why the rounded numbers do not stand for the others; empty if they do."""
    wide = half.astype(np.float32)
    finite = np.isfinite(array)
    beyond = int(np.count_nonzero(finite & ~np.isfinite(wide)))
    if beyond:
        largest = np.abs(array[finite]).max()
        return f"{beyond} of its {array.size} numbers are too large for 16 bits, up to {largest:.3g}"
    size = float(np.sqrt(np.sum(np.square(array, dtype=np.float64), where=finite)))
    with np.errstate(invalid="ignore"):
        error = float(np.sqrt(np.sum(np.square(wide - array, dtype=np.float64), where=finite)))
    # Numbers that 16 bits hold in full lose at most this part each, and so do all of them together.
    if error > 2.0 ** -_DIGITS[dtype] * size:
        return f"rounding would lose {error / size:.2g} of it: most of its numbers are too small for 16 bits"
    return ""


def _store(editor: Editor, name: str, half: Array) -> None:
    """Puts the rounded constant behind a Cast in the place of the other; those rows that Gather takes are cast."""
    graph, to = editor.graph, {"to": dtypes.ONNX["f32"]}
    dtype = dtypes.of_array(half, name)
    stored, shape = editor.add_constant(f"{name}.{dtype}", half), half.shape
    for node in editor.users(name):
        if node.op != "Gather" or node.inputs[1] == name:
            continue
        rows, result = editor.fresh(f"{node.outputs[0]}.{dtype}"), node.outputs[0]
        if result in graph.values:
            graph.values[rows] = Value(rows, dtype, graph.values[result].shape)
        editor.set_inputs(node, [stored, *node.inputs[1:]])
        editor.set_outputs(node, [rows])
        editor.insert_after(node, Node("Cast", f"{node.name}.widened", [rows], [result], dict(to)))
    users = {id(node) for node in editor.users(name)}
    del graph.constants[name]
    if users:
        first = next(node for node in graph.nodes if id(node) in users)
        graph.values[name] = Value(name, "f32", shape)
        editor.insert_before(first, Node("Cast", f"{name}.widened", [stored], [name], dict(to)))
