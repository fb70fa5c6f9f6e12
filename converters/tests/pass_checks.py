"""What every pass must keep: the answers, to what rounding weights once to float32 can make."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from networks import in_double, ops, sample

from coverslip import shapes
from coverslip.ir import Graph

ROUNDED_ONCE = 1e-6  # folded weights are rounded to float32, 6e-8 relative each; sums of fewer than 100 terms follow


def check(graph: Graph, run: Callable[[Graph], bool], expected: list[str], close: float = ROUNDED_ONCE) -> None:
    feeds = sample(graph)
    before = in_double(graph, feeds)
    changed = run(graph)
    shapes.annotate(graph)
    for a, b in zip(before, in_double(graph, feeds), strict=True):
        assert a.shape == b.shape
        assert np.abs(a - b).max() <= close * max(1.0, np.abs(a).max())
    assert ops(graph) == expected
    assert changed
    assert not run(graph), "a second run finds nothing left"


def check_left(graph: Graph, run: Callable[[Graph], bool]) -> None:
    before = ops(graph)
    assert not run(graph)
    assert ops(graph) == before
