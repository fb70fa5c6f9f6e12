"""One step of quantized numbers is followed to the outputs, as far as what follows has a bound."""

from __future__ import annotations

import numpy as np
import pytest
from networks import Net

from coverslip import steps
from coverslip.ir import Value


def quantized(net: Net, scale: float = 0.25) -> Net:
    """Rounds the last value to multiples of a scale, and gives them back as floats."""
    parts = [net.constant(scale, np.float32), net.constant(3, np.int8)]
    net.add("QuantizeLinear", *parts)
    net.add("DequantizeLinear", *parts)
    return net


def step(net: Net) -> float:
    net.graph.outputs = [Value(net.last, "", ())]
    return steps.of_outputs(net.graph)[net.last]


def test_floats_have_no_step() -> None:
    net = Net(1, 2, 4, 4)
    net.conv(2, 3)
    assert step(net) == 0


def test_integers_have_one_and_what_they_stand_for_has_their_scale() -> None:
    net = Net(1, 4)
    net.add("QuantizeLinear", net.constant(0.25, np.float32), net.constant(3, np.int8))
    assert step(net) == 1
    assert step(quantized(Net(1, 4))) == 0.25


@pytest.mark.parametrize("op", ["Relu", "Softmax", "Sigmoid", "GlobalAveragePool"])
def test_operators_that_move_nothing_apart_keep_it(op: str) -> None:
    net = quantized(Net(1, 2, 4, 4))
    net.add(op)
    assert step(net) == 0.25


def test_sums_add_steps_and_products_with_constants_multiply_them() -> None:
    net = quantized(Net(1, 4))
    first = net.last
    quantized(net, 0.5)
    net.add("Add", first)
    assert step(net) == 0.75
    net.add("Mul", net.constant([1.0, -2.0, 0.5, 0.0]))
    assert step(net) == 1.5


def test_convolutions_and_matrices_multiply_by_the_weights_that_an_output_meets() -> None:
    net = quantized(Net(1, 2, 1, 1))
    net.add("Conv", net.constant(np.array([[1.0, -2.0], [0.5, 0.25]]).reshape(2, 2, 1, 1)))
    assert step(net) == 0.75
    net = quantized(Net(1, 2))
    net.add("Gemm", net.constant([[1.0, -2.0], [0.5, 0.25]]))
    assert step(net) == 0.25 * 2.25


def test_no_bound_is_claimed_behind_operators_that_have_none() -> None:
    net = quantized(Net(1, 4))
    net.add("Exp")
    assert step(net) == 0


def test_roundings_behind_one_of_a_sum_of_floats_part() -> None:
    net = quantized(Net(1, 2, 4, 4))
    net.add("MaxPool", kernel_shape=[2, 2])
    assert not steps.part(quantized(net).graph)
    net.add("AveragePool", kernel_shape=[2, 2])
    assert not steps.part(quantized(net).graph)
    assert steps.part(quantized(net).graph)
