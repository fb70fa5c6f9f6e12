"""Activations, residuals, biases and products become part of the operator before them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from networks import Net
from pass_checks import check, check_left

from coverslip.operators import ACTIVATIONS, ALPHAS
from coverslip.passes import (
    activation_fusion,
    bias_fusion,
    linear_fusion,
    residual_fusion,
)


@pytest.mark.parametrize("activation", [*ACTIVATIONS, "GeluTanh"])
@pytest.mark.parametrize("op", ["Conv", "ConvTranspose", "Gemm", "BatchNormalization", "Add"])
def test_every_activation_fuses_into_every_operator_that_carries_one(op: str, activation: str) -> None:
    net = Net(2, 3) if op == "Gemm" else Net(2, 3, 6, 6)
    if op == "Conv":
        net.conv(3, 4)
    elif op == "BatchNormalization":
        net.norm(3)
    elif op == "Add":
        net.add("Add", "x")
    else:
        net.add(op, net.weights(3, 4) if op == "Gemm" else net.weights(3, 4, 2, 2))
    limits = (net.constant(-0.5, np.float32), net.constant(0.25, np.float32)) if activation == "Clip" else ()
    alpha: dict[str, Any] = {"alpha": 0.3} if activation in (*ALPHAS, "HardSigmoid") else {}
    if activation == "GeluTanh":
        net.add("Gelu", approximate="tanh")
    else:
        net.add(activation, *limits, **alpha)
    graph = net.done()
    check(graph, activation_fusion.run, [op])
    assert graph.nodes[0].attributes["activation"] == activation


def test_a_clip_with_one_limit_fuses_and_one_with_computed_limits_stays() -> None:
    net = Net(2, 3, 6, 6)
    net.conv(3, 4)
    net.add("Clip", net.constant(-0.5, np.float32))
    check(net.done(), activation_fusion.run, ["Conv"])
    net = Net(2, 3)
    net.graph.inputs.append(net.graph.inputs[0].__class__("limit", "f32", ()))
    net.add("Gemm", net.weights(3, 4))
    net.add("Clip", "limit")
    check_left(net.done(), activation_fusion.run)


def test_an_activation_stays_where_the_value_before_it_is_needed() -> None:
    net = Net(1, 3, 6, 6)
    conv = net.conv(3, 4)
    relu = net.add("Relu")
    check_left(net.done(conv, relu), activation_fusion.run)


def test_a_residual_fuses_into_the_later_conv_and_the_order_still_runs() -> None:
    net = Net(1, 4, 6, 6)
    later = net.conv(4, 4, pads=[1, 1, 1, 1])
    shortcut = net.conv(4, 4, size=3, bias=False, pads=[1, 1, 1, 1])
    net.add("Add", later, x=shortcut)
    net.add("Relu")
    graph = net.done()
    check(graph, residual_fusion.run, ["Conv", "Conv", "Relu"])
    assert len(graph.nodes[1].inputs) == 4
    check(graph, activation_fusion.run, ["Conv", "Conv"])


def test_a_residual_that_is_made_after_the_conv_moves_the_conv() -> None:
    net = Net(1, 4, 6, 6)
    conv = net.conv(4, 4, pads=[1, 1, 1, 1])
    other = net.add("Sigmoid", x="x")
    net.add("Add", other, x=conv)
    check(net.done(), residual_fusion.run, ["Sigmoid", "Conv"])


def test_a_sum_that_broadcasts_is_no_residual() -> None:
    net = Net(1, 4, 6, 6)
    conv = net.conv(4, 4, pads=[1, 1, 1, 1])
    pooled = net.add("GlobalAveragePool", x="x")
    net.add("Add", conv, x=pooled)
    check_left(net.done(), residual_fusion.run)


def test_a_residual_of_free_sizes_fuses_where_every_window_between_keeps_them() -> None:
    net = Net(-1, 4, -1, -1)
    start = net.conv(4, 4, strides=[2, 2], pads=[1, 1, 1, 1])
    net.conv(4, 8, size=1)
    wide = net.conv(8, 8, dilations=[2, 2], pads=[2, 2, 2, 2])
    net.add("Mul", net.add("Sigmoid", x=net.add("GlobalAveragePool")), x=wide)
    net.add("Add", start, x=net.conv(8, 4, size=1))
    net.add("Relu")
    graph = net.done()
    kept = ["Conv", "Conv", "Conv", "GlobalAveragePool", "Sigmoid", "Mul", "Conv", "Relu"]
    check(graph, residual_fusion.run, kept)


def test_sizes_are_followed_through_any_number_of_sums() -> None:
    net = Net(-1, 4, -1, -1)
    start = net.conv(4, 4, strides=[2, 2], pads=[1, 1, 1, 1])
    for _ in range(600):
        net.add("Mul", start)
    net.add("Add", start, x=net.conv(4, 4, pads=[1, 1, 1, 1]))
    graph = net.done()
    assert residual_fusion.run(graph)
    assert [node.op for node in graph.nodes] == ["Conv", *["Mul"] * 600, "Conv"]


def test_a_residual_needs_dimensions_known_to_be_equal() -> None:
    net = Net(-1, 4, -1, 6)  # of five rows, two are pooled, and four come back
    net.add("AveragePool", kernel_shape=[2, 1], strides=[2, 1])
    net.add("Resize", "", net.constant(np.array([1, 1, 2, 1], np.float32)), mode="nearest")
    conv = net.conv(4, 4, pads=[1, 1, 1, 1])
    net.add("Add", "x", x=conv)
    check_left(net.done(), residual_fusion.run)


def test_a_residual_with_the_same_free_batch_fuses_into_a_gemm() -> None:
    net = Net(-1, 4)
    gemm = net.add("Gemm", net.weights(4, 4))
    net.add("Add", "x", x=gemm)
    check(net.done(), residual_fusion.run, ["Gemm"])


def test_a_matrix_product_and_its_bias_become_a_gemm() -> None:
    net = Net(2, 5)
    net.add("MatMul", net.weights(5, 3))
    net.add("Add", net.weights(3))
    check(net.done(), linear_fusion.run, ["Gemm"])


def test_a_bias_a_residual_and_an_activation_fuse_into_a_product_of_three_axes() -> None:
    net = Net(2, 4, 5)
    net.add("MatMul", net.weights(5, 5))
    net.add("Add", net.weights(1, 5))
    net.add("Add", "x")
    net.add("Relu")
    graph = net.done()
    check(graph, bias_fusion.run, ["MatMul", "Add", "Relu"])
    check(graph, residual_fusion.run, ["MatMul", "Relu"])
    check(graph, activation_fusion.run, ["MatMul"])
    assert len(graph.nodes[0].inputs) == 4


@pytest.mark.parametrize("shape", [(4, 1), (2, 1, 5), (1, 1, 1, 5)])
def test_what_is_no_number_a_column_is_no_bias_of_a_product(shape: tuple[int, ...]) -> None:
    net = Net(2, 4, 5)
    net.add("MatMul", net.weights(5, 5))
    net.add("Add", net.weights(*shape))
    check_left(net.done(), bias_fusion.run)


def test_an_offset_for_each_row_is_no_bias() -> None:
    net = Net(3, 5)
    net.add("MatMul", net.weights(5, 3))
    net.add("Add", net.weights(3, 1))
    check(net.done(), linear_fusion.run, ["Gemm", "Add"])
