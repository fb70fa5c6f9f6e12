"""The C API: from a C99 program, and through ctypes as any other language would."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from places import CC, HERE, pkg_config, run, shared_library

import coverslip
from coverslip.ir import Graph
from coverslip.writer import write

Graphs = dict[str, Callable[..., Graph]]
OK, BAD_INPUT, BUSY, CANCELLED = 0, 2, 8, 9


class Error(ctypes.Structure):
    _fields_ = (("code", ctypes.c_int32), ("where", ctypes.c_char * 256), ("message", ctypes.c_char * 1020))


class Tensor(ctypes.Structure):
    _fields_ = (
        ("dtype", ctypes.c_int32),
        ("rank", ctypes.c_uint32),
        ("dims", ctypes.c_int64 * 8),
        ("bytes", ctypes.c_size_t),
        ("data", ctypes.c_void_p),
    )

    @classmethod
    def of(cls, array: np.ndarray[Any, Any]) -> Tensor:
        assert array.dtype == np.float32 and array.flags.c_contiguous
        return cls(0, array.ndim, (ctypes.c_int64 * 8)(*array.shape), array.nbytes, array.ctypes.data)


class Library:
    """libcoverslip.so; calls that can fail raise here."""

    def __init__(self, path: Path) -> None:
        self.c = ctypes.CDLL(str(path))
        self.c.coverslip_version.restype = ctypes.c_char_p
        self.c.coverslip_control_new.restype = ctypes.c_void_p
        self.c.coverslip_control_progress.restype = ctypes.c_double

    def __call__(self, name: str, *arguments: Any) -> None:
        error = Error()
        code = getattr(self.c, f"coverslip_{name}")(*arguments, ctypes.byref(error))
        if code != OK:
            assert code == error.code
            raise RuntimeError(code, error.where.decode(), error.message.decode())

    def session(self, path: Path) -> ctypes.c_void_p:
        model, session = ctypes.c_void_p(), ctypes.c_void_p()
        self("model_load", str(path).encode(), ctypes.byref(model))
        self("session_new", model, None, ctypes.byref(session))
        self.c.coverslip_model_free(model)
        return session


@pytest.fixture(scope="session")
def library(prefix: Path) -> Library:
    return Library(shared_library(prefix))


@pytest.mark.parametrize("shared", [False, True], ids=["static", "shared"])
def test_a_c99_program_uses_all_of_it(tmp_path: Path, prefix: Path, graphs: Graphs, shared: bool) -> None:
    models = [tmp_path / f"{name}.slip" for name in ("classifier", "free", "two_by_two")]
    for path in models:
        write(graphs[path.stem](), path)
    program, folder = tmp_path / "program", shared_library(prefix).parent
    flags = pkg_config(prefix, "--cflags", "--libs", *([] if shared else ["--static"]))
    warnings = ("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror")
    run(CC, *warnings, HERE / "c_api_test.c", *flags, f"-Wl,-rpath,{folder}:{folder}/coverslip", "-o", program)
    assert run(program, *models) == "passed\n"


def test_ctypes_gives_the_answer_of_the_python_module(library: Library, model: Path) -> None:
    session = library.session(model)
    x = np.random.default_rng(1).standard_normal((1, 3, 8, 8)).astype(np.float32)
    y = np.zeros((1, 4, 1, 1), np.float32)
    library("session_run", session, ctypes.byref(Tensor.of(x)), 1, ctypes.byref(Tensor.of(y)), 1, None)
    library.c.coverslip_session_free(session)
    assert np.array_equal(y, coverslip.load(model)(x))


def test_the_library_tells_its_version(library: Library) -> None:
    assert library.c.coverslip_abi_version() == 1
    major, minor, patch = library.c.coverslip_version().decode().split(".")
    assert major.isdigit() and minor.isdigit() and patch.isdigit()


def test_errors_come_as_codes(library: Library, model: Path) -> None:
    session = library.session(model)
    with pytest.raises(RuntimeError) as raised:
        library("session_run", session, None, 0, None, 0, None)
    library.c.coverslip_session_free(session)
    assert raised.value.args == (BAD_INPUT, "inputs", "the model wants 1, got 0")


def test_a_long_run_is_watched_and_stopped_from_another_thread(
    library: Library, tmp_path: Path, graphs: Graphs
) -> None:
    path = tmp_path / "endless.slip"
    write(graphs["endless"](), path)
    session, control = library.session(path), ctypes.c_void_p(library.c.coverslip_control_new())
    x = np.zeros((1, 64, 256, 256), np.float32)
    codes: list[int] = []

    def compute() -> None:
        codes.append(library.c.coverslip_session_run(session, ctypes.byref(Tensor.of(x)), 1, None, 0, control, None))

    running = threading.Thread(target=compute)
    running.start()
    deadline = time.monotonic() + 100
    while library.c.coverslip_control_progress(control) == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    done = library.c.coverslip_control_progress(control)
    with pytest.raises(RuntimeError) as raised:
        library("session_run", session, ctypes.byref(Tensor.of(x)), 1, None, 0, None)
    library.c.coverslip_control_stop(control)
    running.join()
    library.c.coverslip_session_free(session)
    library.c.coverslip_control_free(control)
    assert raised.value.args[0] == BUSY
    assert codes == [CANCELLED] and 0 < done < 1
