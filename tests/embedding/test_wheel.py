"""The Python package as a wheel: it carries its libraries, and works in a clean virtual environment."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from places import ROOT, cached, cached_folders, run

WITHOUT = shutil.ignore_patterns("*.so", "build", "*.egg-info", "__pycache__", ".*")
# Runs the model, and says where the module's libraries come from.
PROGRAM = """
import sys, numpy, coverslip
print(coverslip.load(sys.argv[1])(numpy.zeros((1, 3, 8, 8), numpy.float32)).argmax())
print([line.split()[-1] for line in open("/proc/self/maps") if "libtbb" in line or "libhwy" in line])
"""

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="wheels are repaired on Linux alone")


def new_environment(folder: Path) -> Path:
    """A clean virtual environment; returns its Python."""
    run(sys.executable, "-m", "venv", folder)
    return folder / "bin" / "python"


def pip(python: Path | str, *arguments: str | Path, variables: dict[str, str] | None = None) -> None:
    """Runs pip, which takes the versions that the project was tested with; those that build a wheel too."""
    tested = str(ROOT / "third_party" / "wheel.txt")
    pinned = {"PIP_CONSTRAINT": tested, "PIP_BUILD_CONSTRAINT": tested}
    run(python, "-m", "pip", "--disable-pip-version-check", *arguments, variables=pinned | (variables or {}))


def carried() -> list[str]:
    """The libraries that a wheel carries; a Highway that CMake fetched is linked in."""
    return ["libtbb"] if cached_folders("highway_BINARY_DIR") else ["libhwy", "libtbb"]


def check_wheel(wheel: Path) -> None:
    header = (ROOT / "include" / "coverslip" / "c" / "coverslip.h").read_text(encoding="utf-8")
    version = re.search(r'COVERSLIP_VERSION "(.*)"', header)
    assert version is not None and wheel.name.startswith(f"coverslip-{version[1]}-cp")
    assert "-manylinux_2_" in wheel.name
    names = zipfile.ZipFile(wheel).namelist()
    libraries = [name for name in names if name.startswith("coverslip.libs/lib")]
    assert sorted(re.sub(r".*/|[-.].*", "", name) for name in libraries) == carried()
    modules = [name for name in names if name.endswith(".so")]
    assert len(modules) == 1 and modules[0].startswith("coverslip/_engine.")
    assert "coverslip/py.typed" in names and "coverslip/_engine.pyi" in names


def check_module(python: Path, model: Path) -> None:
    answer, libraries = run(python, "-I", "-c", PROGRAM, model).splitlines()
    assert answer == "2"
    assert all(f"coverslip.libs/{name}" in libraries for name in carried())
    assert libraries.count("'/usr/lib") == 0


def test_a_wheel_carries_its_libraries(tmp_path: Path, prefix: Path, model: Path) -> None:
    # Without the engine's sources beside it, the package is built for the coverslip that is installed.
    shutil.copytree(ROOT / "converters", tmp_path / "converters", ignore=WITHOUT)
    pip(
        sys.executable,
        "wheel",
        "--no-deps",
        "-w",
        tmp_path,
        tmp_path / "converters",
        variables={"CMAKE_PREFIX_PATH": str(prefix)},
    )
    (wheel,) = tmp_path.glob("*.whl")
    check_wheel(wheel)
    python = new_environment(tmp_path / "environment")
    pip(python, "install", "--no-deps", wheel, "numpy")
    check_module(python, model)


def test_a_wheel_that_cannot_be_repaired_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    setuptools = pytest.importorskip("setuptools")
    monkeypatch.setattr(setuptools, "setup", lambda **_: None)
    made = runpy.run_path(str(ROOT / "converters" / "setup.py"))
    monkeypatch.setattr(made["bdist_wheel"], "run", lambda _: None)
    command = made["CarryLibraries"](setuptools.Distribution())
    command.dist_dir = str(tmp_path)
    wheel = tmp_path / "coverslip-1-py3-none-any.whl"
    wheel.write_bytes(b"no wheel that could be repaired")
    command.run()
    assert list(tmp_path.iterdir()) == [wheel]


@pytest.mark.slow
def test_the_package_installs_from_its_sources(tmp_path: Path, model: Path) -> None:
    for name in ("converters", "include", "cmake", "third_party"):
        shutil.copytree(ROOT / name, tmp_path / "coverslip" / name, ignore=WITHOUT)
    shutil.copy(ROOT / "CMakeLists.txt", tmp_path / "coverslip")
    (tmp_path / "coverslip" / "build").mkdir()
    (tmp_path / "coverslip" / "build" / "third_party").symlink_to(cached("COVERSLIP_THIRD_PARTY_DIR"))
    python = new_environment(tmp_path / "environment")
    one_target = {"CMAKE_ARGS": "-DCOVERSLIP_TARGETS=SCALAR"}
    pip(python, "install", tmp_path / "coverslip" / "converters", variables=one_target)
    check_module(python, model)
    described = subprocess.run([python, "-m", "coverslip", "--help"], capture_output=True, text=True, check=True)
    assert "convert" in described.stdout
