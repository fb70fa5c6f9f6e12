"""Rounding to 16 bits that keeps the sums of weights: how far it moves them, and which axes a product sums over."""

from __future__ import annotations

import numpy as np
import pytest

from coverslip import dtypes
from coverslip.ir import Node
from coverslip.passes.rounding import keeping_sums, nearest, summed_axes

BOTH = pytest.mark.parametrize("dtype", ["f16", "bf16"])
PLACES = {"f16": 2.0**-10, "bf16": 2.0**-7}  # from a number to the next, of numbers from 1 to 2


@BOTH
@pytest.mark.parametrize(("shape", "axes"), [((40, 30), (0,)), ((40, 30), (1,)), ((20, 8, 3, 3), (1, 2, 3))])
def test_sums_stay_and_numbers_become_one_of_two_neighbours(
    dtype: str, shape: tuple[int, ...], axes: tuple[int, ...]
) -> None:
    array = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    array.flat[:3] = [0, 1, -3]
    near = nearest(array, dtype)
    kept = keeping_sums(array, near, axes)
    assert kept.shape == shape and kept.dtype == dtypes.NUMPY[dtype]
    place = PLACES[dtype] * 2.0 ** np.floor(np.log2(np.maximum(np.abs(array), 2.0**-14)))
    apart = kept.astype(np.float64) - array
    assert (np.abs(apart) < place).all() and (kept.flat[:3] == array.flat[:3]).all()
    most = place.max(axes) / 2
    off = [np.abs((made.astype(np.float64) - array).sum(axes)) for made in (near, kept)]
    assert (off[1] <= most).all() and (off[0] > most).any() and off[1].mean() < 0.3 * off[0].mean()
    before = near.astype(np.float64) - array
    assert np.square(apart).sum() < 1.15 * np.square(before).sum()


@BOTH
def test_numbers_next_to_ties_move_first(dtype: str) -> None:
    place = PLACES[dtype]
    array = (1 + place * np.array([[0.4, 0.1, 0.45, 0.05]])).astype(np.float32)
    for sign in (1, -1):
        kept = keeping_sums(sign * array, nearest(sign * array, dtype), (1,))
        assert (sign * kept.astype(np.float64)).tolist() == [[1, 1, 1 + place, 1]]


@BOTH
def test_what_is_exact_or_at_the_end_of_the_format_stays(dtype: str) -> None:
    most = float(np.finfo(np.float16).max) if dtype == "f16" else float.fromhex("0x1.fep127")
    array = np.array([[np.inf, 1, 0, 0.5], [np.nan, 2, -0.0, 1], [most * (1 + 2.0**-12), 0, 0, 0]], np.float32)
    near = nearest(array, dtype)
    assert keeping_sums(array, near, (1,)).tobytes() == near.tobytes()


@pytest.mark.parametrize(
    ("node", "axes"),
    [
        (Node("Conv", "n", ["x", "w", "b"], ["y"]), (1, 2, 3)),
        (Node("Conv", "n", ["x", "v", "b", "w"], ["y"]), ()),
        (Node("ConvTranspose", "n", ["x", "w"], ["y"]), (0,)),
        (Node("ConvTranspose", "n", ["x", "w"], ["y"], {"group": 2}), ()),
        (Node("Gemm", "n", ["x", "w"], ["y"]), (0,)),
        (Node("Gemm", "n", ["x", "w"], ["y"], {"transB": 1}), (1,)),
        (Node("Gemm", "n", ["w", "x"], ["y"]), (1,)),
        (Node("Gemm", "n", ["w", "x"], ["y"], {"transA": 1}), (0,)),
        (Node("MatMul", "n", ["x", "w"], ["y"]), (2,)),
        (Node("MatMul", "n", ["w", "x"], ["y"]), (3,)),
        (Node("MatMul", "n", ["x", "v", "b", "w"], ["y"]), ()),
        (Node("Gather", "n", ["w", "i"], ["y"]), ()),
        (Node("Add", "n", ["x", "w"], ["y"]), ()),
    ],
)
def test_what_a_product_sums_over(node: Node, axes: tuple[int, ...]) -> None:
    assert summed_axes(node, "w", 2 if node.op == "Gemm" else 4) == axes
