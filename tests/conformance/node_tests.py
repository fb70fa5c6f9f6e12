"""Runs ONNX's own node tests through the converter and the engine, and counts what passes, is refused, or is wrong.

From any worktree (PYTHON is one that has onnx and nanobind; nothing needs to be installed):

    cmake -B build/python -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCOVERSLIP_BUILD_PYTHON=ON \\
          -DCOVERSLIP_TARGETS=AVX2 -DPython_EXECUTABLE=PYTHON
    cmake --build build/python --target _engine
    PYTHON tests/conformance/node_tests.py --match resize --target avx2 -v
"""

from __future__ import annotations

import argparse
import os
import pickle
import re
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NoReturn, TypeVar

sys.path.insert(0, str(Path(__file__).parents[2] / "converters" / "src"))

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases
from onnx.backend.test.runner import Runner

from coverslip import Errc, Error, passes, runtime, shapes, writer
from coverslip.dtypes import NUMPY
from coverslip.onnx import reader as onnx_reader

Item = TypeVar("Item")
Made = TypeVar("Made")

OUTCOMES = ("passed", "refused", "wrong", "crashed")

REFUSED = Path(__file__).with_name("refused.txt")
"""The names of the tests that are refused, under their reasons; ledger.py makes it."""

DISPUTED = {
    "test_attention_4d_causal_fp16_expanded": "written out, each of its steps rounds to f16; what the engine makes of "
    "them lies nearer to the exact answer (4.0e-4 at most) than what ONNX expects (4.9e-4)"
}
"""Tests that are answered otherwise, and why that stays so."""


@dataclass(frozen=True)
class Result:
    """How one test went, and why it did not pass."""

    name: str
    outcome: str
    why: str = ""


def cases() -> dict[str, Any]:
    """ONNX's tests by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = {case.name: case for case in collect_testcases()}
    for case in found.values():
        case.data_sets = [tuple([_array(value) for value in part] for part in parts) for parts in case.data_sets]
    return found


def _array(value: Any) -> Any:
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


@dataclass(frozen=True)
class Way:
    """How tests are run."""

    target: str | None = None
    simplify: bool = True
    constants: bool = False  # all inputs but the first become constants, as they mostly are in networks


def engine_answers(case: Any, way: Way) -> list[list[Any]]:
    """What the engine answers to each set of inputs. Raises Error."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    names, sets = [info.name for info in model.graph.input], case.data_sets
    if way.constants:
        model.ir_version = max(model.ir_version, 4)  # before that, a constant had to be an input too
        _fix_inputs(model.graph, sets[0][0])
        sets = sets[:1]
    graph = onnx_reader.from_model(model)
    if way.simplify:
        passes.run(graph)
    else:
        shapes.annotate(graph)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.slip"
        writer.write(graph, path)
        loaded = runtime.load(path, threads=1, target=way.target)
        return [_run(loaded, dict(zip(names, inputs, strict=False))) for inputs, _ in sets]


def _fix_inputs(graph: onnx.GraphProto, inputs: Sequence[Any]) -> None:
    for info, value in list(zip(graph.input, inputs, strict=False))[1:]:
        if isinstance(value, np.ndarray):
            graph.initializer.append(numpy_helper.from_array(value, info.name))
            graph.input.remove(info)


def _run(model: runtime.Model, feeds: dict[str, Any]) -> list[Any]:
    """The outputs in order; bfloat16, which NumPy lacks, goes in as float32."""
    given = {}
    for port in model.inputs:
        array = np.asarray(feeds[port.name])
        given[port.name] = array.astype(np.float32) if array.dtype == NUMPY["bf16"] else array
    made = model(given)
    return list(made.values()) if isinstance(made, dict) else [made]


def check(case: Any, way: Way) -> Result:
    """Runs one test and compares as ONNX's own runner does."""
    try:
        answers = engine_answers(case, way)
        for found, (_, expected) in zip(answers, case.data_sets, strict=False):
            typed = [_as_expected(a, b) for a, b in zip(found, expected, strict=False)]
            Runner.assert_similar_outputs(expected, typed, case.rtol, case.atol)
    except Error as error:
        outcome = "refused" if error.code in (Errc.Unsupported, Errc.OverBudget) else "wrong"
        return Result(case.name, outcome, " ".join(str(error).split()))
    except AssertionError as error:
        return Result(case.name, "wrong", str(error).strip())
    except Exception:
        return Result(case.name, "crashed", traceback.format_exc().strip())
    return Result(case.name, "passed")


