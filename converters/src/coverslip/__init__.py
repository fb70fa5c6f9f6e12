"""Converts ONNX, Keras, TensorFlow.js and TensorFlow Lite networks for the inference engine, and runs them."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

from .errors import Disagreement, Errc, Error

if TYPE_CHECKING:
    from .conversion import Report

with contextlib.suppress(ImportError):  # converting needs no compiled engine
    from .runtime import Model, cpu, load

__all__ = ["Disagreement", "Errc", "Error", "Model", "convert", "cpu", "load"]


def convert(
    source: str | os.PathLike[str], destination: str | os.PathLike[str], verify: bool = True, **options: Any
) -> Report:
    """Converts an ONNX, Keras, TensorFlow.js or TensorFlow Lite file; `options` are the fields of conversion.Options.

    Raises Error; Disagreement, which is an Error, where the result does not answer as its source does.
    """
    from . import conversion  # it needs onnx, which running a network does not

    try:
        chosen = conversion.Options(**options)
    except TypeError as error:
        raise Error(Errc.BadInput, "convert", str(error)) from error
    return conversion.convert(source, destination, verify, chosen)


def __getattr__(name: str) -> Any:
    """Says why `load`, `cpu` and `Model` are not there."""
    if name not in ("Model", "cpu", "load"):
        raise AttributeError(f"module 'coverslip' has no attribute {name!r}")
    try:
        from . import runtime
    except ImportError as error:
        raise AttributeError(
            f"coverslip.{name} needs the compiled engine, which './dev build' makes: {error}"
        ) from error
    return getattr(runtime, name)
