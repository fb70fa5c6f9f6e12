"""Exporters' decompositions of attention become the operator that they stand for, with the same answers."""

from __future__ import annotations

from functools import partial

import numpy as np
import pass_checks
import pytest
from networks import Net, in_double, ops, sample
from pass_checks import check_left

from coverslip import shapes
from coverslip.ir import Graph
from coverslip.passes import (
    attention_heads,
    attention_recognition,
    dead_code,
    einsum_products,
    expand_removal,
)

CLOSE = 2e-6  # constants rounded to float32, and norms whose definition computes in float32
check = partial(pass_checks.check, close=CLOSE)


def attention(
    net: Net, *masks: str, scaled: str = "queries", windows: str = "", heads: str = "", perm: tuple[int, ...] = ()
) -> Graph:
    """Scores of the input with itself, of four axes, in the ways in which exporters write them."""
    keys = net.add("Transpose", x="x", perm=list(perm or (0, 1, 3, 2)))
    if scaled in ("queries", "both"):
        net.add("Mul", net.scalar(0.3), x="x")
    queries = net.last if scaled in ("queries", "both") else "x"
    if scaled == "both":
        keys = net.add("Mul", net.scalar(0.3), x=keys)
    net.add("MatMul", keys, x=queries)
    if scaled == "scores":
        net.add("Div", net.scalar(4.0))
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
    net.add("Mul", net.scalar(0.3))
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
