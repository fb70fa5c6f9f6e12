"""Exporters' decompositions of activations become the operator that they stand for, with the same answers."""

from __future__ import annotations

import math
from functools import partial

import pass_checks
import pytest
from networks import Net
from pass_checks import check_left

from coverslip.ir import Graph
from coverslip.passes import (
    activation_recognition,
)

CLOSE = 2e-6  # constants rounded to float32, and norms whose definition computes in float32
check = partial(pass_checks.check, close=CLOSE)


def gelu(net: Net, order: str, half: float = 0.5) -> Graph:
    """The forms differ in where the half is multiplied."""
    start = net.last
    net.add("Div", net.scalar(math.sqrt(2))) if order == "divided" else net.add("Mul", net.scalar(math.sqrt(0.5)))
    net.add("Erf")
    gate = net.add("Add", net.scalar(1.0))
    if order == "half first":
        net.add("Mul", gate, x=net.add("Mul", start, x=net.scalar(half)))
    elif order == "half of the gate":
        net.add("Mul", net.add("Mul", net.scalar(half)), x=start)
    else:
        net.add("Mul", net.scalar(half), x=net.add("Mul", gate, x=start))
    return net.done()


@pytest.mark.parametrize("order", ["half last", "half first", "half of the gate", "divided"])
def test_gelu_by_erf_in_any_order_becomes_one_node(order: str) -> None:
    net = Net(2, 5, 7)
    net.add("Add", net.weights(7))
    check(gelu(net, order), activation_recognition.run, ["Add", "Gelu"])


def test_a_gelu_with_another_factor_stays() -> None:
    check_left(gelu(Net(2, 5), "half last", half=0.4999), activation_recognition.run)


@pytest.mark.parametrize("cube", ["Pow", "Mul"])
def test_gelu_by_tanh_becomes_one_node(cube: str) -> None:
    net = Net(2, 5, 7)
    third = net.add("Pow", net.scalar(3.0)) if cube == "Pow" else net.add("Mul", net.add("Mul", "x"), x="x")
    net.add("Mul", net.scalar(0.044715), x=third)
    net.add("Add", "x")
    net.add("Mul", net.scalar(math.sqrt(2 / math.pi)))
    net.add("Tanh")
    gate = net.add("Add", net.scalar(1.0))
    net.add("Mul", gate, x=net.add("Mul", net.scalar(0.5), x="x"))
    graph = net.done()
    check(graph, activation_recognition.run, ["Gelu"])
    assert graph.nodes[0].attributes == {"approximate": "tanh"}


def test_hard_swish_by_hard_sigmoid_becomes_one_node() -> None:
    net = Net(2, 3, 4)
    net.add("HardSigmoid", alpha=1 / 6)
    net.add("Mul", "x")
    check(net.done(), activation_recognition.run, ["HardSwish"])


def clipped(net: Net, high: float = 6.0) -> str:
    net.add("Add", net.scalar(3.0))
    return net.add("Clip", net.scalar(0.0), net.scalar(high))


@pytest.mark.parametrize("sixth", ["Div", "Mul"])
def test_hard_swish_by_clip_becomes_one_node(sixth: str) -> None:
    net = Net(2, 3, 4)
    net.add("Mul", clipped(net), x="x")
    net.add(sixth, net.scalar(6.0 if sixth == "Div" else 1 / 6))
    check(net.done(), activation_recognition.run, ["HardSwish"])


def test_hard_sigmoid_by_clip_becomes_one_node_with_its_users() -> None:
    net = Net(2, 3, 4)
    clipped(net)
    gate = net.add("Div", net.scalar(6.0))
    net.add("Mul", net.add("Relu", x="x"), x=gate)
    check(net.done(), activation_recognition.run, ["HardSigmoid", "Relu", "Mul"])


def test_a_clip_at_another_limit_is_no_hard_swish() -> None:
    net = Net(2, 3, 4)
    net.add("Mul", clipped(net, 5.0), x="x")
    net.add("Div", net.scalar(6.0))
    check_left(net.done(), activation_recognition.run)


def test_a_hard_sigmoid_of_whole_numbers_which_rounds_down_stays() -> None:
    net = Net(2, 3, dtype="i64")
    net.add("Add", net.constant(3))
    net.add("Clip", net.constant(0), net.constant(6))
    net.add("Div", net.constant(6))
    check_left(net.done(), activation_recognition.run)


@pytest.mark.parametrize("alpha", [1.0, 1.702])
def test_a_value_times_its_sigmoid_becomes_swish(alpha: float) -> None:
    net = Net(2, 3, 4)
    if alpha != 1:
        net.add("Mul", net.scalar(alpha))
    net.add("Sigmoid")
    net.add("Mul", "x")
    graph = net.done()
    check(graph, activation_recognition.run, ["Swish"])
    assert graph.nodes[0].attributes["alpha"] == pytest.approx(alpha)


def test_a_gate_of_another_value_stays() -> None:
    net = Net(2, 3, 4)
    other = net.add("Tanh")
    net.add("Mul", net.add("Sigmoid", x=other), x="x")
    check_left(net.done(), activation_recognition.run)


def test_a_gate_of_another_shape_stays() -> None:
    net = Net()
    net.add("Mul", net.constant([1.5]))
    net.add("Sigmoid")
    net.add("Mul", "x")
    check_left(net.done(), activation_recognition.run)


def test_a_sigmoid_that_is_needed_itself_stays_beside_the_swish() -> None:
    net = Net(2, 3)
    gate = net.add("Sigmoid")
    product = net.add("Mul", "x")
    check(net.done(gate, product), activation_recognition.run, ["Sigmoid", "Swish"])


def test_softplus_and_mish_are_found_in_their_definitions() -> None:
    net = Net(2, 3, 4)
    net.add("Exp")
    net.add("Add", net.scalar(1.0))
    net.add("Log")
    net.add("Tanh")
    net.add("Mul", "x")
    check(net.done(), activation_recognition.run, ["Mish"])
