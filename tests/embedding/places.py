"""What the embedding tests share: where things are, and how programs are run."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "tests" / "embedding"
RELEASE = ROOT / "build" / "release"
CXX = os.environ.get("CXX", "c++")
CC = os.environ.get("CC", "cc")
# Flags for a CPU that is newer than the oldest that coverslip supports.
NEWER = "-mavx2" if platform.machine() == "x86_64" else ""


def run(
    *command: str | Path, cwd: Path | None = None, fails: bool = False, variables: dict[str, str] | None = None
) -> str:
    """Runs a program that must succeed (or fail), and returns what it prints, stderr included."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, **(variables or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        timeout=1500,
    )
    text = done.stdout.decode(errors="replace")
    assert (done.returncode != 0) == fails, f"{' '.join(map(str, command))}: exit {done.returncode}\n{text}"
    return text


def shared_library(prefix: Path) -> Path:
    """libcoverslip.so, where coverslip is installed."""
    return next(prefix.glob("**/libcoverslip.so"))


def pkg_config(prefix: Path, *asked: str) -> list[str]:
    """What pkg-config says of an installed coverslip; with --static, the archive by its name."""
    folder = next(prefix.glob("**/pkgconfig"))
    words = run("pkg-config", *asked, "coverslip", variables={"PKG_CONFIG_PATH": str(folder)}).split()
    return ["-l:libcoverslip.a" if word == "-lcoverslip" and "--static" in asked else word for word in words]


def cached(name: str) -> str:
    """A variable of the CMake cache of build/release."""
    for line in (RELEASE / "CMakeCache.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{name}:"):
            return line.split("=", 1)[1]
    return ""


def cached_folders(*names: str) -> list[Path]:
    """Those of such variables that name a folder which is there."""
    return [Path(value) for name in names if (value := cached(name)) and Path(value).is_dir()]
