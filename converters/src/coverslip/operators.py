"""The operators that the engine runs, by their ONNX names, and what may be fused into them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from .ir import Node

FUSABLE = ("Conv", "ConvTranspose", "Gemm", "MatMul", "BatchNormalization", "Add")
"""Operators that may carry an activation."""

ACTIVATIONS = (
    *("Relu", "LeakyRelu", "Clip", "Sigmoid", "HardSigmoid", "Elu", "HardSwish", "Tanh", "Mish", "Gelu", "Swish"),
)
"""Activations that they carry. GeluTanh, which is no operator, is a Gelu with `approximate`."""

ALPHAS = {"LeakyRelu": 0.01, "Elu": 1.0, "Swish": 1.0}
"""Those with an alpha alone, and what it is if not given."""

RESIDUAL_INPUT = {"Conv": 3, "Gemm": 3, "MatMul": 3}
"""Operators that may add one more input, of the output's shape, before the activation."""

BIAS_INPUT = {"MatMul": 2}
"""Operators that may add one number a column, which ONNX's do not."""

LISTED = Path(__file__).with_name("operators.txt")
"""Made by operators_export.py: what the engine of this version has, for converting where it is not installed."""


@cache
def known() -> frozenset[str]:
    """The operators of the installed engine; without one, those that the file lists."""
    try:
        from . import _engine
    except ImportError:
        return frozenset(LISTED.read_text(encoding="ascii").split())
    return frozenset(_engine.operators())


def can_carry(node: Node) -> bool:
    """Whether something may be fused into the node: nothing is yet, and it has one output."""
    return node.op in FUSABLE and "activation" not in node.attributes and len(node.outputs) == 1
