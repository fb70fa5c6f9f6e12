"""Random graphs in 16-bit floats: those of random_graphs, where ONNX lets all of their operators compute so."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from random_graphs import Case, Outcome, Way, compare, draw
from random_layers import MATRICES, NORMS, WINDOWS
from random_ops import AXES, ELEMENTS, SHAPES, Emit

from coverslip import runtime

ULP = 2.0**-11
NOISE = 4 * ULP
SPREAD = 128 * ULP
CLOSE = 16 * ULP
"""A node rounds by half an ULP, an eighth of the noise."""

WIDE = ("NonMaxSuppression", "OneHot", "Range")
"""What makes or takes float32 alone."""

FAMILIES: tuple[dict[str, Emit], ...] = (
    *(ELEMENTS, {name: emit for name, emit in SHAPES.items() if name not in WIDE}),
    *(WINDOWS, WINDOWS, AXES, NORMS, MATRICES),
)


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with every float in 16 bits, but for the scales of Resize."""
    half = onnx.ModelProto()
    half.CopyFrom(model)
    scales = {node.input[2] for node in model.graph.node if node.op_type == "Resize" and len(node.input) > 2}
    for tensor in half.graph.initializer:
        if tensor.name not in scales:
            _halve(tensor)
    for info in [*half.graph.input, *half.graph.output]:
        if info.type.tensor_type.elem_type == TensorProto.FLOAT:
            info.type.tensor_type.elem_type = TensorProto.FLOAT16
    for attribute in (attribute for node in half.graph.node for attribute in node.attribute):
        if attribute.HasField("t"):
            _halve(attribute.t)
        if attribute.name in ("to", "dtype") and attribute.i == TensorProto.FLOAT:
            attribute.i = TensorProto.FLOAT16
    return half


def _halve(tensor: onnx.TensorProto) -> None:
    if tensor.data_type == TensorProto.FLOAT:
        array = numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


def check(seed: int) -> Outcome:
    """Compares the graph of a seed, which ONNX may refuse."""
    d = draw(seed, FAMILIES, NOISE, SPREAD)
    model = halved(d.model())
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # of several kinds
        return Outcome(seed, refused=f"ONNX: {error}")
    given = d.feeds().items()
    feeds = {name: array.astype(np.float16) if array.dtype == np.float32 else array for name, array in given}
    targets = runtime.cpu().targets
    return compare(seed, Case(model, feeds, CLOSE), [Way(), Way(target=targets[seed % len(targets)])])
