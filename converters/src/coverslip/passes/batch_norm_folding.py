"""Folds a BatchNormalization into the Conv, ConvTranspose or Gemm that makes its input.

One that stands before a convolution stays: zero padding and activations lie between.
"""

from __future__ import annotations

import numpy as np

from ..attributes import real
from ..edit import Editor
from ..ir import Graph
from . import channels


def run(graph: Graph) -> bool:
    """True if any was folded."""
    editor = Editor(graph)
    changed = False
    for norm in list(graph.nodes):
        if norm.op != "BatchNormalization" or "activation" in norm.attributes or len(norm.outputs) > 1:
            continue
        linear = channels.foldable(editor, editor.maker(norm.inputs[0]))
        constants = editor.constants_of(norm)
        if linear is None or constants is None or editor.only_user(linear.outputs[0]) is not norm:
            continue
        gamma, beta, mean, var = (array.astype(np.float64) for array in constants)
        if channels.count(editor, linear) != gamma.size:
            continue
        scale = gamma / np.sqrt(var + real(norm, "epsilon", 1e-5))
        channels.rescale(editor, linear, scale, beta - mean * scale)
        editor.absorb_next(linear, norm)
        changed = True
    return changed
