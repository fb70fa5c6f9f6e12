"""ONNX's own node tests: what the engine takes it answers rightly, and what it refuses is written down."""

from __future__ import annotations

import node_tests
from node_tests import DISPUTED, Way


def test_no_answer_is_wrong_and_nothing_crashes() -> None:
    results = node_tests.results()
    bad = {result.name: result.why for result in results if result.outcome in ("wrong", "crashed")}
    assert bad.keys() == DISPUTED.keys(), "\n".join(f"{name}: {why}" for name, why in bad.items())
    assert len(node_tests.names_of(results, "passed")) > 500


def test_what_is_refused_is_listed_and_has_a_reason() -> None:
    results = node_tests.results()
    refused = [result for result in results if result.outcome == "refused"]
    more = sorted({result.name for result in refused} - node_tests.refused())
    assert not more, f"{more}: were answered when ledger.py ran"
    assert all(len(result.why) > 20 for result in refused)


def test_most_tests_pass_with_constants_for_inputs_too() -> None:
    chosen = [case for name, case in node_tests.cases().items() if name.startswith(("test_slice", "test_reshape"))]
    ways = [node_tests.check_all(chosen, Way(constants=constants)) for constants in (False, True)]
    dynamic, constant = (node_tests.names_of(list(way), "passed") for way in ways)
    assert len(constant) > 10 and dynamic == constant
