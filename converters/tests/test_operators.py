"""The list of operators that comes with the package is that of the engine."""

from __future__ import annotations

import pytest

from coverslip import operators


def test_the_list_of_operators_is_fresh() -> None:
    export = pytest.importorskip("coverslip.operators_export", reason="the engine is not installed")
    listed = operators.LISTED.read_text(encoding="ascii").split()
    assert listed == sorted(operators.known()), "python -m coverslip.operators_export makes it anew"
    assert export.LISTED == operators.LISTED and "Conv" in listed
