"""Fuses an activation into the operator that makes its input."""

from __future__ import annotations

import math

import numpy as np

from ..attributes import real, text
from ..edit import Editor
from ..ir import Attribute, Graph, Node
from ..operators import ACTIVATIONS, ALPHAS, can_carry


def run(graph: Graph) -> bool:
    """True if any was fused."""
    editor = Editor(graph)
    changed = False
    for activation in list(graph.nodes):
        if activation.op not in ACTIVATIONS:
            continue
        source = activation.inputs[0]
        node = editor.maker(source)
        if node is None or not can_carry(node):
            continue
        described = _described(editor, activation)
        if described is None or editor.only_user(source) is not activation or not _is_float(graph, source):
            continue
        node.attributes |= described
        editor.absorb_next(node, activation)
        changed = True
    return changed


def _is_float(graph: Graph, name: str) -> bool:
    return name in graph.values and graph.values[name].dtype == "f32"


def _described(editor: Editor, node: Node) -> dict[str, Attribute] | None:
    """The activation as attributes; None if its limits are not constant."""
    fused: dict[str, Attribute] = {"activation": node.op}
    if node.op in ALPHAS:
        fused["activation_alpha"] = real(node, "alpha", ALPHAS[node.op])
    elif node.op == "Gelu" and text(node, "approximate", "none") == "tanh":
        fused["activation"] = "GeluTanh"
    elif node.op == "HardSigmoid":
        fused |= {"activation_alpha": real(node, "alpha", 0.2), "activation_beta": real(node, "beta", 0.5)}
    elif node.op == "Clip":
        for key, index, none in (("activation_alpha", 1, -math.inf), ("activation_beta", 2, math.inf)):
            name = node.inputs[index] if len(node.inputs) > index else ""
            limit = editor.constant(name) if name else np.array(none)
            if limit is None or limit.size != 1:
                return None
            fused[key] = float(limit.reshape(-1)[0])
    return fused
