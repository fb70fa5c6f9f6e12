"""Compares one exported network with onnxruntime, and says what became of its nodes. zoo.py runs it in a process each.

python tests/zoo/comparison.py network.onnx --size 1,3,224,224 --size 2,3,192,256       prints JSON
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from networks_page import Row

sys.path.insert(0, str(Path(__file__).parents[2] / "converters" / "src"))

import coverslip
from coverslip import reader
from coverslip.ir import Graph

Array = npt.NDArray[Any]

RECOGNISED = (
    *("Attention", "Gelu", "GroupNormalization", "HardSwish", "LayerNormalization", "Mish", "RMSNormalization"),
    *("Softplus", "Swish"),
)
"""What exporters write in several nodes. HardSigmoid is left out: mostly it is part of another node."""

FOLDABLE = ("BatchNormalization", "Constant", "Dropout", "Einsum", "Erf", "Identity")
"""What should be gone after conversion, or folded into something else, where it can be."""

SHAPES = "shape arithmetic"


def compare(source: Path, sizes: Sequence[tuple[int, ...]]) -> Row:
    """Converts and runs the network. Raises Error."""
    with tempfile.TemporaryDirectory() as folder:
        converted = Path(folder) / "network.slip"
        coverslip.convert(source, converted, verify=False)
        graph = reader.read(converted)
        model = coverslip.load(converted, threads=1)
        steps = model.steps(sizes[0])
        errors = [max(distance(a, b) for a, b in _answers(source, model, size)) for size in sizes]
    ops = {name: node.op for node in graph.nodes for name in (node.name, *node.outputs)}
    slow = Counter(ops.get(step.node, step.node) for step in steps if step.kernel == "reference")
    counts = Counter(node.op for node in graph.nodes)
    left = {op: counts[op] for op in FOLDABLE if counts[op]}
    if shapes := _shape_arithmetic(graph):
        left[SHAPES] = shapes
    return Row(
        error=max(errors),
        nodes_in=len(onnx.load(source, load_external_data=False).graph.node),
        nodes_out=len(graph.nodes),
        steps=len(steps),
        slow=dict(slow),
        recognised={op: counts[op] for op in RECOGNISED if counts[op]},
        left=left,
    )


def _answers(source: Path, model: coverslip.Model, size: tuple[int, ...]) -> Iterator[tuple[Array, Array]]:
    """What onnxruntime answers to a seeded input, and what the engine does."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    made = model(_picture(size))
    answers = list(made.values()) if isinstance(made, dict) else [made]
    yield from zip(session.run(None, {session.get_inputs()[0].name: _picture(size)}), answers, strict=True)


def _picture(size: tuple[int, ...]) -> Array:
    made: Array = np.random.default_rng(7).standard_normal(size).astype(np.float32)
    return made


def distance(expected: Array, answer: Array) -> float:
    """Relative L2; infinite where a shape differs or an answer is no number."""
    if expected.shape != answer.shape:
        return math.inf
    a, b = np.asarray(expected, np.float64), np.asarray(answer, np.float64)
    found = float(np.linalg.norm(a - b) / max(float(np.linalg.norm(a)), np.finfo(np.float32).tiny))
    return found if math.isfinite(found) else math.inf


def _shape_arithmetic(graph: Graph) -> int:
    """How many nodes compute integers."""
    types = {value.name: value.dtype for value in [*graph.values.values(), *graph.outputs]}
    return sum(all(types.get(name) in ("i64", "i32") for name in node.outputs) for node in graph.nodes)


def main() -> int:
    """Prints what is seen; 2 and the reason where the network is refused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--size", action="append", required=True, type=_size, help="of the input; may be repeated")
    options = parser.parse_args()
    try:
        print(json.dumps(compare(options.source, options.size)))
    except coverslip.Error as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    return 0


def _size(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


if __name__ == "__main__":
    sys.exit(main())
