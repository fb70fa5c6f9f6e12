"""The operators that the engine runs, with the attributes that it knows of each."""

from __future__ import annotations

from dataclasses import dataclass, field

from .ir import Attribute, Node

FUSABLE = ("Conv", "ConvTranspose", "Gemm", "BatchNormalization", "Add")
"""Operators that may carry an activation."""

ACTIVATIONS = ("Relu", "LeakyRelu", "Clip", "Sigmoid", "HardSigmoid")

RESIDUAL_INPUT = {"Conv": 3, "Gemm": 3}
"""Operators that may add one more input, of the output's shape, before the activation."""

SPATIAL_RANKS = (2,)
"""How many spatial axes convolutions and pools may have."""

WINDOWED = ("Conv", "ConvTranspose", "MaxPool", "AveragePool")

_WINDOW = ("auto_pad", "dilations", "kernel_shape", "pads", "strides")


@dataclass(frozen=True)
class Operator:
    """`keeps` names the attributes that go into the file; `only` lists the values that an attribute may have."""

    inputs: tuple[int, int]
    keeps: tuple[str, ...] = ()
    only: dict[str, tuple[Attribute, ...]] = field(default_factory=dict)


SUPPORTED: dict[str, Operator] = {
    "Add": Operator((2, 2)),
    "AveragePool": Operator((1, 1), ("ceil_mode", "count_include_pad", *_WINDOW), {"dilations": ([1, 1],)}),
    "BatchNormalization": Operator((5, 5), ("epsilon",), {"training_mode": (0,)}),
    "Cast": Operator((1, 1), ("to",), {"saturate": (1,)}),
    "Clip": Operator((1, 3)),
    "Concat": Operator((1, 1 << 16), ("axis",)),
    "Conv": Operator((2, 4), ("group", *_WINDOW)),
    "ConvTranspose": Operator((2, 3), ("group", "output_padding", *_WINDOW)),
    "Flatten": Operator((1, 1), ("axis",)),
    "Gemm": Operator((2, 4), ("alpha", "beta", "transA", "transB")),
    "GlobalAveragePool": Operator((1, 1)),
    "HardSigmoid": Operator((1, 1), ("alpha", "beta")),
    "Identity": Operator((1, 1)),
    "LeakyRelu": Operator((1, 1), ("alpha",)),
    "MatMul": Operator((2, 2)),
    "MaxPool": Operator((1, 1), ("ceil_mode", *_WINDOW), {"storage_order": (0,)}),
    "Mul": Operator((2, 2)),
    "Pad": Operator((2, 3), ("mode",), {"mode": ("constant", "reflect", "edge")}),
    "Relu": Operator((1, 1)),
    "Reshape": Operator((2, 2), ("allowzero",)),
    "Resize": Operator(
        (1, 4),
        ("mode", "coordinate_transformation_mode", "nearest_mode"),
        {
            "mode": ("nearest", "linear"),
            "coordinate_transformation_mode": ("half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners"),
            "nearest_mode": ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"),
            "antialias": (0,),
            "exclude_outside": (0,),
            "keep_aspect_ratio_policy": ("stretch",),
        },
    ),
    "Sigmoid": Operator((1, 1)),
    "Slice": Operator((3, 5)),
    "Softmax": Operator((1, 1), ("axis",)),
    "Transpose": Operator((1, 1), ("perm",)),
}

DROPPED = {
    "BatchNormalization": ("momentum", "training_mode"),
    "Cast": ("saturate",),
    "MaxPool": ("storage_order",),
    "AveragePool": ("dilations",),
    "Resize": ("antialias", "exclude_outside", "keep_aspect_ratio_policy", "cubic_coeff_a", "extrapolation_value"),
}
"""Attributes that say nothing more once `only` holds."""

_FUSED_ATTRIBUTES = ("activation", "activation_alpha", "activation_beta")


def problem(node: Node) -> str | None:
    """Why the engine cannot run the node; None if it can."""
    operator = SUPPORTED.get(node.op)
    if operator is None:
        return "unknown operator"
    if sum(1 for name in node.outputs if name) != 1:
        return "only its first output is made"
    if not operator.inputs[0] <= len(node.inputs) <= operator.inputs[1]:
        return f"{len(node.inputs)} inputs, expected {operator.inputs[0]} to {operator.inputs[1]}"
    known = {*operator.keeps, *operator.only, *DROPPED.get(node.op, ())}
    if node.op in FUSABLE:
        known |= set(_FUSED_ATTRIBUTES)
    for key, value in node.attributes.items():
        if key not in known:
            return f"attribute '{key}' is not known"
        allowed = operator.only.get(key)
        if allowed is not None and value not in allowed:
            return f"{key} is {value}, possible: {', '.join(map(str, allowed))}"
    return None


def drop_defaults(node: Node) -> None:
    """Removes the attributes that need not be stored."""
    for key in DROPPED.get(node.op, ()):
        node.attributes.pop(key, None)
