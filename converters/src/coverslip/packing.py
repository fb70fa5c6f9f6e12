"""Adds weights packed for one instruction set to a converted file, by the engine, which is what packs."""

from __future__ import annotations

import os
from pathlib import Path

import coverslip

from . import reader
from .errors import Errc, Error


def check(target: str) -> None:
    """Raises Error where this machine cannot pack for the target."""
    if not hasattr(coverslip, "load"):
        raise Error(Errc.Unsupported, "pack", "needs the compiled engine, which './dev build' makes")
    targets = coverslip.cpu().targets
    if target not in targets:
        message = f"this machine runs {', '.join(targets)}, not '{target}'; `slip pack` does it on one that does"
        raise Error(Errc.Unsupported, "pack", message)


def pack(path: Path, target: str) -> int:
    """Writes the file again with packed weights. Free dimensions are those of the golden case. Returns its size."""
    graph = reader.read(path)
    given = graph.golden.shapes if graph.golden else []
    shapes = {x.name: shape for x, shape in zip(graph.inputs, given, strict=False)} or None
    coverslip.load(path, target=target).save_packed(path, shapes)
    return os.stat(path).st_size
