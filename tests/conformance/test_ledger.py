"""docs/CONFORMANCE.md and refused.txt say how ONNX's node tests go."""

from __future__ import annotations

import ledger
import node_tests


def test_a_reason_has_no_names_of_the_model() -> None:
    assert ledger.reason("input 'x': elements are uint16; known are f32, f16") == "input: its elements are uint16"
    many = (
        "network: 2 nodes cannot be converted: output 'y': is float64; cast it DFT 'd': the engine has no such operator"
    )
    assert ledger.reason(many + " `slip info --operators` lists them") == "DFT: the engine has no such operator"


def test_the_tiers_are_whole() -> None:
    tiers, cases = ledger.tiers(), node_tests.cases()
    assert len(tiers["Tier 0"]) == 308 and len(tiers["Tier 1"]) == 985
    assert tiers["Tier 1"] <= cases.keys()


def test_the_ledger_is_fresh() -> None:
    results = node_tests.results()
    page = ledger.page(results, node_tests.cases())
    assert page == ledger.PAGE.read_text(encoding="utf-8"), "ledger.py makes it anew"
    assert ledger.refusals(results) == node_tests.REFUSED.read_text(encoding="ascii"), "ledger.py makes it anew"


def test_of_the_tiers_only_dropout_that_trains_is_refused() -> None:
    results = node_tests.results()
    refused = {result.name: result.why for result in results if result.outcome == "refused"}
    named = {name: why for name, why in refused.items() if name in ledger.tiers()["Tier 1"]}
    assert all("Dropout" in why and "training" in why for why in named.values()), named