def _as_expected(found: Any, expected: Any) -> Any:
    """bfloat16 comes out as float32."""
    wanted = getattr(expected, "dtype", None)
    return found.astype(wanted) if wanted == NUMPY["bf16"] and found.dtype == np.float32 else found


def check_all(chosen: Sequence[Any], way: Way) -> Iterator[Result]:
    """Results in order; a test that kills its process counts as crashed."""
    return isolated(chosen, lambda case: check(case, way), lambda case, why: Result(case.name, "crashed", why))


@cache
def results() -> tuple[Result, ...]:
    """How all tests go on the best instruction set of this machine; they run once."""
    return tuple(check_all(list(cases().values()), Way()))


def isolated(items: Sequence[Item], run: Callable[[Item], Made], died: Callable[[Item, str], Made]) -> Iterator[Made]:
    """What `run` makes of each, in order. A child process runs it; where one killed that, another goes on behind it."""
    at = 0
    while at < len(items):
        reader, writer_end = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            _answer(items[at:], run, writer_end)
        os.close(writer_end)
        with os.fdopen(reader, "rb") as pipe:
            while at < len(items):
                try:
                    yield pickle.load(pipe)
                except EOFError:
                    break
                at += 1
        _, status = os.waitpid(child, 0)
        if at < len(items):
            yield died(items[at], f"the process ended with status {status}")
            at += 1


def _answer(items: Sequence[Item], run: Callable[[Item], Made], end: int) -> NoReturn:
    """The child's part. It ends here, whatever happens."""
    try:
        with os.fdopen(end, "wb") as pipe:
            for item in items:
                pickle.dump(run(item), pipe)
                pipe.flush()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
    os._exit(1)


def refused() -> set[str]:
    """The names of the tests that were refused when ledger.py ran."""
    return {line for line in REFUSED.read_text(encoding="ascii").splitlines() if not line.startswith("#")}


def names_of(found: Sequence[Result], outcome: str) -> list[str]:
    """The tests that went so."""
    return [result.name for result in found if result.outcome == outcome]


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints counts and names. Returns 1 where anything was wrong or crashed."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--match", default="", metavar="REGEX", help="only tests whose names it is found in")
    parser.add_argument("--names", metavar="FILE", help="only tests whose names are words of this file (JSON too)")
    parser.add_argument("--op", action="append", default=[], help="only tests of a model with this operator")
    parser.add_argument("--target", help="instruction set, such as avx2 or sse2; else the best")
    parser.add_argument("--no-passes", action="store_true", help="run what was imported, without simplifying it")
    parser.add_argument("--constants", action="store_true", help="make constants of all inputs but the first")
    parser.add_argument("--list", metavar="OUTCOME", choices=OUTCOMES, help="print only the names of these")
    parser.add_argument("-v", "--verbose", action="store_true", help="say why each test did not pass")
    options = parser.parse_args(arguments)
    words = set(re.findall(r"\w+", Path(options.names).read_text())) if options.names else None
    chosen = [
        case
        for name, case in cases().items()
        if re.search(options.match, name)
        and (words is None or name in words)
        and (not options.op or any(node.op_type in options.op for node in case.model.graph.node))
    ]
    found = list(check_all(chosen, Way(options.target, not options.no_passes, options.constants)))
    if options.list:
        print("\n".join(names_of(found, options.list)))
        return 0
    for outcome in OUTCOMES[1:]:
        for result in found:
            if result.outcome == outcome:
                print(f"{outcome:8} {result.name}" + (f"\n    {result.why}" if options.verbose else ""))
    counts = Counter(result.outcome for result in found)
    print(", ".join(f"{counts[outcome]} {outcome}" for outcome in OUTCOMES))
    return 1 if counts["wrong"] or counts["crashed"] else 0


if __name__ == "__main__":
    sys.exit(main())
