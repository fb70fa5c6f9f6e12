"""What constants do to a value is folded into the weights before or behind it."""

from __future__ import annotations

import numpy as np
import pytest
from networks import Net, in_double, ops, sample
from pass_checks import check, check_left

from coverslip import Error
from coverslip.passes import (
    batch_norm_folding,
    constant_folding,
    dead_code,
    pad_folding,
    product_scaling,
    scale_folding,
)


@pytest.mark.parametrize("bias", [True, False])
def test_batch_norm_folds_into_the_conv_before_it(bias: bool) -> None:
    net = Net(2, 4, 9, 9)
    net.conv(4, 6, bias=bias)
    net.norm(6)
    check(net.done(), batch_norm_folding.run, ["Conv"])


@pytest.mark.parametrize("groups", [1, 2])
def test_batch_norm_folds_into_a_transposed_conv(groups: int) -> None:
    net = Net(1, 4, 5, 5)
    net.add("ConvTranspose", net.weights(4, 6 // groups, 2, 2), net.weights(6), strides=[2, 2], group=groups)
    net.norm(6)
    check(net.done(), batch_norm_folding.run, ["ConvTranspose"])


@pytest.mark.parametrize("transposed", [0, 1])
def test_batch_norm_folds_into_a_gemm_with_its_factors(transposed: int) -> None:
    net = Net(3, 5)
    shape = (4, 5) if transposed else (5, 4)
    net.add("Gemm", net.weights(*shape), net.weights(1), transB=transposed, alpha=0.5, beta=2.0)
    net.norm(4)
    check(net.done(), batch_norm_folding.run, ["Gemm"])


def test_batch_norm_before_a_conv_stays() -> None:
    net = Net(1, 3, 8, 8)
    net.norm(3)
    net.conv(3, 4, pads=[1, 1, 1, 1])
    check_left(net.done(), batch_norm_folding.run)


def test_batch_norm_stays_where_the_conv_has_another_user() -> None:
    net = Net(1, 3, 8, 8)
    conv = net.conv(3, 3)
    norm = net.norm(3)
    check_left(net.done(conv, norm), batch_norm_folding.run)


def test_a_factor_and_an_offset_for_each_channel_fold_into_the_conv() -> None:
    net = Net(1, 3, 8, 8)
    net.conv(3, 4, bias=False)
    net.add("Mul", net.weights(4, 1, 1))
    net.add("Add", net.weights(1, 4, 1, 1))
    check(net.done(), scale_folding.run, ["Conv"])


def test_a_constant_that_differs_from_pixel_to_pixel_stays() -> None:
    net = Net(1, 3, 8, 4)
    net.conv(3, 4, size=1)
    net.add("Mul", net.weights(4))
    check_left(net.done(), scale_folding.run)


def test_zero_padding_folds_into_the_convs_behind_it() -> None:
    net = Net(1, 3, 8, 8)
    pad = net.add("Pad", net.constant([0, 0, 2, 1, 0, 0, 0, 3]))
    first = net.conv(3, 4, pads=[1, 1, 1, 1])
    net.last = pad
    second = net.conv(3, 2)
    check(net.done(first, second), pad_folding.run, ["Conv", "Conv"])


def test_zero_padding_folds_into_a_mean_that_counts_it() -> None:
    net = Net(1, 3, 8, 8)
    net.add("Pad", net.constant([0, 0, 1, 1, 0, 0, 1, 1]))
    net.add("AveragePool", kernel_shape=[3, 3], strides=[2, 2])
    check(net.done(), pad_folding.run, ["AveragePool"])


@pytest.mark.parametrize("pads", [[0, 0, 1, 1, 0, 0, 1, 1], [0, 1, 0, 0, 0, 0, 0, 0]])
def test_padding_before_a_maximum_or_of_channels_stays(pads: list[int]) -> None:
    net = Net(1, 3, 8, 8)
    net.add("Pad", net.constant(pads))
    if pads[1]:
        net.conv(4, 4)
    else:
        net.add("MaxPool", kernel_shape=[3, 3], strides=[2, 2])
    check_left(net.done(), pad_folding.run)


def test_padding_with_ones_stays() -> None:
    net = Net(1, 3, 8, 8)
    net.add("Pad", net.constant([0, 0, 1, 1, 0, 0, 1, 1]), net.constant(1.0, np.float32))
    net.conv(3, 4)
    check_left(net.done(), pad_folding.run)


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("shape", [(6,), (1, 1, 6), ()])
def test_factors_of_columns_fold_into_the_product_and_its_bias(shape: tuple[int, ...], biased: bool) -> None:
    net = Net(-1, 4, 5)
    net.add("MatMul", net.weights(5, 6))
    if biased:
        net.add("Add", net.weights(6))
    net.add("Mul", net.weights(*shape))
    check(net.done(), product_scaling.run, ["MatMul", "Add"] if biased else ["MatMul"])


def test_factors_of_columns_fold_through_a_transpose() -> None:
    net = Net(-1, 4, 5)
    net.add("MatMul", net.weights(5, 6))
    net.add("Add", net.weights(6))
    net.add("Transpose", perm=[0, 2, 1])
    net.add("Mul", net.weights(6, 1))
    check(net.done(), product_scaling.run, ["MatMul", "Add", "Transpose"])


def test_factors_of_rows_and_of_a_product_that_is_read_elsewhere_stay() -> None:
    rows = Net(2, 4, 5)
    rows.add("MatMul", rows.weights(5, 4))
    rows.add("Mul", rows.weights(4, 1))
    check_left(rows.done(), product_scaling.run)
    read = Net(2, 4, 5)
    product = read.add("MatMul", read.weights(5, 6))
    read.add("Mul", read.weights(6))
    check_left(read.done(read.last, product), product_scaling.run)


def test_what_is_constant_is_computed() -> None:
    net = Net(2, 3)
    a = net.constant(np.ones((3, 2)))
    product = net.add("MatMul", net.weights(2, 3), x=a)
    net.add("MatMul", product, x="x")
    check(net.done(), constant_folding.run, ["MatMul"])


def test_a_list_without_elements_folds_as_any() -> None:
    net = Net()
    net.add("Mul", net.add("Transpose", x=net.constant(2.0), perm=[]), x="x")
    check(net.done(), constant_folding.run, ["Mul"])


def test_a_constant_that_cannot_be_computed_is_refused_by_name() -> None:
    net = Net(4)
    net.add("Add", net.add("Reshape", net.constant([4]), x=net.weights(6)), x="x")
    with pytest.raises(Error, match=r"Reshape 'reshape0': its inputs do not fit"):
        constant_folding.run(net.done())


def test_shapes_that_are_known_fold_through_everything_behind_them() -> None:
    net = Net(2, 3, 4, 4)
    shape = net.add("Shape")
    batch = net.add("Gather", net.constant([0]), x=shape, axis=0)
    rest = net.add("Slice", net.constant([1]), net.constant([2]), net.constant([0]), x=shape)
    filled = net.add("ConstantOfShape", net.constant([7]), x=net.constant([1]))
    less = net.add("Sub", net.constant([8]), x=filled)
    net.add("Concat", rest, less, x=batch, axis=0)
    target = net.last
    net.add("Reshape", target, x="x")
    again = net.add("Shape")
    net.add("Reshape", again, x="x")
    graph = net.done()
    feeds = sample(graph)
    before = in_double(graph, feeds)
    assert constant_folding.run(graph)
    dead_code.run(graph)
    assert ops(graph) == ["Reshape"]
    assert np.array_equal(before[0], in_double(graph, feeds)[0])


def test_what_is_known_of_a_shape_with_a_free_batch_folds() -> None:
    net = Net(-1, 3, 4)
    shape = net.add("Shape")
    rows = net.add("Gather", net.constant([1]), x=shape, axis=0)
    batch = net.add("Gather", net.constant([0]), x=shape, axis=0)
    net.add("Concat", rows, net.constant([4]), x=batch, axis=0)
    net.add("Reshape", net.last, x="x")
    graph = net.done()
    assert constant_folding.run(graph)
    dead_code.run(graph)
    assert ops(graph) == ["Shape", "Gather", "Concat", "Reshape"]
