"""One installed coverslip for all embedding tests, and the networks that they run."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from coverslip.ir import Graph
from coverslip.writer import write

sys.path.insert(0, str(Path(__file__).parent))

from places import RELEASE, run


@pytest.fixture(scope="session")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where build/release is installed: not where it was built for, and then moved."""
    if not (RELEASE / "libcoverslip.a").exists():
        pytest.skip(f"{RELEASE} is not built")
    folder = tmp_path_factory.mktemp("install")
    run("cmake", "--install", RELEASE, "--prefix", folder / "first")
    return Path(shutil.move(folder / "first", folder / "prefix"))


@pytest.fixture
def model(tmp_path: Path, graphs: dict[str, Callable[..., Graph]]) -> Path:
    """The small classifier, as model.slip in a folder of the test's own."""
    write(graphs["classifier"](), tmp_path / "model.slip")
    return tmp_path / "model.slip"
