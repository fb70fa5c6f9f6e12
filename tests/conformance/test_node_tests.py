"""ONNX's own node tests: what the engine takes it answers rightly, and what it refuses is written down."""

from __future__ import annotations

import node_tests
import pytest
from node_tests import REFUSED, Result, Way

DISPUTED = {
    f"test_resize_downsample_scales_{mode}_align_corners": "its length_resized is a fraction; in ONNX's text, and in "
    "onnxruntime, it is the length of the resized tensor"
    for mode in ("linear", "cubic")
} | {
    "test_attention_4d_causal_fp16_expanded": "written out, each of its steps rounds to f16; what the engine makes of "
    "them lies nearer to the exact answer (4.0e-4 at most) than what ONNX expects (4.9e-4)"
}
"""Tests that are answered otherwise, and why that stays so."""


@pytest.fixture(scope="module")
def results() -> list[Result]:
    """How every node test goes on the best instruction set of this machine."""
    return list(node_tests.check_all(list(node_tests.cases().values()), Way()))


def test_no_answer_is_wrong_and_nothing_crashes(results: list[Result]) -> None:
    bad = {result.name: result.why for result in results if result.outcome in ("wrong", "crashed")}
    assert bad.keys() == DISPUTED.keys(), "\n".join(f"{name}: {why}" for name, why in bad.items())
    assert len(node_tests.names_of(results, "passed")) > 500


def test_what_is_refused_is_listed_and_has_a_reason(results: list[Result]) -> None:
    refused = [result for result in results if result.outcome == "refused"]
    listed = set(REFUSED.read_text(encoding="ascii").split())
    more = sorted({result.name for result in refused} - listed)
    assert not more, f"{more}: were answered when node_tests.py --write-refused made {REFUSED.name}"
    assert all(len(result.why) > 20 for result in refused)


def test_most_tests_pass_with_constants_for_inputs_too() -> None:
    chosen = [case for name, case in node_tests.cases().items() if name.startswith(("test_slice", "test_reshape"))]
    ways = [node_tests.check_all(chosen, Way(constants=constants)) for constants in (False, True)]
    dynamic, constant = (node_tests.names_of(list(way), "passed") for way in ways)
    assert len(constant) > 10 and dynamic == constant
