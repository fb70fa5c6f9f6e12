"""Exporters' decompositions of norms become the operator that they stand for, with the same answers."""

from __future__ import annotations

from functools import partial

import numpy as np
import pass_checks
import pytest
from networks import Array, Net, in_double, ops, sample
from pass_checks import check_left

from coverslip import shapes
from coverslip.dtypes import NUMPY
from coverslip.ir import Graph
from coverslip.passes import (
    group_norm_recognition,
    norm_recognition,
)

CLOSE = 2e-6  # constants rounded to float32, and norms whose definition computes in float32
check = partial(pass_checks.check, close=CLOSE)


def layer_norm(net: Net, form: str, axes: list[int], affine: bool = True) -> Graph:
    """Forms: as exporters write the square and the division."""
    axes_name, x = net.constant(np.array(axes)), net.last
    mean = net.add("ReduceMean", axes_name)
    centred = net.add("Sub", mean, x=x)
    net.add("Pow", net.scalar(2.0)) if form != "product" else net.add("Mul", centred)
    net.add("ReduceMean", axes_name)
    net.add("Add", net.scalar(1e-3))
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
    net.add("Add", net.scalar(1e-5))
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
    net.add("Pow", net.scalar(2.0))
    net.add("ReduceMean", net.constant([-1]))
    net.add("Add", net.scalar(1e-5))
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
