"""Shapes, transposes and what does nothing go, and all passes work together."""

from __future__ import annotations

import numpy as np
import pytest
from networks import Net, in_double, ops, sample
from pass_checks import ROUNDED_ONCE, check, check_left

from coverslip import passes
from coverslip.ir import FREE, Value
from coverslip.passes import (
    dead_code,
    expand_targets,
    free_shapes,
    identity_removal,
    reshapes,
    transposes,
)


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
