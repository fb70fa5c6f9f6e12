"""A real network for heads, converted, labels a real head as its own program does.

Network, head and labels are not part of the project: they are taken from shared/data beside the checkout.
"""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import Array

import coverslip
from coverslip import engine

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data" / "brain"

pytestmark = pytest.mark.skipif(not DATA.exists(), reason=f"{DATA} is not there: a head, a network and its labels")

HEADER, SIDE = 352, 256


def voxels(path: Path) -> Array:
    """The bytes of a NIfTI file of 256x256x256 of them: columns, rows, planes."""
    data = gzip.decompress(path.read_bytes())
    made: Array = np.frombuffer(data, np.uint8, SIDE**3, HEADER).reshape(SIDE, SIDE, SIDE).transpose(2, 1, 0)
    return made


def example() -> Any:
    """The program examples/brain_tissue.py."""
    spec = importlib.util.spec_from_file_location("brain_tissue", ROOT / "examples" / "brain_tissue.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_tensorflow_js_network_labels_a_whole_head_as_its_own_program_does(tmp_path: Path) -> None:
    if engine.loader() is None:
        pytest.skip("the engine is not installed")
    model = tmp_path / "brain.slip"
    report = coverslip.convert(DATA / "model5_gw_ae" / "model.json", model, shape=(1, -1, -1, -1, 1))
    assert report.verified.startswith("yes")
    labels = example().labelled(coverslip.load(model), voxels(DATA / "t1_crop.nii.gz"))
    assert np.mean(labels == voxels(DATA / "ref_model5_gw_ae.nii.gz")) >= 0.9999
