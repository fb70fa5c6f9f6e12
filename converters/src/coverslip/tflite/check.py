"""Compares each operator of an imported network with LiteRT's, given the same inputs.

Quantized networks are compared so because rounding that differs by one step in a value moves those behind it: of the
whole network no bound can be told, of each operator it is one step of its output's scale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .. import onnx_double, reference
from ..draws import Draw
from ..errors import Disagreement, Errc
from ..ir import Array
from ..verify import CLOSE, Difference
from . import litert
from .build import TO_LAST, TO_PLANAR, Made
from .file import Tensor
from .reader import Imported

AGAINST = "the operator in LiteRT"

TINY = 1e-3
"""Answers smaller than this are compared as if they were as large: they are differences of larger ones."""

_HYBRID: dict[str, tuple[int, list[tuple[int, ...]]]] = {
    "BATCH_MATMUL": (0, [(-1,), (-2,)]),
    "CONV_2D": (0, [(1, 2, 3)]),
    "DEPTHWISE_CONV_2D": (0, [(0, 1, 2)]),
    "FULLY_CONNECTED": (0, [(1,)]),
    "TRANSPOSE_CONV": (2, [(1, 2, 3)]),
}
"""Operators that LiteRT runs on floats and 8-bit weights by rounding the floats too: which input those are, and the
axes of the weights, one way or the other, along which it sums."""


def check(imported: Imported, source: Path, draw: Draw) -> Difference:
    """Of the operator that differs most for what it may. Raises Disagreement where one does too much.

    Raises Error where LiteRT cannot run the file.
    """
    graph = imported.graph
    named = {name: made.tensor for name, made in imported.made.items() if name not in graph.constants}
    wanted = sorted({*named.values(), *imported.network.inputs})
    found = litert.run(source, [draw.feeds[value.name] for value in graph.inputs], wanted)
    values = {name: reference.widen(array) for name, array in {**graph.constants, **draw.feeds}.items()}
    last_use = {name: i for i, node in enumerate(graph.nodes) for name in node.inputs}
    beside = _Beside(imported.network.tensors, found, draw)
    for i, node in enumerate(graph.nodes):
        inputs = [values[name] if name else None for name in node.inputs]
        computed = [reference.evaluate(node, inputs)] if reference.knows(node) else onnx_double.evaluate(node, inputs)
        for name, array in zip(node.outputs, computed, strict=True):
            values[name] = beside.replaced(imported.made[name], array) if name in named else array
        for name in node.inputs:
            if name and last_use[name] == i:
                values.pop(name, None)
    return beside.farthest


@dataclass
class _Beside:
    """Values beside LiteRT's."""

    tensors: list[Tensor]
    found: dict[int, Array]
    draw: Draw
    farthest: Difference = field(default_factory=lambda: Difference("", AGAINST, 0.0, 0.0))
    _part: float = -1.0  # of what it may differ, the farthest does

    def replaced(self, made: Made, array: Array) -> Array:
        """LiteRT's value, which the operators behind are given."""
        tensor, expected = self.tensors[made.tensor], self.found[made.tensor]
        answer = array.transpose(TO_LAST) if made.planar else array
        if answer.shape != expected.shape:
            text = f"makes {list(answer.shape)}, LiteRT {list(expected.shape)}"
            raise Disagreement(Errc.BadModel, _label(made, tensor), text)
        a, b = np.asarray(expected, np.float64), np.asarray(answer, np.float64)
        apart = np.nan_to_num(np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b)), nan=np.inf)
        largest, allowed = float(apart.max(initial=0.0)), self._allowed(made, a)
        if largest > allowed:
            at = np.unravel_index(int(apart.argmax()), apart.shape)
            text = f"differs from LiteRT's, given the same inputs, by {largest:.3g}; {allowed:.3g} would be rounding"
            place = f"at {[int(i) for i in at]} it is {b[at]:.7g} instead of {a[at]:.7g} ({self.draw.what})"
            raise Disagreement(Errc.BadModel, _label(made, tensor), f"{text}\n{place}; nothing was written")
        if largest / allowed > self._part:
            scale = float(np.nan_to_num(np.abs(a), posinf=0.0).max(initial=0.0))
            self.farthest, self._part = Difference(tensor.name, AGAINST, largest, scale), largest / allowed
        return reference.widen(expected.transpose(TO_PLANAR) if made.planar else expected)

    def _allowed(self, made: Made, answers: Array) -> float:
        """One step of what is quantized, rounding of floats, nothing of other integers and truths."""
        tensor = self.tensors[made.tensor]
        if tensor.quantization is not None:
            return 1.0
        if not tensor.kind.startswith("FLOAT"):
            return math.ulp(0.0)
        finite = answers[np.isfinite(answers)]
        return CLOSE * max(float(np.abs(finite).max(initial=0.0)), TINY) + self._hybrid(made)

    def _hybrid(self, made: Made) -> float:
        """A step of floats that LiteRT rounds to 8 bits, zero point and all, times the weights that they meet."""
        operator = made.operator
        given, sums = _HYBRID.get(operator.kind, (0, []))
        if not sums or operator.inputs[given] not in self.found:
            return 0.0
        x, weights = self.found[operator.inputs[given]], self.tensors[operator.inputs[1]]
        if x.dtype.kind != "f" or weights.quantization is None or weights.data is None:
            return 0.0
        step, size = float(np.abs(x).max(initial=0.0)) / 127, np.abs(weights.real())
        return step * max(float(size.sum(axis=axes).max(initial=0.0)) for axes in sums)


def _label(made: Made, tensor: Tensor) -> str:
    return f"{made.operator.kind} '{tensor.name}'"
