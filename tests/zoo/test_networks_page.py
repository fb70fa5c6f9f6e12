"""What is kept of the zoo's networks is good, and docs/NETWORKS.md tells of it."""

from __future__ import annotations

import json

import pytest
from catalogue import NETWORKS, OPSETS
from networks_page import EXPORTERS, PAGE, RESULTS, SIZES, Row, key, page, passed


@pytest.fixture(scope="module")
def results() -> dict[str, Row]:
    """By the names of the exports."""
    kept: dict[str, Row] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return kept


def test_the_page_is_fresh(results: dict[str, Row]) -> None:
    assert PAGE.read_text(encoding="utf-8") == page(results), "networks_page.py makes it anew"


def test_every_result_is_of_a_network_that_can_be_made(results: dict[str, Row]) -> None:
    assert EXPORTERS.keys() == OPSETS.keys()
    assert results.keys() <= {key(name, by, sizes) for name in NETWORKS for by in EXPORTERS for sizes in SIZES}


def test_every_network_that_torch_exports_agrees_with_onnxruntime(results: dict[str, Row]) -> None:
    exported = {name: row for name, row in results.items() if not row.get("problem", "").startswith("torch")}
    assert [name for name, row in exported.items() if not passed(row)] == []


def test_no_step_runs_at_reference_speed(results: dict[str, Row]) -> None:
    assert {name: row["slow"] for name, row in results.items() if row.get("slow")} == {}
