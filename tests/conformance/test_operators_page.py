"""docs/OPERATORS.md says what this engine does."""

from __future__ import annotations

import operators_page
import pytest


def test_ranks_are_written_as_runs() -> None:
    assert operators_page.ranks([0, 1, 2, 4]) == "0-2, 4"
    assert operators_page.ranks([3]) == "3"


@pytest.mark.skipif(not operators_page.SLIP.exists(), reason=f"{operators_page.SLIP} is not built")
def test_the_page_is_fresh() -> None:
    text = operators_page.PAGE.read_text(encoding="utf-8")
    assert text == operators_page.page(operators_page.abilities()), "operators_page.py makes it anew"


def test_what_is_refused_is_named_by_the_converter() -> None:
    text = operators_page.PAGE.read_text(encoding="utf-8")
    refused = text.split("## Refused")[1]
    assert "LSTM" in refused and "Conv," not in refused
