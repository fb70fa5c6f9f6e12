"""Each Keras layer answers as Keras defines it: by loops, by the definition of a gradient, by NumPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras_files import Json, answer, layer, numbers, one_layer, sequential, unprobed, write_h5, write_keras
from keras_networks import slow_conv
from networks import in_onnxruntime

from coverslip import Errc, Error
from coverslip.keras import reader as keras_reader

EXACT = 1e-12

in_this_process = pytest.fixture(autouse=True)(unprobed)


SIZES = (8, 7, 5)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("size", "stride", "dilation"), [(2, 1, 1), (3, 2, 1), (3, 3, 1), (2, 3, 1), (2, 1, 3)])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_convolutions_pad_as_tensorflow_pads(
    tmp_path: Path, axes: int, size: int, stride: int, dilation: int, padding: str
) -> None:
    kernel, bias = numbers(*[size] * axes, 3, 4), numbers(4, seed=2)
    config: Json = {"strides": [stride] * axes, "dilation_rate": [dilation] * axes, "activation": "linear"}
    entry = layer(f"Conv{axes}D", "it", padding=padding, **config)
    shape = [2, *SIZES[:axes], 3]
    path = one_layer(tmp_path, entry, [None, *shape[1:]], {"kernel": kernel, "bias": bias})
    x = numbers(*shape, seed=3)
    expected = slow_conv(x.astype(np.float64), kernel.astype(np.float64), stride, padding == "same", dilation) + bias
    found = answer(path, x)[0]
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < EXACT * 100


def test_a_causal_convolution_sees_the_past_alone(tmp_path: Path) -> None:
    kernel = numbers(3, 2, 4)
    entry = layer("Conv1D", "it", padding="causal", dilation_rate=[2], use_bias=False)
    x = numbers(1, 6, 2, seed=3)
    padded = np.pad(x.astype(np.float64), [(0, 0), (4, 0), (0, 0)])
    expected = slow_conv(padded, kernel.astype(np.float64), 1, False, 2)
    assert (
        np.abs(answer(one_layer(tmp_path, entry, [1, 6, 2], {"kernel": kernel}), x)[0] - expected).max() < EXACT * 100
    )


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(
    ("size", "stride", "extra"),
    [(2, 2, None), (3, 2, None), (4, 2, None), (2, 3, None), (3, 1, None), (3, 2, 1), (3, 2, 0), (4, 3, 2)],
)
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_transposed_convolutions_are_the_gradients_of_convolutions(
    tmp_path: Path, axes: int, size: int, stride: int, extra: int | None, padding: str
) -> None:
    kernel = numbers(*[size] * axes, 2, 3)  # (h, w, out, in)
    config: Json = {"strides": [stride] * axes, "output_padding": None if extra is None else [extra] * axes}
    entry = layer(f"Conv{axes}DTranspose", "it", padding=padding, use_bias=False, **config)
    sizes = (4, 5, 3)[:axes]
    path = one_layer(tmp_path, entry, [1, *sizes, 3], {"kernel": kernel})
    x = numbers(1, *sizes, 3, seed=3).astype(np.float64)
    found = answer(path, x.astype(np.float32))[0]
    more = {"same": (size % 2 - stride, 0), "valid": (size - stride, max(size - stride, 0))}[padding]
    assert found.shape[1:-1] == tuple(n * stride + (more[1] if extra is None else more[0] + extra) for n in sizes)
    # <conv(u), x> = <u, conv_transpose(x)> for every u defines the transposed convolution
    u = numbers(*found.shape, seed=4).astype(np.float64)
    made = slow_conv(u, kernel.astype(np.float64), stride, padding == "same")
    assert made.shape == x.shape
    assert abs((made * x).sum() - (u * found).sum()) < EXACT * 1e4


@pytest.mark.parametrize("axes", [1, 2])
def test_separable_convolutions_are_two(tmp_path: Path, axes: int) -> None:
    depthwise, pointwise, bias = numbers(*[3] * axes, 2, 3), numbers(*[1] * axes, 6, 4, seed=2), numbers(4, seed=3)
    entry = layer(f"SeparableConv{axes}D", "it", padding="same", strides=[2] * axes, activation="relu")
    weights = {"depthwise_kernel": depthwise, "pointwise_kernel": pointwise, "bias": bias}
    shape = [1, *SIZES[:axes], 2]
    x = numbers(*shape, seed=4)
    parts = [
        slow_conv(x[..., c : c + 1].astype(np.float64), depthwise[..., c : c + 1, :].astype(np.float64), 2, True)
        for c in (0, 1)
    ]
    expected = slow_conv(np.concatenate(parts, axis=-1), pointwise.astype(np.float64), 1, False) + bias
    found = answer(one_layer(tmp_path, entry, list(shape), weights), x)[0]
    assert np.abs(found - np.maximum(expected, 0)).max() < EXACT * 100


def test_depthwise_convolutions_with_a_multiplier(tmp_path: Path) -> None:
    kernel = numbers(3, 3, 2, 3)
    entry = layer("DepthwiseConv2D", "it", padding="valid", use_bias=False)
    path = one_layer(tmp_path, entry, [None, 6, 6, 2], {"depthwise_kernel": kernel})
    x = numbers(1, 6, 6, 2, seed=3)
    parts = [
        slow_conv(x[..., c : c + 1].astype(np.float64), kernel[:, :, c : c + 1, :].astype(np.float64), 1, False)
        for c in (0, 1)
    ]
    assert np.abs(answer(path, x)[0] - np.concatenate(parts, axis=-1)).max() < EXACT * 100


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (layer("ZeroPadding2D", "it", padding=[[1, 0], [0, 2]]), lambda x: np.pad(x, [(0, 0), (1, 0), (0, 2), (0, 0)])),
        (layer("Cropping2D", "it", cropping=[[1, 0], [0, 2]]), lambda x: x[:, 1:, :-2]),
        (layer("UpSampling2D", "it", size=[2, 3]), lambda x: x.repeat(2, axis=1).repeat(3, axis=2)),
        (layer("Flatten", "it"), lambda x: x.reshape(len(x), -1)),
        (layer("Reshape", "it", target_shape=[-1, 4]), lambda x: x.reshape(len(x), -1, 4)),
        (layer("Reshape", "it", target_shape=[2, 8, 4]), lambda x: x.reshape(len(x), 2, 8, 4)),
        (layer("Reshape", "it", target_shape=[1, 1, 64]), lambda x: x.reshape(len(x), 1, 1, 64)),
        (layer("GlobalAveragePooling2D", "it"), lambda x: x.mean(axis=(1, 2))),
        (layer("GlobalAveragePooling2D", "it", keepdims=True), lambda x: x.mean(axis=(1, 2), keepdims=True)),
        (layer("MaxPooling2D", "it", pool_size=[2, 2]), lambda x: x.reshape(len(x), 2, 2, 2, 2, 4).max(axis=(2, 4))),
        (
            layer("AveragePooling2D", "it", pool_size=[2, 2]),
            lambda x: x.reshape(len(x), 2, 2, 2, 2, 4).mean(axis=(2, 4)),
        ),
        (layer("ReLU", "it", max_value=0.5), lambda x: x.clip(0, 0.5)),
        (layer("LeakyReLU", "it", negative_slope=0.1), lambda x: np.where(x < 0, np.float64(0.1) * x, x)),
        (layer("LeakyReLU", "it", alpha=0.1), lambda x: np.where(x < 0, np.float64(0.1) * x, x)),
        (layer("Activation", "it", activation="hard_sigmoid"), lambda x: (x / 6 + 0.5).clip(0, 1)),
        (layer("Activation", "it", activation="log_sigmoid"), lambda x: -np.log1p(np.exp(-x))),
        (layer("Activation", "it", activation="tanh_shrink"), lambda x: x - np.tanh(x)),
        (layer("Activation", "it", activation="sparse_sigmoid"), lambda x: (x / 2 + 0.5).clip(0, 1)),
        (layer("Activation", "it", activation="swish"), lambda x: x / (1 + np.exp(-x))),
        (layer("Softmax", "it", axis=-1), lambda x: np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)),
        (layer("Rescaling", "it", scale=0.5, offset=-1.0), lambda x: x * 0.5 - 1),
        (layer("Dropout", "it", rate=0.5), lambda x: x),
        (layer("RandomFlip", "it", mode="horizontal"), lambda x: x),
        (layer("Rescaling", "it", scale=[1.0, 2.0, 3.0, 4.0], offset=0.5), lambda x: x * [1, 2, 3, 4] + 0.5),
        (layer("CenterCrop", "it", height=2, width=3), lambda x: x[:, 1:3, 0:3]),
        (layer("Resizing", "it", height=2, width=8, interpolation="nearest"), lambda x: x[:, 1::2].repeat(2, axis=2)),
        (layer("Permute", "it", dims=[3, 1, 2]), lambda x: x.transpose(0, 3, 1, 2)),
        (
            layer("UnitNormalization", "it", axis=-1),
            lambda x: x / np.sqrt((x**2).sum(axis=-1, keepdims=True)),
        ),
        (layer("ThresholdedReLU", "it", theta=0.3), lambda x: np.where(x > np.float32(0.3), x, 0)),
        (
            layer("Activation", "it", activation={"class_name": "LeakyReLU", "config": {"negative_slope": 0.25}}),
            lambda x: np.where(x < 0, 0.25 * x, x),
        ),
    ],
    ids=lambda value: value["class_name"] if isinstance(value, dict) else "",
)
def test_layers_without_weights(tmp_path: Path, entry: Json, expected: Any) -> None:
    x = numbers(2, 4, 4, 4, seed=3)
    found = answer(one_layer(tmp_path, entry, [None, 4, 4, 4]), x)[0]
    wanted = expected(x.astype(np.float64))
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() < EXACT


def test_a_mean_does_not_count_padding(tmp_path: Path) -> None:
    entry = layer("AveragePooling2D", "it", pool_size=[2, 2], strides=[2, 2], padding="same")
    found = answer(one_layer(tmp_path, entry, [1, 3, 3, 1]), np.ones((1, 3, 3, 1), np.float32))[0]
    assert np.array_equal(found, np.ones((1, 2, 2, 1)))


def test_hard_sigmoid_was_steeper_before_keras_3(tmp_path: Path) -> None:
    model = sequential(
        "model", [layer("InputLayer", "in", shape=[1, 2]), layer("Activation", "a", activation="hard_sigmoid")]
    )
    path = write_keras(tmp_path / "m.keras", model, {}, version="2.15.0")
    assert np.allclose(answer(path, np.array([[0.5, -1.0]], np.float32))[0], [[0.6, 0.3]], atol=EXACT)


@pytest.mark.parametrize("adapted", [True, False])
def test_normalization_by_config_or_by_weights(tmp_path: Path, adapted: bool) -> None:
    mean, variance = [0.5, 1.0, -1.0], [4.0, 1.0, 0.25]
    entry = layer(
        "Normalization", "it", axis=[-1], mean=None if adapted else mean, variance=None if adapted else variance
    )
    weights = {"mean": np.array(mean, np.float32), "variance": np.array(variance, np.float32)} if adapted else {}
    x = numbers(2, 4, 4, 3, seed=3)
    found = answer(one_layer(tmp_path, entry, [None, 4, 4, 3], weights), x)[0]
    assert np.abs(found - (x.astype(np.float64) - mean) / np.sqrt(variance)).max() < EXACT


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (layer("MaxPooling{}D", "it", pool_size=2), lambda x, _: x.max(axis=2)),
        (layer("AveragePooling{}D", "it", pool_size=2), lambda x, _: x.mean(axis=2)),
    ],
    ids=["max", "mean"],
)
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_pools_over_every_number_of_axes(tmp_path: Path, axes: int, entry: Json, expected: Any) -> None:
    named = entry | {"class_name": entry["class_name"].format(axes)}
    x = numbers(2, *[4] * axes, 3, seed=3)
    blocks = x.astype(np.float64).reshape(2, *[2, 2] * axes, 3)
    blocks = blocks.transpose(0, *range(1, 2 * axes, 2), *range(2, 2 * axes + 1, 2), 2 * axes + 1)
    wanted = expected(blocks.reshape(2, 2**axes, 2**axes, 3), axes).reshape(2, *[2] * axes, 3)
    assert np.abs(answer(one_layer(tmp_path, named, [None, *[4] * axes, 3]), x)[0] - wanted).max() < EXACT


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_adaptive_pools_of_windows_that_are_alike(tmp_path: Path, axes: int) -> None:
    x = numbers(2, *[4] * axes, 3, seed=3)
    for kind in ("Max", "Average"):
        for length in (1, 2):
            adaptive = layer(f"Adaptive{kind}Pooling{axes}D", "it", output_size=[length] * axes)
            plain = layer(f"{kind}Pooling{axes}D", "it", pool_size=4 // length)
            made = [answer(one_layer(tmp_path, entry, [None, *[4] * axes, 3]), x)[0] for entry in (adaptive, plain)]
            assert made[0].shape == made[1].shape and np.abs(made[0] - made[1]).max() < EXACT
    uneven = layer(f"AdaptiveMaxPooling{axes}D", "it", output_size=[3] * axes)
    with pytest.raises(Error, match="divides"):
        keras_reader.read(one_layer(tmp_path, uneven, [None, *[4] * axes, 3]))


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_padding_cropping_growing_and_global_pools_over_every_number_of_axes(tmp_path: Path, axes: int) -> None:
    x, between = numbers(2, *[4] * axes, 3, seed=3), tuple(range(1, axes + 1))
    wide, grown = x.astype(np.float64), x.astype(np.float64)
    for axis in between:
        grown = grown.repeat(2, axis=axis)
    pairs = [[1, 2]] * axes if axes > 1 else [1, 2]
    cases = [
        (layer(f"ZeroPadding{axes}D", "it", padding=pairs), np.pad(wide, [(0, 0), *[(1, 2)] * axes, (0, 0)])),
        (layer(f"Cropping{axes}D", "it", cropping=pairs), wide[tuple([slice(None)] + [slice(1, 2)] * axes)]),
        (layer(f"UpSampling{axes}D", "it", size=2), grown),
        (layer(f"GlobalMaxPooling{axes}D", "it"), wide.max(axis=between)),
        (layer(f"GlobalAveragePooling{axes}D", "it"), wide.mean(axis=between)),
        (layer(f"SpatialDropout{axes}D", "it", rate=0.5), wide),
    ]
    for entry, wanted in cases:
        found = answer(one_layer(tmp_path, entry, [None, *[4] * axes, 3]), x)[0]
        assert found.shape == wanted.shape, entry["class_name"]
        assert np.abs(found - wanted).max() < EXACT, entry["class_name"]


@pytest.mark.parametrize("groups", [1, 2, -1])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_group_normalization(tmp_path: Path, axes: int, groups: int) -> None:
    gamma, beta = numbers(6), numbers(6, seed=2)
    entry = layer("GroupNormalization", "it", groups=groups, axis=-1, epsilon=1e-3)
    x = numbers(2, *SIZES[:axes], 6, seed=3)
    parts = x.astype(np.float64).reshape(2, -1, 6 if groups < 0 else groups, 1 if groups < 0 else 6 // groups)
    mean, variance = parts.mean(axis=(1, 3), keepdims=True), parts.var(axis=(1, 3), keepdims=True)
    wanted = ((parts - mean) / np.sqrt(variance + 1e-3)).reshape(x.shape) * gamma + beta
    path = one_layer(tmp_path, entry, [None, *SIZES[:axes], 6], {"gamma": gamma, "beta": beta})
    assert np.abs(answer(path, x)[0] - wanted).max() < 1e-5  # ONNX's definition computes it in float32


def test_layer_normalization_is_of_each_pixel(tmp_path: Path) -> None:
    gamma, beta = numbers(6), numbers(6, seed=2)
    x = numbers(2, 4, 5, 6, seed=3)
    wide = x.astype(np.float64)
    centred = wide - wide.mean(axis=-1, keepdims=True)
    wanted = centred / np.sqrt(wide.var(axis=-1, keepdims=True) + 1e-3) * gamma + beta
    entry = layer("LayerNormalization", "it", axis=-1, epsilon=1e-3)
    path = one_layer(tmp_path, entry, [None, 4, 5, 6], {"gamma": gamma, "beta": beta})
    assert np.abs(answer(path, x)[0] - wanted).max() < 1e-5


@pytest.mark.parametrize(("batch", "kind"), [(None, "bilinear"), (2, "bilinear"), (None, "nearest")])
def test_resizing_keeps_the_centres_of_pixels(tmp_path: Path, batch: int | None, kind: str) -> None:
    x = numbers(2, 4, 6, 3, seed=3)
    entry = layer("Resizing", "it", height=2, width=3, interpolation=kind)
    blocks = x.astype(np.float64).reshape(2, 2, 2, 3, 2, 3)
    wanted = blocks.mean(axis=(2, 4)) if kind == "bilinear" else blocks[:, :, 1, :, 1]
    path = one_layer(tmp_path, entry, [batch, 4, 6, 3])
    assert np.abs(answer(path, x)[0] - wanted).max() < EXACT
    assert np.abs(in_onnxruntime(keras_reader.read(path), {"in": x})[0] - wanted).max() < 1e-6


def test_a_weight_without_a_name_is_a_layers_only_one(tmp_path: Path) -> None:
    model = sequential("m", [layer("InputLayer", "in", shape=[1, 4, 4, 2]), layer("LayerScale", "it")])
    gamma, x = numbers(2), numbers(1, 4, 4, 2, seed=2)
    for kind in ("gamma", "variable_1"):
        found = answer(write_h5(tmp_path / "m.h5", model, {"it": {kind: gamma}}), x)[0]
        assert np.abs(found - x.astype(np.float64) * gamma).max() < EXACT


def test_root_mean_square_normalization_is_of_each_pixel(tmp_path: Path) -> None:
    scale, x = numbers(6), numbers(2, 4, 5, 6, seed=3)
    wide = x.astype(np.float64)
    wanted = wide / np.sqrt((wide**2).mean(axis=-1, keepdims=True) + 1e-6) * scale
    path = one_layer(
        tmp_path, layer("RMSNormalization", "it", axis=-1, epsilon=1e-6), [None, 4, 5, 6], {"scale": scale}
    )
    assert np.abs(answer(path, x)[0] - wanted).max() < 1e-5


def test_a_repeated_vector(tmp_path: Path) -> None:
    x = numbers(2, 3)
    found = answer(one_layer(tmp_path, layer("RepeatVector", "it", n=4), [None, 3]), x)[0]
    assert np.array_equal(found, np.repeat(x.astype(np.float64)[:, None], 4, axis=1))


def test_slopes_of_a_prelu_that_axes_share(tmp_path: Path) -> None:
    slopes, x = numbers(1, 1, 3), numbers(2, 4, 4, 3, seed=3)
    path = one_layer(tmp_path, layer("PReLU", "it", shared_axes=[1, 2]), [None, 4, 4, 3], {"alpha": slopes})
    wide = x.astype(np.float64)
    assert np.abs(answer(path, x)[0] - np.where(wide < 0, slopes * wide, wide)).max() < EXACT


@pytest.mark.parametrize(
    ("entry", "shape", "weights"),
    [
        (layer("BatchNormalization", "it", axis=-1), [1, 4, 4, 3], {kind: numbers(2) for kind in "abcd"}),
        (layer("Conv2D", "it"), [1, 4, 4, 3], {"kernel": numbers(1, 1, 3, 4), "bias": numbers(3)}),
        (layer("Conv2D", "it", groups=2, use_bias=False), [1, 4, 4, 4], {"kernel": numbers(1, 1, 2, 3)}),
        (layer("Conv3D", "it", use_bias=False), [1, 4, 4, 3], {"kernel": numbers(1, 1, 1, 3, 4)}),
        (layer("GroupNormalization", "it", groups=2, scale=False, center=False), [1, 4, 4, 3], {}),
        (layer("Dense", "it", use_bias=False), [1, 4], {"kernel": numbers(3, 4)}),
    ],
    ids=lambda value: value["class_name"] if isinstance(value, dict) and "class_name" in value else "",
)
def test_weights_that_do_not_fit_are_refused(
    tmp_path: Path, entry: Json, shape: list[int | None], weights: dict[str, Any]
) -> None:
    with pytest.raises(Error, match="'it'") as caught:
        keras_reader.read(one_layer(tmp_path, entry, shape, weights))
    assert caught.value.code is Errc.BadShape
