"""The double-precision reference means what onnxruntime means, operator by operator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from networks import Net, in_double, in_onnxruntime, sample

from coverslip import onnx_double, reference
from coverslip.ir import Graph, Node
from coverslip.reference_resize import PLAIN_COORDINATES

CASES: dict[str, Graph] = {}


def case(name: str, net: Net) -> None:
    CASES[name] = net.done()


def windows() -> None:
    for name, attributes in {
        "plain": {},
        "uneven pads": {"pads": [2, 0, 1, 3]},
        "strides": {"strides": [2, 3], "pads": [1, 1, 1, 1]},
        "dilations": {"dilations": [2, 1], "strides": [1, 2]},
    }.items():
        kept: dict[str, Any] = dict(attributes)
        net = Net(2, 4, 11, 10)
        net.conv(4, 6, **kept)
        case(f"Conv {name}", net)
        net = Net(2, 4, 6, 5)
        net.add("ConvTranspose", net.weights(4, 3, 3, 3), net.weights(3), **kept)
        case(f"ConvTranspose {name}", net)
        for op, more in (
            ("MaxPool", {}),
            ("AveragePool", {"count_include_pad": 0}),
            ("AveragePool", {"count_include_pad": 1}),
        ):
            net = Net(2, 3, 11, 10)
            pool: dict[str, Any] = {key: value for key, value in kept.items() if key != "dilations"} | more
            pool["pads"] = [1, 1, 2, 0] if "pads" in pool else [0, 0, 0, 0]
            net.add(op, kernel_shape=[3, 3], **pool)
            case(f"{op} {name} {more}", net)
    net = Net(1, 4, 9, 9)
    net.add("Conv", net.weights(8, 1, 3, 3), group=4)
    case("Conv depthwise with multiplier", net)
    net = Net(1, 4, 5, 5)
    net.add("ConvTranspose", net.weights(4, 3, 3, 3), group=2, strides=[2, 2], output_padding=[1, 0], pads=[1, 0, 1, 1])
    case("ConvTranspose grouped with output padding", net)
    for op in ("MaxPool", "AveragePool"):
        net = Net(1, 2, 8, 7)
        net.add(op, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, pads=[1, 1, 0, 0])
        case(f"{op} rounding up", net)


def resizes() -> None:
    for mode in ("nearest", "linear"):
        for place in ("half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners"):
            # With align_corners onnxruntime leaves out the fraction of a length, which ONNX's own tests count.
            other = [1.0, 1.0, 3.0, 1.0] if place == "align_corners" else [1.0, 1.0, 0.6, 1.5]
            for scales in ([1.0, 1.0, 2.0, 3.0], other):
                net = Net(1, 2, 7, 5)
                net.add("Resize", "", net.constant(np.array(scales)), mode=mode, coordinate_transformation_mode=place)
                case(f"Resize {mode} {place} by {scales}", net)
    for rounding in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
        net = Net(1, 2, 7, 5)
        net.add("Resize", "", "", net.constant([1, 2, 11, 10]), nearest_mode=rounding)
        case(f"Resize to a size, {rounding}", net)


def others() -> None:
    plain: dict[str, dict[str, Any]] = {
        "Relu": {},
        "LeakyRelu": {"alpha": 0.2},
        "Sigmoid": {},
        "HardSigmoid": {"alpha": 0.3, "beta": 0.4},
        "Softmax": {"axis": 1},
        "GlobalAveragePool": {},
        "Flatten": {"axis": 2},
        "Transpose": {"perm": [0, 2, 3, 1]},
        "Cast": {"to": 7},
    }
    for op, attributes in plain.items():
        net = Net(2, 3, 4, 5)
        net.add(op, **attributes)
        if op == "Cast":
            net.add("Cast", to=1)
        case(op, net)
    net = Net(2, 3, 4, 5)
    net.norm(3)
    case("BatchNormalization", net)
    net = Net(2, 3, 4, 5)
    net.add("Add", net.weights(3, 1, 5))
    net.add("Mul", net.weights(1))
    net.add("Clip", net.constant(-0.5, np.float32), net.constant(0.5, np.float32))
    case("Add, Mul, Clip", net)
    net = Net(2, 3, 4, 5)
    net.add("Concat", "x", net.weights(2, 1, 4, 5), axis=1)
    net.add("Slice", *map(net.constant, ([1, -1], [100, -100], [1, 3], [2, -2])))
    case("Concat, Slice", net)
    for rank in (3, 4, 5):
        net = Net(*(2, 3, 4, 5, 6)[:rank])
        net.add("GlobalMaxPool")
        case(f"GlobalMaxPool, rank {rank}", net)
    net = Net(2, 7, 3, 4)
    net.add("LRN", size=5, alpha=0.3, beta=0.75, bias=1.5)
    case("LRN", net)
    for mode in ("constant", "reflect", "edge"):
        net = Net(2, 3, 4, 5)
        net.add(
            "Pad",
            net.constant([0, 0, 2, 1, 0, 0, -1, 3]) if mode == "constant" else net.constant([0, 0, 2, 1, 0, 0, 1, 3]),
            mode=mode,
        )
        case(f"Pad {mode}", net)
    net = Net(3, 4)
    net.add("Gemm", net.weights(3, 5), net.weights(5), transA=1, alpha=0.5, beta=2.0)
    net.add("MatMul", net.weights(5, 2))
    net.add("Reshape", net.constant([0, -1, 1]))
    case("Gemm, MatMul, Reshape", net)


windows()
resizes()
others()


@pytest.mark.parametrize("name", CASES)
def test_reference_agrees_with_onnxruntime(name: str) -> None:
    graph = CASES[name]
    feeds = sample(graph)
    for expected, found in zip(in_onnxruntime(graph, feeds), in_double(graph, feeds), strict=True):
        assert expected.shape == found.shape
        # float32 sums of fewer than 100 terms of order 1, each within 2^-24
        assert np.abs(expected - found).max() <= 100 * 2.0**-24 * max(1.0, np.abs(found).max())


@pytest.mark.parametrize("mode", ["linear", "nearest"])
@pytest.mark.parametrize("place", PLAIN_COORDINATES)
def test_resizing_to_a_fraction_agrees_with_onnxs_own_reference(mode: str, place: str) -> None:
    x = np.random.default_rng(3).standard_normal((1, 7, 5))
    node = Node("Resize", "r", ["x", "", "scales"], ["y"], {"mode": mode, "coordinate_transformation_mode": place})
    inputs = [x, None, np.array([1, 0.7, 2.3], np.float32)]
    (expected,) = onnx_double.evaluate(node, inputs)
    found = reference.evaluate(node, inputs)
    assert np.abs(expected - found).max() < 1e-6  # of scales that are float32


def test_a_length_is_rounded_down_after_a_product_in_float() -> None:
    node = Node("Resize", "r", ["x", "", "scales"], ["y"], {"mode": "linear"})
    scales = reference.widen(np.array([1, 0.7], np.float32))
    assert reference.evaluate(node, [np.ones((1, 10)), None, scales]).shape == (1, 7)
