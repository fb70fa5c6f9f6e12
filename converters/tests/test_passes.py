"""Every pass leaves the answers, to what rounding weights once to float32 can make, and says whether it changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from networks import Net, in_double, ops, sample

from coverslip import Error, passes, shapes
from coverslip.ir import FREE, Graph, Value
from coverslip.operators import ACTIVATIONS, ALPHAS
from coverslip.passes import (
    activation_fusion,
    batch_norm_folding,
    bias_fusion,
    constant_folding,
    dead_code,
    expand_targets,
    free_shapes,
    identity_removal,
    linear_fusion,
    pad_folding,
    product_scaling,
    reshapes,
    residual_fusion,
    scale_folding,
    transposes,
)

ROUNDED_ONCE = 1e-6  # folded weights are rounded to float32, 6e-8 relative each; sums of fewer than 100 terms follow


def check(graph: Graph, run: Callable[[Graph], bool], expected: list[str]) -> None:
    feeds = sample(graph)
    before = in_double(graph, feeds)
    changed = run(graph)
    shapes.annotate(graph)
    for a, b in zip(before, in_double(graph, feeds), strict=True):
        assert a.shape == b.shape
        assert np.abs(a - b).max() <= ROUNDED_ONCE * max(1.0, np.abs(a).max())
    assert ops(graph) == expected
    assert changed
    assert not run(graph), "a second run finds nothing left"


def check_left(graph: Graph, run: Callable[[Graph], bool]) -> None:
    before = ops(graph)
    assert not run(graph)
    assert ops(graph) == before


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


def test_shapes_given_after_each_other_become_one() -> None:
    net = Net(2, 3, 4, 5)
    net.add("Reshape", net.constant([0, 12, 5]))
    net.add("Unsqueeze", net.constant([0]))
    net.add("Flatten", axis=2)
    check(net.done(), reshapes.run, ["Reshape"])


def test_a_free_shape_is_given_once_where_it_says_all() -> None:
    net = Net(-1, 3, 4, 5)
    net.add("Reshape", net.constant([0, 12, 5]))
    net.add("Reshape", net.constant([-1, 60]))
    check(net.done(), reshapes.run, ["Reshape"])
    copied = Net(-1, 3, 4, 5)
    copied.add("Reshape", copied.constant([0, 12, 5]))
    copied.add("Reshape", copied.constant([0, 60]))
    check_left(copied.done(), reshapes.run)


def listed(net: Net, of: str, *sizes: int) -> str:
    """A list of sizes, the first of which is that of the batch of a value."""
    batch = net.add("Gather", net.constant([0]), x=net.add("Shape", x=of), axis=0)
    return net.add("Concat", net.constant(list(sizes)), x=batch, axis=0)


def test_a_shape_that_copies_a_free_batch_becomes_a_constant_and_tells_the_rest() -> None:
    net = Net(-1, 4, 6)
    net.add("Reshape", listed(net, "x", 2, 2, -1), x="x")
    split = net.add("Transpose", perm=[0, 2, 1, 3])
    net.add("Reshape", listed(net, "x", 4, -1), x=split)
    graph = net.done()
    check(graph, free_shapes.run, ["Reshape", "Transpose", "Reshape"])
    assert graph.values["reshape3"].shape == (-1, 2, 2, 6)
    assert graph.outputs[0].shape == (-1, 4, 6)


def test_windows_of_a_free_batch_are_known_to_be_a_multiple_of_it() -> None:
    net = Net(-1, 4, 6)
    windows = net.add("Reshape", net.constant([-1, 2, 6]), x=net.add("Relu"))
    whole = net.add("Reshape", net.constant([-1, 4, 6]), x=windows)
    both = net.add("Add", "x", x=whole)
    net.add("Reshape", listed(net, "x", -1, 3), x=both)
    graph = net.done()
    check(graph, free_shapes.run, ["Relu", "Reshape", "Reshape", "Add", "Reshape"])
    assert graph.outputs[0].shape == (-1, 8, 3)


@pytest.mark.parametrize("limit", [-1, 3])
def test_a_token_is_repeated_for_each_of_a_free_batch_without_choosing(limit: int) -> None:
    net = Net(-1, 4, 6)
    batch = net.add("Gather", net.constant(0), x=net.add("Shape"), axis=0)
    rest = net.constant([-1])
    sizes = net.add("Concat", rest, rest, x=net.add("Unsqueeze", net.constant([0]), x=batch), axis=0)
    chosen = net.add("Equal", net.constant([limit] * 3), x=sizes)
    target = net.add("Where", net.constant([1, 1, 1]), sizes, x=chosen)
    token = net.add("Expand", target, x=net.weights(1, 1, 6))
    graph = net.done(net.add("Concat", token, x="x", axis=1))
    if limit == -1:
        left = ["Shape", "Gather", "Unsqueeze", "Concat", "Equal", "Where", "Concat", "Expand", "Concat"]
        check(graph, expand_targets.run, left)
        assert graph.outputs[0].shape == (-1, 5, 6)
    else:
        check_left(graph, expand_targets.run)


def test_two_free_sizes_in_other_places_stay_as_they_are() -> None:
    net = Net(-1, -1, 6)
    sizes = net.add("Gather", net.constant([1, 0]), x=net.add("Shape"), axis=0)
    net.add("Reshape", net.add("Concat", net.constant([6]), x=sizes, axis=0), x="x")
    check_left(net.done(), free_shapes.run)


def test_a_slice_that_takes_all_of_known_axes_goes_though_others_are_free() -> None:
    net = Net(-1, 4, 6)
    net.add("Slice", net.constant([0, 0]), net.constant([2**63 - 1, 6]), net.constant([1, 2]), net.constant([1, 1]))
    net.add("Relu")
    check(net.done(), identity_removal.run, ["Relu"])
    free = Net(-1, 4, 6)
    free.add("Slice", free.constant([0]), free.constant([5]), free.constant([0]))
    free.add("Relu")
    check_left(free.done(), identity_removal.run)


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


def test_operators_that_do_nothing_vanish() -> None:
    net = Net(2, 3, 4, 4)
    net.add("Relu")
    net.add("Identity")
    net.add("Cast", to=1)
    net.add("Transpose", perm=[0, 1, 2, 3])
    net.add("Pad", net.constant([0] * 8))
    net.add("Slice", net.constant([0]), net.constant([4]), net.constant([2]))
    net.add("Reshape", net.constant([2, 3, 4, 4]))
    net.add("Concat", axis=1)
    net.add("Sigmoid")
    check(net.done(), identity_removal.run, ["Relu", "Sigmoid"])


def test_slices_that_turn_an_axis_around_and_graph_edges_stay() -> None:
    net = Net(2, 3)
    net.add("Slice", *map(net.constant, ([-1], [-4], [1], [-1])))
    check_left(net.done(), identity_removal.run)
    net = Net(2, 3)
    net.add("Identity")
    check_left(net.done(), identity_removal.run)


def test_an_identity_at_the_graphs_end_gives_its_name_to_the_node_before() -> None:
    net = Net(2, 3)
    net.add("Relu")
    name = net.add("Identity")
    graph = net.done()
    check(graph, identity_removal.run, ["Relu"])
    assert graph.nodes[0].outputs == [name]


def test_transposes_cancel_through_what_does_not_mind() -> None:
    net = Net(1, 5, 6, 3)
    first = net.add("Transpose", x="x", perm=[0, 3, 1, 2])
    conv = net.conv(3, 4, pads=[1, 1, 1, 1])
    last = net.add("Transpose", perm=[0, 2, 3, 1])
    net.add("Mul", net.weights(4))
    net.add("Pad", net.constant([0, 1, 0, 0, 0, 0, 2, 0]))
    net.add("Concat", net.last, axis=-1)
    net.add("Transpose", perm=[0, 3, 1, 2])
    net.conv(8, 2)
    graph = net.done()
    assert first != last != conv
    check(graph, transposes.run, ["Transpose", "Conv", "Mul", "Pad", "Concat", "Conv"])


def test_transposes_that_meet_nothing_stay_where_they_are() -> None:
    net = Net(1, 5, 6, 3)
    net.add("Transpose", perm=[0, 3, 1, 2])
    net.add("Relu")
    net.conv(3, 2)
    check_left(net.done(), transposes.run)


def test_a_transpose_of_one_pixel_before_a_flatten_vanishes() -> None:
    net = Net(2, 3, 4, 4)
    net.add("GlobalAveragePool")
    net.add("Transpose", perm=[0, 2, 3, 1])
    net.add("Flatten")
    check(net.done(), transposes.run, ["GlobalAveragePool", "Flatten"])


def test_what_nothing_reads_is_removed() -> None:
    net = Net(1, 3, 6, 6)
    net.conv(3, 4)
    net.add("Relu", x="x")
    graph = net.done()
    check(graph, dead_code.run, ["Relu"])
    assert not graph.constants


def test_all_passes_together_make_a_residual_block_of_three_nodes() -> None:
    net = Net(-1, 4, 8, 8)
    net.add("Identity")
    net.add("Pad", net.constant([0, 0, 1, 1, 0, 0, 1, 1]))
    net.conv(4, 6, bias=False)
    net.norm(6)
    net.add("Relu")
    net.conv(6, 4, pads=[1, 1, 1, 1])
    body = net.norm(4)
    net.add("Add", body, x="x")
    net.add("Relu")
    net.add("GlobalAveragePool")
    graph = net.done()
    feeds = sample(graph)
    before = in_double(graph, feeds)
    changed = passes.run(graph)
    assert "batch-norm folding" in changed and "residual fusion" in changed
    assert ops(graph) == ["Conv", "Conv", "GlobalAveragePool"]
    assert np.abs(before[0] - in_double(graph, feeds)[0]).max() <= ROUNDED_ONCE * np.abs(before[0]).max()


def test_outputs_of_unknown_rank_are_not_taken_for_scalars() -> None:
    net = Net(2, 3)
    net.graph.inputs += [Value("a", "i64", (FREE,)), Value("b", "i64", (FREE,))]
    first = net.add("Reshape", "a")
    second = net.add("Reshape", "b")
    last = net.add("Cast", to=1)
    graph = net.done(first, second, last)
    assert [value.shape for value in graph.outputs] == [()] * 3 and not graph.values
    passes.run(graph)
    assert ops(graph)[:2] == ["Reshape", "Reshape"]
