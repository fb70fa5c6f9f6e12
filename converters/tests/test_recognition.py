"""Exporters' decompositions become the operator that they stand for, with the same answers."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from networks import Array, Net, in_double, ops, sample

from coverslip import shapes
from coverslip.dtypes import NUMPY
from coverslip.ir import Graph
from coverslip.passes import (
    activation_recognition,
    attention_heads,
    attention_recognition,
    constant_folding,
    dead_code,
    einsum_products,
    expand_removal,
    group_norm_recognition,
    norm_recognition,
)

CLOSE = 2e-6  # constants rounded to float32, and norms whose definition computes in float32


def check(graph: Graph, run: Callable[[Graph], bool], expected: list[str]) -> None:
    feeds = sample(graph)
    before = in_double(graph, feeds)
    assert run(graph)
    shapes.annotate(graph)
    assert ops(graph) == expected
    for a, b in zip(before, in_double(graph, feeds), strict=True):
        assert a.shape == b.shape
        assert np.abs(a - b).max() <= CLOSE * max(1.0, np.abs(a).max())
    assert not run(graph), "a second run finds nothing left"


def check_left(graph: Graph, run: Callable[[Graph], bool]) -> None:
    before = ops(graph)
    assert not run(graph)
    assert ops(graph) == before


def scalar(net: Net, number: float) -> str:
    return net.constant(number, net.dtype)


def gelu(net: Net, order: str, half: float = 0.5) -> Graph:
    """The forms differ in where the half is multiplied."""
    start = net.last
    net.add("Div", scalar(net, math.sqrt(2))) if order == "divided" else net.add("Mul", scalar(net, math.sqrt(0.5)))
    net.add("Erf")
    gate = net.add("Add", scalar(net, 1.0))
    if order == "half first":
        net.add("Mul", gate, x=net.add("Mul", start, x=scalar(net, half)))
    elif order == "half of the gate":
        net.add("Mul", net.add("Mul", scalar(net, half)), x=start)
    else:
        net.add("Mul", scalar(net, half), x=net.add("Mul", gate, x=start))
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
    third = net.add("Pow", scalar(net, 3.0)) if cube == "Pow" else net.add("Mul", net.add("Mul", "x"), x="x")
    net.add("Mul", scalar(net, 0.044715), x=third)
    net.add("Add", "x")
    net.add("Mul", scalar(net, math.sqrt(2 / math.pi)))
    net.add("Tanh")
    gate = net.add("Add", scalar(net, 1.0))
    net.add("Mul", gate, x=net.add("Mul", scalar(net, 0.5), x="x"))
    graph = net.done()
    check(graph, activation_recognition.run, ["Gelu"])
    assert graph.nodes[0].attributes == {"approximate": "tanh"}


def test_hard_swish_by_hard_sigmoid_becomes_one_node() -> None:
    net = Net(2, 3, 4)
    net.add("HardSigmoid", alpha=1 / 6)
    net.add("Mul", "x")
    check(net.done(), activation_recognition.run, ["HardSwish"])


def clipped(net: Net, high: float = 6.0) -> str:
    net.add("Add", scalar(net, 3.0))
    return net.add("Clip", scalar(net, 0.0), scalar(net, high))


@pytest.mark.parametrize("sixth", ["Div", "Mul"])
def test_hard_swish_by_clip_becomes_one_node(sixth: str) -> None:
    net = Net(2, 3, 4)
    net.add("Mul", clipped(net), x="x")
    net.add(sixth, scalar(net, 6.0 if sixth == "Div" else 1 / 6))
    check(net.done(), activation_recognition.run, ["HardSwish"])


def test_hard_sigmoid_by_clip_becomes_one_node_with_its_users() -> None:
    net = Net(2, 3, 4)
    clipped(net)
    gate = net.add("Div", scalar(net, 6.0))
    net.add("Mul", net.add("Relu", x="x"), x=gate)
    check(net.done(), activation_recognition.run, ["HardSigmoid", "Relu", "Mul"])


def test_a_clip_at_another_limit_is_no_hard_swish() -> None:
    net = Net(2, 3, 4)
    net.add("Mul", clipped(net, 5.0), x="x")
    net.add("Div", scalar(net, 6.0))
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
        net.add("Mul", scalar(net, alpha))
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
    net.add("Add", scalar(net, 1.0))
    net.add("Log")
    net.add("Tanh")
    net.add("Mul", "x")
    check(net.done(), activation_recognition.run, ["Mish"])


def layer_norm(net: Net, form: str, axes: list[int], affine: bool = True) -> Graph:
    """Forms: as exporters write the square and the division."""
    axes_name, x = net.constant(np.array(axes)), net.last
    mean = net.add("ReduceMean", axes_name)
    centred = net.add("Sub", mean, x=x)
    net.add("Pow", scalar(net, 2.0)) if form != "product" else net.add("Mul", centred)
    net.add("ReduceMean", axes_name)
    net.add("Add", scalar(net, 1e-3))
    root = net.add("Sqrt")
    if form == "reciprocal":
        net.add("Mul", net.add("Reciprocal"), x=centred)
    else:
        net.add("Div", root, x=centred)
    sizes = net.graph.inputs[0].shape[min(axes) :]
    if affine:
        net.add("Mul", net.weights(*sizes))
        net.add("Add", net.weights(*sizes))
    return net.done()


EPSILON = {"f16": 2.0**-10, "bf16": 2.0**-7}


@pytest.mark.parametrize("dtype", EPSILON)
@pytest.mark.parametrize("affine", [True, False])
def test_layer_normalization_in_half_precision_has_factors_of_its_type(affine: bool, dtype: str) -> None:
    graph = layer_norm(Net(2, 5, 7, dtype=dtype), "power", [-1], affine)
    check(graph, norm_recognition.run, ["LayerNormalization"])
    assert {str(array.dtype) for array in factors(graph)} == {str(NUMPY[dtype])}


def factors(graph: Graph) -> list[Array]:
    """The constants of the last node."""
    return [graph.constants[name] for name in graph.nodes[-1].inputs[1:]]


@pytest.mark.parametrize("axes", [[-1], [-2, -1], [1, 2, 3]])
@pytest.mark.parametrize("form", ["power", "product", "reciprocal"])
def test_layer_normalization_is_found_in_each_form(form: str, axes: list[int]) -> None:
    graph = layer_norm(Net(2, 5, 4, 7), form, axes)
    check(graph, norm_recognition.run, ["LayerNormalization"])
    assert graph.nodes[0].attributes["axis"] == -len(axes)


def test_layer_normalization_of_a_free_batch_without_factors_gets_ones() -> None:
    check(layer_norm(Net(-1, 5, 7), "power", [-1], affine=False), norm_recognition.run, ["LayerNormalization"])


def test_a_mean_over_a_pool_of_the_last_axis_counts_too() -> None:
    net = Net(2, 5, 7)
    mean = net.add("GlobalAveragePool")
    centred = net.add("Sub", mean, x="x")
    net.add("Mul", centred)
    net.add("GlobalAveragePool")
    net.add("Add", scalar(net, 1e-5))
    net.add("Div", net.add("Sqrt"), x=centred)
    check(net.done(), norm_recognition.run, ["LayerNormalization"])


def test_a_norm_over_channels_before_other_axes_stays() -> None:
    check_left(layer_norm(Net(2, 5, 7), "power", [1], affine=False), norm_recognition.run)


def test_factors_of_another_shape_stay_behind_the_norm() -> None:
    net = Net(2, 5, 7)
    graph = layer_norm(net, "power", [-1], affine=False)
    net.add("Mul", net.weights(5, 1))
    assert graph is net.graph
    check(net.done(), norm_recognition.run, ["LayerNormalization", "Mul"])


def test_factors_that_add_an_axis_stay_behind_the_norm() -> None:
    net = Net(4, 8)
    layer_norm(net, "power", [-1], affine=False)
    net.add("Mul", net.weights(1, 1, 8))
    net.add("Add", net.weights(8))
    graph = net.done()
    check(graph, norm_recognition.run, ["LayerNormalization", "Mul", "Add"])
    assert graph.outputs[0].shape == (1, 4, 8)


@pytest.mark.parametrize("dtype", ["f32", *EPSILON])
def test_rms_normalization_is_found(dtype: str) -> None:
    net = Net(2, 5, 7, dtype=dtype)
    net.add("Pow", scalar(net, 2.0))
    net.add("ReduceMean", net.constant([-1]))
    net.add("Add", scalar(net, 1e-5))
    net.add("Sqrt")
    net.add("Reciprocal")
    net.add("Mul", "x")
    net.add("Mul", net.weights(7))
    graph = net.done()
    check(graph, norm_recognition.run, ["RMSNormalization"])
    assert factors(graph)[0].dtype == NUMPY[dtype]


def grouped(net: Net, channels: int, groups: int, back: str) -> Graph:
    net.add("Reshape", net.constant([0, groups, -1]))
    net.add("InstanceNormalization", net.weights(groups), net.weights(groups), epsilon=1e-3)
    normed = net.last
    target = net.add("Shape", x="x") if back == "Shape" else net.constant(list(net.graph.inputs[0].shape))
    net.add("Reshape", target, x=normed)
    net.add("Mul", net.weights(channels, 1, 1))
    net.add("Add", net.weights(1, channels, 1, 1))
    return net.done()


@pytest.mark.parametrize("back", ["Shape", "constant"])
def test_group_normalization_is_found_between_two_reshapes(back: str) -> None:
    batch = -1 if back == "Shape" else 2
    check(grouped(Net(batch, 6, 4, 5), 6, 3, back), group_norm_recognition.run, ["GroupNormalization"])


@pytest.mark.parametrize("dtype", EPSILON)
def test_group_normalization_in_half_precision_has_factors_of_its_type(dtype: str) -> None:
    graph = grouped(Net(2, 6, 4, 5, dtype=dtype), 6, 3, "constant")
    feeds = sample(graph)
    before = in_double(graph, feeds)[0]
    assert group_norm_recognition.run(graph)
    shapes.annotate(graph)
    assert ops(graph) == ["GroupNormalization"]
    assert {str(array.dtype) for array in factors(graph)} == {str(NUMPY[dtype])}
    rounding = 4 * EPSILON[dtype]  # of the products that become one factor, and of offsets: each at most half of it
    assert np.abs(before - in_double(graph, feeds)[0]).max() <= rounding * np.abs(before).max()


def test_groups_given_back_in_another_shape_stay() -> None:
    net = Net(2, 6, 4, 5)
    net.add("Reshape", net.constant([0, 3, -1]))
    net.add("InstanceNormalization", net.weights(3), net.weights(3))
    net.add("Reshape", net.constant([2, 6, 5, 4]))
    check_left(net.done(), group_norm_recognition.run)


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


def attention(
    net: Net, *masks: str, scaled: str = "queries", windows: str = "", heads: str = "", perm: tuple[int, ...] = ()
) -> Graph:
    """Scores of the input with itself, of four axes, in the ways in which exporters write them."""
    keys = net.add("Transpose", x="x", perm=list(perm or (0, 1, 3, 2)))
    if scaled in ("queries", "both"):
        net.add("Mul", scalar(net, 0.3), x="x")
    queries = net.last if scaled in ("queries", "both") else "x"
    if scaled == "both":
        keys = net.add("Mul", scalar(net, 0.3), x=keys)
    net.add("MatMul", keys, x=queries)
    if scaled == "scores":
        net.add("Div", scalar(net, 4.0))
    if heads:
        net.add("Mul", heads)
    for mask in masks:
        net.add("Add", mask)
    if windows:
        _, count, _, rows, columns = net.graph.constants[windows].shape
        all_heads = net.graph.inputs[0].shape[1]
        net.add("Reshape", net.constant([-1, count, all_heads, rows, columns]))
        net.add("Add", windows)
        net.add("Reshape", net.constant([-1, all_heads, rows, columns]))
    net.add("Softmax", axis=-1)
    net.add("MatMul", "x")
    return net.done()


@pytest.mark.parametrize("scaled", ["queries", "both", "scores", "not"])
def test_attention_is_found_wherever_its_scale_stands(scaled: str) -> None:
    graph = attention(Net(2, 3, 5, 8), scaled=scaled)
    check(graph, attention_recognition.run, ["Attention"])
    scale = {"queries": 0.3, "both": 0.09, "scores": 0.25, "not": 1.0}[scaled]
    assert graph.nodes[0].attributes["scale"] == pytest.approx(scale)


def test_attention_takes_its_masks_as_one() -> None:
    net = Net(2, 3, 5, 8)
    check(attention(net, net.weights(1, 3, 5, 5), net.weights(5, 5)), attention_recognition.run, ["Attention"])


def test_attention_of_a_free_batch_is_found() -> None:
    net = Net(-1, 3, 5, 8)
    check(attention(net, net.weights(1, 3, 5, 5)), attention_recognition.run, ["Attention"])


def test_a_factor_for_each_head_multiplies_the_queries() -> None:
    net = Net(2, 3, 5, 8)
    check(attention(net, heads=net.weights(3, 1, 1)), attention_recognition.run, ["Mul", "Attention"])


def test_masks_of_the_windows_of_one_picture_join_the_bias() -> None:
    net = Net(4, 3, 5, 8)
    graph = attention(net, net.weights(1, 3, 5, 5), windows=net.weights(1, 4, 1, 5, 5))
    check(graph, attention_recognition.run, ["Attention"])


@pytest.mark.parametrize("factor", [False, True])
@pytest.mark.parametrize("batch", [8, -1])
def test_windows_of_several_pictures_become_heads(batch: int, factor: bool) -> None:
    net = Net(batch, 3, 5, 8)
    heads = net.weights(3, 1, 1) if factor else ""
    graph = attention(net, net.weights(1, 3, 5, 5), windows=net.weights(1, 2, 1, 5, 5), heads=heads)
    feeds = {"x": np.random.default_rng(3).standard_normal((8, 3, 5, 8)).astype(np.float32)}
    before = in_double(graph, feeds)[0]
    assert attention_recognition.run(graph)
    shapes.annotate(graph)
    assert ops(graph) == [*(["Mul"] if factor else []), "Reshape", "Reshape", "Reshape", "Attention", "Reshape"]
    after = in_double(graph, feeds)[0]
    assert np.abs(before - after).max() <= CLOSE * np.abs(before).max()


def test_a_mask_that_broadcasts_over_the_keys_leaves_the_attention_as_it_is() -> None:
    net = Net(2, 3, 5, 8)
    check_left(attention(net, net.weights(1, 3, 5, 1)), attention_recognition.run)


def test_scores_that_are_an_output_too_stay() -> None:
    net = Net(2, 3, 5, 8)
    attention(net)
    check_left(net.done(net.last, "softmax3"), attention_recognition.run)


def test_attention_by_einsum_becomes_products_and_then_one_node() -> None:
    net = Net(2, 3, 5, 8)
    net.add("Einsum", "x", x="x", equation="blxd,blyd->blxy")
    net.add("Mul", scalar(net, 0.3))
    net.add("Softmax", axis=-1)
    net.add("Einsum", "x", equation="bhxy,bhyd->bhxd")
    graph = net.done()
    check(graph, einsum_products.run, ["Transpose", "MatMul", "Mul", "Softmax", "MatMul"])
    check(graph, attention_recognition.run, ["Attention"])


@pytest.mark.parametrize("equation", ["bij,bkj->bik", "bij,bjk->bik", "bij,bjk->bki", "bij,bij->bij", "bii,bij->bij"])
def test_only_products_of_matrices_are_taken_from_einsum(equation: str) -> None:
    net = Net(2, 4, 4)
    net.add("Einsum", "x", equation=equation)
    graph = net.done()
    found = {"bij,bkj->bik": ["Transpose", "MatMul"], "bij,bjk->bik": ["MatMul"]}.get(equation)
    check(graph, einsum_products.run, found) if found else check_left(graph, einsum_products.run)


def self_attention(net: Net, order: str, heads: int = 3, size: int = 4, scale: float = 0.3) -> Graph:
    """Of [batch, rows, heads * size], with queries, keys and values out of one product or out of three."""
    rows, width = net.graph.inputs[0].shape[1], heads * size
    four = net.constant([-1, rows, heads, size])
    if order == "one product":
        net.add("MatMul", net.weights(width, 3 * width), x="x")
        net.add("Reshape", net.constant([-1, rows, 3, heads, size]))
        many = net.add("Transpose", perm=[2, 0, 3, 1, 4])
        q, k, v = (net.add("Gather", net.constant(i), x=many, axis=0) for i in range(3))
    elif order == "one product, cut":
        net.add("MatMul", net.weights(width, 3 * width), x="x")
        net.add("Reshape", net.constant([-1, rows, 3, heads, size]))
        many = net.add("Transpose", perm=[2, 0, 3, 1, 4])
        axes = net.constant([0])
        cuts = [net.add("Slice", net.constant([i]), net.constant([i + 1]), axes, x=many) for i in range(3)]
        q, k, v = (net.add("Squeeze", axes, x=cut) for cut in cuts)
    else:
        made = [net.add("MatMul", net.weights(width, width), x="x") for _ in range(3)]
        q, k, v = (net.add("Transpose", x=net.add("Reshape", four, x=x), perm=[0, 2, 1, 3]) for x in made)
    net.add("Attention", k, v, net.weights(1, heads, rows, rows), x=q, scale=scale)
    net.add("Transpose", perm=[0, 2, 1, 3] if order != "other order" else [0, 3, 1, 2])
    net.add("Reshape", net.constant([-1, rows, width]))
    return net.done()


@pytest.mark.parametrize("batch", [2, -1])
@pytest.mark.parametrize("order", ["one product", "one product, cut", "three products"])
def test_heads_that_lie_side_by_side_are_not_transposed(order: str, batch: int) -> None:
    graph = self_attention(Net(batch, 5, 12), order)
    products = ["MatMul"] * 3 if order == "three products" else ["MatMul", "Split"]
    check(graph, attention_heads.run, [*products, "Attention"])


def test_heads_given_back_in_another_order_are_transposed_as_before() -> None:
    check_left(self_attention(Net(2, 4, 12), "other order"), attention_heads.run)


@pytest.mark.parametrize("batch", [2, -1])
def test_an_expand_before_what_broadcasts_goes(batch: int) -> None:
    net = Net(batch, 3, 5)
    length = net.add("ReduceL2", net.constant([-1]), keepdims=1)
    net.add("Div", net.add("Expand", net.add("Shape", x="x"), x=length), x="x")
    graph = net.done()
    feeds = sample(graph)
    before = in_double(graph, feeds)[0]
    assert expand_removal.run(graph)
    dead_code.run(graph)
    assert ops(graph) == ["ReduceL2", "Div"]
    assert np.array_equal(before, in_double(graph, feeds)[0])


def test_an_expand_that_gives_the_shape_stays() -> None:
    net = Net(1, 3, 1)
    net.add("Expand", net.constant([2, 3, 5]))
    net.add("Mul", "x")
    check_left(net.done(), expand_removal.run)
