"""Converts ONNX and Keras networks for the coverslip inference engine, and runs them."""

from __future__ import annotations

from .errors import Disagreement, Errc, Error

__all__ = ["Disagreement", "Errc", "Error"]
__version__ = "0.1.0"
