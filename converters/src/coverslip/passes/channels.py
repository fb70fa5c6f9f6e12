"""Scales and shifts the output channels of a Conv, ConvTranspose or Gemm by changing its constants."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..attributes import integer, real
from ..edit import Editor
from ..ir import Node

Vector: TypeAlias = npt.NDArray[np.float64]

LINEAR = ("Conv", "ConvTranspose", "Gemm")


def foldable(editor: Editor, node: Node | None) -> Node | None:
    """The node, if it is linear, has constant weights and bias and nothing is fused into it yet."""
    if node is None or node.op not in LINEAR or "activation" in node.attributes or len(node.inputs) > 3:
        return None
    weights = editor.constant(node.inputs[1])
    bias = editor.constant(node.inputs[2]) if len(node.inputs) > 2 and node.inputs[2] else None
    if weights is None or weights.dtype != np.float32 or (bias is None and any(node.inputs[2:])):
        return None
    if node.op == "Gemm" and bias is not None and bias.size not in (1, count(editor, node)):
        return None
    return node


def count(editor: Editor, node: Node) -> int:
    """How many output channels a linear node has."""
    shape = editor.graph.constants[node.inputs[1]].shape
    if node.op == "Conv":
        return int(shape[0])
    if node.op == "ConvTranspose":
        return int(shape[1]) * integer(node, "group", 1)
    return int(shape[0] if integer(node, "transB", 0) else shape[1])


def rescale(editor: Editor, node: Node, scale: Vector, shift: Vector) -> None:
    """Makes the node compute scale * y + shift for each channel. All in double, rounded once."""
    channels = count(editor, node)
    weights = editor.graph.constants[node.inputs[1]].astype(np.float64)
    bias = np.zeros(channels)
    if len(node.inputs) > 2 and node.inputs[2]:
        bias = np.broadcast_to(editor.graph.constants[node.inputs[2]].astype(np.float64).reshape(-1), (channels,))
    if node.op == "Gemm":
        bias = bias * real(node, "beta", 1.0)
        node.attributes.pop("beta", None)
    scaled = (weights * _along_outputs(node, scale, weights)).astype(np.float32)
    shifted = (bias * scale + shift).astype(np.float32)
    editor.set_inputs(
        node,
        [
            node.inputs[0],
            editor.add_constant(f"{node.outputs[0]}.weights", scaled),
            editor.add_constant(f"{node.outputs[0]}.bias", shifted),
        ],
    )


def _along_outputs(node: Node, scale: Vector, weights: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """The scale, shaped to multiply the weights."""
    if node.op == "Conv":
        return scale.reshape(-1, *[1] * (weights.ndim - 1))
    if node.op == "ConvTranspose":  # (C, K / group, ...): the channels of a group lie in the rows of its inputs
        groups = integer(node, "group", 1)
        by_group = scale.reshape(groups, 1, -1)
        rows = np.broadcast_to(by_group, (groups, weights.shape[0] // groups, weights.shape[1]))
        return rows.reshape(*weights.shape[:2], *[1] * (weights.ndim - 2))
    return scale.reshape(-1, 1) if integer(node, "transB", 0) else scale.reshape(1, -1)
