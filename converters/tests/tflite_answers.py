"""Records what LiteRT answers to the cases, for tests where it is not installed: `python tests/tflite_answers.py`."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from tflite_cases import CASES
from tflite_files import Array, File, integers, numbers

RECORDED = Path(__file__).parent / "data" / "tflite_answers.json"
SAMPLES = 12


def written(case: str, folder: Path) -> tuple[Path, list[Array], int]:
    """The file of a case, seeded inputs, and the number of its output."""
    file = File()
    made = CASES[case](file)
    inputs: list[Array] = []
    for seed, number in enumerate(file.inputs):
        entry: dict[str, Any] = file.tensors[number]
        if entry["kind"] == "FLOAT32":
            inputs.append(numbers(*entry["shape"], seed=seed + 5))
        else:
            low, dtype = (-128, np.int8) if entry["kind"] == "INT8" else (0, np.uint8)
            inputs.append(integers(*entry["shape"], low=low, high=low + 256, seed=seed + 5, dtype=dtype))
    return file.write(folder / "case.tflite", made), inputs, made


def sampled(array: Array) -> Array:
    """A few of an output's numbers, evenly spread."""
    flat = np.asarray(array, np.float64).reshape(-1)
    made: Array = flat[np.linspace(0, flat.size - 1, min(SAMPLES, flat.size)).astype(int)]
    return made


def main() -> None:
    """Writes the file anew."""
    from coverslip.tflite import litert_child

    answers = {}
    with tempfile.TemporaryDirectory() as folder:
        for case in CASES:
            path, inputs, made = written(case, Path(folder))
            found = litert_child.evaluate(str(path), inputs, [made])[0]
            answers[case] = [float(f"{number:.7g}") for number in sampled(found)]
    lines = ",\n".join(f"{json.dumps(case)}: {json.dumps(values)}" for case, values in answers.items())
    RECORDED.write_text(f"{{\n{lines}\n}}\n", encoding="ascii")


if __name__ == "__main__":
    main()
