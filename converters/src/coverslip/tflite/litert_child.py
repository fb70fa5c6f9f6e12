"""Runs a .tflite file in LiteRT: `python litert_child.py FILE IN.npz OUT.npz`, a process that may crash."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def evaluate(path: str, inputs: list[Array], tensors: list[int]) -> list[Array]:
    """The tensors of these numbers, for inputs in the file's order."""
    module = importlib.import_module("ai_edge_litert.interpreter")
    interpreter: Any = module.Interpreter(
        model_path=path,
        num_threads=1,  # the plain kernels: others round in their own ways
        experimental_op_resolver_type=module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    places = [entry["index"] for entry in interpreter.get_input_details()]
    for place, array in zip(places, inputs, strict=True):
        interpreter.resize_tensor_input(place, array.shape)
    interpreter.allocate_tensors()
    for place, array in zip(places, inputs, strict=True):
        interpreter.set_tensor(place, array)
    interpreter.invoke()
    return [interpreter.get_tensor(number) for number in tensors]


def main(path: str, given: str, made: str) -> None:
    """Reads `input0`, ... and the numbers of `tensors`, writes those by their numbers."""
    with np.load(given, allow_pickle=False) as arrays:
        tensors = [int(number) for number in arrays["tensors"]]
        inputs = [arrays[f"input{i}"] for i in range(len(arrays.files) - 1)]
    found = evaluate(path, inputs, tensors)
    named: dict[str, Any] = {str(number): array for number, array in zip(tensors, found, strict=True)}
    np.savez(made, **named)


if __name__ == "__main__":
    main(*sys.argv[1:])
