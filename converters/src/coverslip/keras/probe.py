"""Reads an HDF5 file once in a process of its own: the HDF5 library can crash on damaged files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ..errors import Errc, Error

SECONDS = 600

_READ_ALL = """
import io, sys
import h5py

def visit(group, depth):
    dict(group.attrs)
    for name in group if depth < 64 else ():
        if isinstance(group.get(name, getlink=True), h5py.HardLink):
            found = group[name]
            if isinstance(found, h5py.Group):
                visit(found, depth + 1)
            elif not found.is_virtual and not found.external and found.size < 1 << 29:
                found[()]

try:
    visit(h5py.File(sys.argv[1] if len(sys.argv) > 1 else io.BytesIO(sys.stdin.buffer.read()), "r"), 0)
except Exception:
    pass  # whatever Python can catch, the real reading catches too, and knows the place
"""


def check(source: Path | bytes, where: str) -> None:
    """Raises Error(BadModel) where reading a file, or its bytes, ends the process that does it."""
    if not sys.executable:
        return
    arguments = [sys.executable, "-c", _READ_ALL, *([os.fspath(source)] if isinstance(source, Path) else [])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    data = source if isinstance(source, bytes) else b""
    quiet = subprocess.DEVNULL
    try:
        done = subprocess.run(arguments, input=data, stdout=quiet, stderr=quiet, env=environment, timeout=SECONDS)
    except subprocess.TimeoutExpired as error:
        raise Error(Errc.BadModel, where, f"cannot be read within {SECONDS} s: the HDF5 file is damaged") from error
    except OSError:
        return
    if not 0 <= done.returncode < 256:  # a signal, or an exception of Windows
        raise Error(Errc.BadModel, where, "is damaged: the HDF5 library crashes when it reads it")
