"""Asks LiteRT, where it is installed, what each tensor of a `.tflite` file is."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import Errc, Error
from ..ir import Array

SECONDS = 600


def run(source: Path, inputs: list[Array], tensors: list[int]) -> dict[int, Array]:
    """The tensors by number, from a process of its own, which a damaged file can end. Raises Error(Unsupported)."""
    if importlib.util.find_spec("ai_edge_litert") is None or not sys.executable:
        raise Error(Errc.Unsupported, "LiteRT", "the Python package 'ai-edge-litert' is not installed")
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder, "given.npz"), Path(folder, "made.npz")
        arrays: dict[str, Any] = {f"input{i}": array for i, array in enumerate(inputs)}
        np.savez(given, tensors=np.array(tensors, np.int64), **arrays)
        _run([os.fspath(path) for path in (Path(__file__).with_name("litert_child.py"), source, given, made)])
        with np.load(made, allow_pickle=False) as found:
            return {number: found[str(number)] for number in tensors}


def _run(arguments: list[str]) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command, quiet = [sys.executable, *arguments], subprocess.DEVNULL
    try:
        done = subprocess.run(
            command, stdin=quiet, stdout=quiet, stderr=subprocess.PIPE, env=environment, timeout=SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise Error(Errc.Unsupported, "LiteRT", f"does not finish within {SECONDS} s") from error
    except OSError as error:
        raise Error(Errc.Unsupported, "LiteRT", f"cannot be started: {error.strerror}") from error
    if not 0 <= done.returncode < 256:  # a signal, or an exception of Windows
        raise Error(Errc.Unsupported, "LiteRT", "crashes when it runs the file")
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise Error(Errc.Unsupported, "LiteRT", f"cannot run the file: {lines[-1] if lines else 'no reason given'}")
