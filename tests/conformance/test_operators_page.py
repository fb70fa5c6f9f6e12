"""docs/OPERATORS.md says what this engine does."""

from __future__ import annotations

import re

import node_tests
import operators_page
import pytest

from coverslip import Error
from coverslip.onnx import reader as onnx_reader


def test_ranks_are_written_as_runs() -> None:
    assert operators_page.ranks([0, 1, 2, 4]) == "0-2, 4"
    assert operators_page.ranks([3]) == "3"


@pytest.mark.skipif(not operators_page.SLIP.exists(), reason=f"{operators_page.SLIP} is not built")
def test_the_page_is_fresh() -> None:
    text = operators_page.PAGE.read_text(encoding="utf-8")
    assert text == operators_page.page(operators_page.abilities()), "operators_page.py makes it anew"


def test_what_is_refused_is_named_by_the_converter() -> None:
    refused = operators_page.PAGE.read_text(encoding="utf-8").split("## Refused")[1].split(":", 1)[1]
    names = set(re.findall(r"\w+", refused))
    cases = {node.op_type: case for case in node_tests.cases().values() for node in case.model.graph.node}
    assert len(names & cases.keys()) > 20
    for name in names & cases.keys():
        with pytest.raises(Error, match=rf"\b{name} '|^input '\w+': "):
            onnx_reader.from_model(cases[name].model)
