"""Random graphs: the engine answers as onnxruntime does, and where both differ, it is not the worse one."""

from __future__ import annotations

import os
from itertools import combinations
from pathlib import Path

import node_tests
import onnx
import pytest
import random_graphs
import random_halves
from random_graphs import Outcome, Way
from random_layers import MATRICES, NORMS, WINDOWS
from random_ops import AXES, ELEMENTS, SHAPES
from random_quantized import QUANTIZED

import coverslip

COUNT = 500

HALVES = 60

FAILED_ONCE = (1701, 3251, 3661, 4907, 7168, 10949, 11320)
"""Seeds at COUNT and above whose graphs were not answered rightly, or not judged so."""


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    """What became of each seed."""
    return list(random_graphs.check_all([*range(COUNT), *FAILED_ONCE], Way()))


def test_every_graph_is_answered_rightly_in_every_way(outcomes: list[Outcome]) -> None:
    failed = [f"seed {outcome.seed}: {outcome.failed}" for outcome in outcomes if outcome.failed]
    assert not failed, "\n".join(failed)


def test_no_graph_is_refused(outcomes: list[Outcome]) -> None:
    refused = [f"seed {outcome.seed}: {outcome.refused}" for outcome in outcomes if outcome.refused]
    assert not refused, "\n".join(refused)


def test_every_operator_that_can_be_drawn_is_drawn(outcomes: list[Outcome]) -> None:
    """An operator that onnxruntime, or the draft, rejects each time would be missing without a word."""
    drawn = {name for outcome in outcomes for name in outcome.operators}
    names = {word for family in (ELEMENTS, AXES, SHAPES, WINDOWS, NORMS, MATRICES, QUANTIZED) for word in family}
    missing = {name for name in names if name.split(" of ")[0].split(" by ")[0] not in drawn and name[0].isupper()}
    assert missing <= random_graphs.COMBINED, missing - random_graphs.COMBINED
    assert min(outcome.nodes for outcome in outcomes) < 8 and max(outcome.nodes for outcome in outcomes) >= 50


def test_graphs_in_16_bits_are_answered_rightly_too() -> None:
    made = list(node_tests.isolated(range(HALVES), random_halves.check, lambda seed, why: Outcome(seed, failed=why)))
    failed = [f"seed {outcome.seed}: {outcome.failed}" for outcome in made if outcome.failed]
    assert not failed, "\n".join(failed)
    refused = [outcome.refused for outcome in made if outcome.refused]
    assert len(refused) < HALVES / 2 and not any("coverslip" in why for why in refused), refused


def test_conversion_verifies_them_before_it_writes(tmp_path: Path) -> None:
    verified = 0
    for seed in range(40):
        d = random_graphs.draw(seed)
        model, feeds = d.model(), d.feeds()
        for info in model.graph.input:
            for dim, size in zip(info.type.tensor_type.shape.dim, feeds[info.name].shape, strict=True):
                dim.dim_value = size
        onnx.save(model, tmp_path / "net.onnx")
        report = coverslip.convert(tmp_path / "net.onnx", tmp_path / "net.slip")
        verified += report.verified.startswith("yes") and bool(report.differences)
    assert verified >= 38, "few have sizes that depend on numbers, and cannot run on others"


def test_a_seed_gives_the_same_graph_again() -> None:
    first, again = (random_graphs.draw(3).model().SerializeToString() for _ in range(2))
    assert first == again


def test_each_two_passes_are_on_and_off_in_all_four_ways() -> None:
    rows = random_graphs.SOME_PASSES
    for a, b in combinations(range(random_graphs.PASSES), 2):
        assert len({(row[a], row[b]) for row in rows}) == 4


def test_a_graph_that_fails_is_made_smaller() -> None:
    d = random_graphs.draw(0)
    model, feeds = d.model(), d.feeds()
    wanted = model.graph.node[len(model.graph.node) // 2].op_type
    small, given = random_graphs.shrunk(
        model, feeds, lambda part, _: any(node.op_type == wanted for node in part.graph.node)
    )
    assert len(small.graph.node) < len(model.graph.node)
    assert len(random_graphs.judge(small, given)) == len(small.graph.output)


def test_a_seed_that_kills_the_process_has_failed() -> None:
    def run(seed: int) -> int:
        return 1 // seed if seed != 2 else os._exit(3)

    assert list(node_tests.isolated([1, 2, 1], run, lambda seed, why: -seed)) == [1, -2, 1]
