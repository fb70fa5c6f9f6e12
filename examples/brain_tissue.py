"""Labels the tissue of a head MRI with a 3-D network, such as brainchop's MeshNets, and writes the labels as NIfTI.

    python -m coverslip convert model.json -o brain.slip --shape 1,?,?,?,1
    python examples/brain_tissue.py brain.slip t1.nii.gz labels.nii.gz

The network takes planes, rows, columns between 0 and 1 and answers scores, both with channels last. Reading and writing
volumes is nibabel's business (pip install nibabel, or coverslip[volumes]).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import coverslip


def labelled(model: Any, volume: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """The label of each voxel; NIfTI has columns first, the network planes."""
    planes = np.asarray(volume, np.float32).transpose(2, 1, 0)
    low, high = float(planes.min()), float(planes.max())
    scaled = (planes - low) / max(high - low, 1e-6)
    scores = model(np.ascontiguousarray(scaled)[None, ..., None])
    made: npt.NDArray[np.uint8] = scores[0].argmax(axis=-1).astype(np.uint8).transpose(2, 1, 0)
    return made


def run(model: Path, head: Path, output: Path, max_memory: int | None) -> None:
    """Reads, labels, writes, and prints the volume of each label."""
    import nibabel

    image = nibabel.load(head)
    labels = labelled(coverslip.load(model, max_memory=max_memory), np.asanyarray(image.dataobj))
    nibabel.save(nibabel.Nifti1Image(labels, image.affine), output)
    millilitres = float(np.prod(image.header.get_zooms()[:3])) / 1000
    for label, count in enumerate(np.bincount(labels.reshape(-1))):
        print(f"label {label}: {count * millilitres:8.1f} ml")


def main() -> int:
    """Runs the program. Returns its exit code."""
    parser = argparse.ArgumentParser(description="Labels the tissue of a head MRI.")
    parser.add_argument("model", type=Path, help="a .slip file")
    parser.add_argument("head", type=Path, help="a T1 volume, 256x256x256 of 1 mm for brainchop's networks")
    parser.add_argument("output", type=Path, help="takes the labels, a .nii or .nii.gz file")
    parser.add_argument("--max-memory", type=int, metavar="MB", help="for packed weights, values and scratch")
    options = parser.parse_args()
    try:
        run(options.model, options.head, options.output, options.max_memory and options.max_memory << 20)
    except ImportError:
        print("brain_tissue: reading volumes needs nibabel: pip install nibabel", file=sys.stderr)
        return 1
    except (coverslip.Error, OSError) as error:
        print(f"brain_tissue: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
