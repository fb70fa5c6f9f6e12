"""TensorFlow Lite's operators on single numbers, in the engine's operators; pictures stay as they are held."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..ir import Attribute
from .build import TO_PLANAR, Call

Build = Callable[[Call], None]


def unary(*ops: str, **attributes: Attribute) -> Build:
    """Operators of one input, one after the other."""

    def build(call: Call) -> None:
        planar = call.planar(0)
        name = call.x(planar=planar)
        for op in ops:
            name = call.node(op, [name], **attributes)
        call.give(name, planar)

    return build


def clip(low: float, high: float) -> Build:
    """RELU6 and its like."""

    def build(call: Call) -> None:
        planar = call.planar(0)
        limits = [call.constant("low", low, np.float32), call.constant("high", high, np.float32)]
        call.give(call.node("Clip", [call.x(planar=planar), *limits]), planar)

    return build


def leaky_relu(call: Call) -> None:
    """LEAKY_RELU."""
    planar = call.planar(0)
    call.give(call.node("LeakyRelu", [call.x(planar=planar)], alpha=float(call.option("Alpha"))), planar)


def gelu(call: Call) -> None:
    """GELU, by tanh where the file says approximate."""
    planar, kind = call.planar(0), "tanh" if call.option("Approximate", False) else "none"
    call.give(call.node("Gelu", [call.x(planar=planar)], approximate=kind), planar)


def _operand(call: Call, index: int, planar: bool, rank: int) -> str:
    """An input that is broadcast against others; constants of fewer axes get theirs in front before they are turned."""
    tensor = call.tensor(index)
    if not planar or len(tensor.shape) == 4 or tensor.data is None or tensor.data.size == 1:
        return call.x(index, planar=planar and len(tensor.shape) == 4)
    full = call.array(index).reshape((1,) * (rank - len(tensor.shape)) + tensor.data.shape)
    return call.constant("operand", full.transpose(TO_PLANAR), full.dtype.type)


def _operands(call: Call, count: int) -> tuple[list[str], bool]:
    planar = call.planar(*range(count)) and len(call.made.shape) == 4
    return [_operand(call, index, planar, 4) for index in range(count)], planar


def binary(op: str) -> Build:
    """Operators of two inputs, with a fused activation where there can be one."""

    def build(call: Call) -> None:
        names, planar = _operands(call, 2)
        fused = op in ("Add", "Sub", "Mul", "Div")
        y = call.node(op, names)
        call.give(call.activated(y) if fused else y, planar)

    return build


def not_equal(call: Call) -> None:
    """NOT_EQUAL."""
    names, planar = _operands(call, 2)
    call.give(call.node("Not", [call.node("Equal", names)]), planar)


def floor_div(call: Call) -> None:
    """FLOOR_DIV; ONNX rounds quotients of integers towards zero."""
    names, planar = _operands(call, 2)
    if call.real:
        y = call.node("Floor", [call.node("Div", names)])
    else:
        y = call.node("Div", [call.node("Sub", [names[0], call.node("Mod", names)]), names[1]])
    call.give(y, planar)


def floor_mod(call: Call) -> None:
    """FLOOR_MOD: what is left has the sign of the divisor."""
    names, planar = _operands(call, 2)
    if call.real:
        whole = call.node("Mul", [call.node("Floor", [call.node("Div", names)]), names[1]])
        y = call.node("Sub", [names[0], whole])
    else:
        y = call.node("Mod", names)
    call.give(y, planar)


def squared_difference(call: Call) -> None:
    """SQUARED_DIFFERENCE."""
    names, planar = _operands(call, 2)
    y = call.node("Sub", names)
    call.give(call.node("Mul", [y, y]), planar)


def square(call: Call) -> None:
    """SQUARE."""
    planar = call.planar(0)
    x = call.x(planar=planar)
    call.give(call.node("Mul", [x, x]), planar)


def prelu(call: Call) -> None:
    """PRELU."""
    names, planar = _operands(call, 2)
    call.give(call.node("PRelu", names), planar)


def add_n(call: Call) -> None:
    """ADD_N."""
    names, planar = _operands(call, len(call.operator.inputs))
    call.give(call.node("Sum", names), planar)


def select(call: Call) -> None:
    """SELECT, whose condition may also choose whole rows, and SELECT_V2, which broadcasts."""
    chosen, values = len(call.tensor(0).shape), len(call.tensor(1).shape)
    if call.operator.kind == "SELECT" and chosen not in (0, values):
        raise call.refuse(f"a condition of {chosen} axes for values of {values}")
    call.give(call.node("Where", [call.x(0), call.x(1), call.x(2)]))


def same(call: Call) -> None:
    """QUANTIZE, DEQUANTIZE: the numbers stay, how they are held is what `give` sees to."""
    planar = call.planar(0)
    call.give(call.node("Identity", [call.x(planar=planar)]), planar)


def cast(call: Call) -> None:
    """CAST: of quantized numbers, what is stored."""
    planar = call.planar(0)
    y = call.node("Cast", [call.x(planar=planar, stored=True)], to=call.dtype())
    call.give(y, planar, stored=True)


def softmax(call: Call) -> None:
    """SOFTMAX over the last axis."""
    planar, x = call.planar(0), ""
    x = call.x(planar=planar)
    beta = float(call.option("Beta", 1.0))
    if beta != 1.0:
        x = call.node("Mul", [x, call.constant("beta", beta, np.float32)])
    call.give(call.node("Softmax", [x], axis=1 if planar else -1), planar)


def log_softmax(call: Call) -> None:
    """LOG_SOFTMAX over the last axis."""
    planar = call.planar(0)
    call.give(call.node("LogSoftmax", [call.x(planar=planar)], axis=1 if planar else -1), planar)
