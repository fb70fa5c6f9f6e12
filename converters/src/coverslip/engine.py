"""The engine's own `load`, where it is installed: a converter without it still converts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import coverslip


def loader() -> Callable[[str], Callable[[Any], Any]] | None:
    """`coverslip.load`, or None where the compiled engine is not there."""
    load = getattr(coverslip, "load", None)
    if load is None:
        return None
    found: Callable[[str], Callable[[Any], Any]] = load
    return found
