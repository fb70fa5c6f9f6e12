"""Random graphs of every fast operator, compared with onnxruntime; where both differ, double precision decides.

Each seed gives one graph of 5 to 50 nodes. It runs with all passes, with a part of the passes (pairwise: with the other
seeds, each two passes are on and off together in all four ways), on another instruction set, on two threads, and under
the least memory limit that the engine says it can keep; the last two must give the same bits. A graph that fails is
made smaller and printed with its seed.

    PYTHON tests/conformance/random_graphs.py --count 500 --seed 0 [--target avx2] [--threads 2]
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from pathlib import Path

import node_tests
import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from random_draft import Array, Draft, Rejected, onnx_type, session_options
from random_layers import MATRICES, NORMS, WINDOWS
from random_ops import AXES, ELEMENTS, SHAPES, Emit
from random_quantized import QUANTIZED

from coverslip import Errc, Error, onnx_double, passes, runtime, shapes, writer
from coverslip.edit import copied
from coverslip.ir import Graph
from coverslip.onnx import reader as onnx_reader

FAMILIES: tuple[dict[str, Emit], ...] = (
    *(ELEMENTS, ELEMENTS, SHAPES, SHAPES, WINDOWS, WINDOWS),
    *(AXES, NORMS, MATRICES, QUANTIZED),
)
"""As often as they stand here."""

CLOSE = 1e-4
"""Difference, as a part of the largest answer, that needs no judge: see random_draft.NOISE."""

WORSE = 4.0
"""Beyond that, how much farther from the double-precision answer than onnxruntime the engine may be."""

COMBINED = frozenset({"Conv, norm, residual, activation", "Sigmoid and Mul"})
"""What is drawn as several nodes, and is none of ONNX's operators."""

PASSES = len(passes.ORDER)


def pairwise(factors: int) -> list[tuple[bool, ...]]:
    """Rows in which every two factors are on and off in all four ways (Kleitman and Spencer 1973)."""
    rows = next(n for n in range(4, 99) if len(list(combinations(range(n - 1), n // 2))) >= factors)
    columns = list(combinations(range(1, rows), rows // 2))[:factors]
    return [tuple(row in column for column in columns) for row in range(rows)]


SOME_PASSES = pairwise(PASSES)


@dataclass(frozen=True)
class Way:
    """How a graph is run."""

    target: str | None = None
    threads: int = 1
    chosen: tuple[bool, ...] = (True,) * PASSES
    less_memory: bool = False
    same_bits: bool = False

    def __str__(self) -> str:
        """Its name in a report."""
        off = [name for (name, _), on in zip(passes.ORDER, self.chosen, strict=True) if not on]
        parts = [self.target or "best target", f"threads {self.threads}"]
        parts += [f"without {', '.join(off)}"] if off else []
        return "; ".join([*parts, *(["less memory"] if self.less_memory else [])])


@dataclass(frozen=True)
class Outcome:
    """What became of one seed."""

    seed: int
    operators: tuple[str, ...] = ()
    nodes: int = 0
    settled: int = 0  # answers that differed from onnxruntime's, and double precision sided with the engine
    cut: bool = False  # a memory limit below the whole was kept
    refused: str = ""
    failed: str = ""


def draw(seed: int, families: Sequence[dict[str, Emit]] = FAMILIES, *rounding: float) -> Draft:
    """The graph of a seed."""
    d = Draft(seed, *rounding)
    wanted = int(d.random.integers(5, 51))
    d.input(d.sizes(d.choose([2, 3, 4, 4, 4, 5])))
    for _ in range(wanted * 4):
        if len(d.nodes) >= wanted:
            break
        family = d.choose(families)
        try:
            family[d.choose(list(family))](d)
        except Rejected:
            continue
    return d


class Case:
    """A graph with inputs: what onnxruntime, double precision and the engine answer. Each is asked but once."""

    def __init__(self, model: onnx.ModelProto, feeds: dict[str, Array], close: float = CLOSE) -> None:
        self.model, self.feeds, self.close = model, feeds, close
        self.names = [info.name for info in model.graph.output]
        self.cut = False  # a memory limit below the whole was kept
        self._files: dict[tuple[bool, ...], bytes] = {}

    @cached_property
    def other(self) -> list[Array]:
        """By onnxruntime. Raises Rejected where it cannot."""
        return judge(self.model, self.feeds)

    @cached_property
    def exact(self) -> list[Array]:
        """In double precision. Raises Error where that cannot be had."""
        return list(onnx_double.run(self.model, self.feeds).values())

    def engine(self, way: Way) -> list[Array]:
        """By the engine. Raises Error."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.slip"
            path.write_bytes(self._file(way.chosen))
            loaded = runtime.load(path, way.threads, way.target)
            if way.less_memory:
                limit = self._least(path, way)
                self.cut = (
                    limit < loaded.memory({port.name: self.feeds[port.name].shape for port in loaded.inputs}).peak
                )
                loaded = runtime.load(path, way.threads, way.target, max_memory=limit)
            made = loaded({port.name: self.feeds[port.name] for port in loaded.inputs})
            return list(made.values()) if isinstance(made, dict) else [made]

    def _least(self, path: Path, way: Way) -> int:
        """The least limit that would do, as the engine says when it refuses one: for all, or for what it knows yet."""
        limit = 1
        while True:
            try:
                model = runtime.load(path, way.threads, way.target, max_memory=limit)
                model({port.name: self.feeds[port.name] for port in model.inputs})
                return limit
            except Error as error:
                least = int((re.findall(r"at least (\d+) bytes", str(error)) or [0])[0])
                if error.code != Errc.OverBudget or least <= limit:
                    raise
                limit = least

    @cached_property
    def _graph(self) -> Graph:
        """As imported, before any pass."""
        graph = onnx_reader.from_model(self.model)
        shapes.annotate(graph)
        return graph

    def _file(self, chosen: tuple[bool, ...]) -> bytes:
        if chosen not in self._files:
            graph = copied(self._graph)
            for (_, rewrite), on in zip(passes.ORDER, chosen, strict=True):
                if on and rewrite(graph):
                    shapes.annotate(graph)
            self._files[chosen] = writer.to_bytes(graph)
        return self._files[chosen]

    def fault(self, way: Way) -> tuple[str, int]:
        """What is wrong with the answers, and how many onnxruntime had worse. Raises Error where the engine refuses."""
        try:
            found = self.engine(way)
        except Error as error:
            if error.code in (Errc.Unsupported, Errc.OverBudget):
                raise
            return str(error), 0
        if way.same_bits:
            plain = self.engine(Way(way.target, chosen=way.chosen))
            same = all(a.tobytes() == b.tobytes() for a, b in zip(found, plain, strict=True))
            return "" if same else "other bits than on one thread without a limit", 0
        faults, settled = [], 0
        for i, (a, b) in enumerate(zip(found, self.other, strict=True)):
            if a.dtype != b.dtype:
                faults.append(f"{self.names[i]} is of {a.dtype}, by onnxruntime of {b.dtype}")
            elif (far := apart(a, b)) > self.close:
                text = self._settle(i, a, far)
                faults += [text] if text else []
                settled += not text
        return "; ".join(faults), settled

    def _settle(self, i: int, found: Array, far: float) -> str:
        try:
            ours, theirs = (apart(answer, self.exact[i]) for answer in (found, self.other[i]))
        except Error as error:
            return f"{self.names[i]} differs by {far:.2g}; no judge: {error}"
        if min(ours, theirs) > WORSE * far:
            return f"{self.names[i]} differs by {far:.2g}; the judge agrees with neither ({ours:.2g}, {theirs:.2g})"
        fine = ours <= max(self.close, WORSE * theirs) and np.isfinite(ours)
        return "" if fine else f"{self.names[i]} is off by {ours:.2g}, onnxruntime's by {theirs:.2g}"


def judge(model: onnx.ModelProto, feeds: dict[str, Array]) -> list[Array]:
    """What onnxruntime answers. Raises Rejected where it cannot."""
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), session_options(), providers=["CPUExecutionProvider"]
        )
        return [np.asarray(array) for array in session.run(None, feeds)]
    except Exception as error:  # its exceptions share no base class
        raise Rejected(str(error)) from error


def apart(a: Array, b: Array) -> float:
    """The largest difference as a part of the largest value of `b`; infinite where the kinds of numbers differ."""
    if a.shape != b.shape or (b.dtype.kind in "biu" and not np.array_equal(a, b)):
        return float("inf")
    if not b.size or b.dtype.kind in "biu":
        return 0.0
    with np.errstate(invalid="ignore"):
        found = np.where(a == b, 0.0, np.abs(a.astype(np.float64) - b))
    return float(np.nan_to_num(found, nan=np.inf).max() / max(float(np.abs(b).max()), 1e-3))


def ways(seed: int, first: Way) -> Iterator[Way]:
    """All ways in which a seed's graph is run. No more than two conversions are made for them."""
    targets = runtime.cpu().targets
    some = SOME_PASSES[seed % len(SOME_PASSES)]
    yield first
    yield replace(first, chosen=some)
    yield replace(first, target=targets[seed // len(SOME_PASSES) % len(targets)], chosen=some)
    yield replace(first, threads=2, same_bits=True)
    yield replace(first, less_memory=True, same_bits=True)


def check(seed: int, first: Way) -> Outcome:
    """Draws the graph of a seed, and compares all that its ways answer."""
    d = draw(seed)
    return compare(seed, Case(d.model(), d.feeds()), ways(seed, first))


def compare(seed: int, case: Case, all_ways: Iterable[Way]) -> Outcome:
    """Runs a case in all ways, or to the first that fails."""
    nodes = case.model.graph.node
    outcome = Outcome(seed, tuple(sorted({node.op_type for node in nodes})), len(nodes))
    for way in all_ways:
        try:
            said, settled = case.fault(way)
            outcome = replace(outcome, settled=outcome.settled + settled, cut=case.cut)
        except Rejected as error:
            return replace(outcome, refused=f"onnxruntime: {error}")
        except Error as error:
            return replace(outcome, refused=f"{way}: {error}")
        except Exception:  # of the converter
            return replace(outcome, failed=f"{way}: {traceback.format_exc().strip()}")
        if said:
            return replace(outcome, failed=report(case, way, said))
    return outcome


def report(case: Case, way: Way, said: str) -> str:
    """The failure with the smallest graph that shows it."""
    try:
        small, given = shrunk(case.model, case.feeds, lambda model, feeds: _fails(Case(model, feeds, case.close), way))
    except Rejected as error:
        return f"{way}: {said}\n{error}"
    given |= {tensor.name: numpy_helper.to_array(tensor) for tensor in small.graph.initializer}
    del small.graph.initializer[:]
    shown = {name: array.tolist() if array.size <= 24 else array.shape for name, array in given.items()}
    return f"{way}: {said}\n{onnx.printer.to_text(small)}\n{shown}"


def _fails(case: Case, way: Way) -> bool:
    try:
        return bool(case.fault(way)[0])
    except Exception:  # another fault than the one that is looked for
        return False


def shrunk(
    model: onnx.ModelProto, feeds: dict[str, Array], fails: Callable[[onnx.ModelProto, dict[str, Array]], bool]
) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """The graph with nodes left out for as long as it fails: their results become inputs."""
    known = everything(model, feeds)
    outputs = [info.name for info in model.graph.output]
    for output in outputs:
        if fails(*part(model, known, {output}, set(feeds))):
            outputs = [output]
            break
    inputs = set(feeds)
    for node in model.graph.node:
        chosen = {*inputs, *node.output}
        if not chosen & {*outputs} and fails(*part(model, known, set(outputs), chosen)):
            inputs = chosen
    return part(model, known, set(outputs), inputs)


def everything(model: onnx.ModelProto, feeds: dict[str, Array]) -> dict[str, Array]:
    """Every value of the graph by name, as onnxruntime computes it."""
    open_model = onnx.ModelProto()
    open_model.CopyFrom(model)
    names = [name for node in model.graph.node for name in node.output]
    del open_model.graph.output[:]
    open_model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    return {**feeds, **dict(zip(names, judge(open_model, feeds), strict=True))}


def part(
    model: onnx.ModelProto, known: dict[str, Array], outputs: set[str], inputs: set[str]
) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """What of the graph makes the outputs from the inputs, and the inputs that it reads."""
    wanted, kept = set(outputs), list[onnx.NodeProto]()
    for node in reversed(model.graph.node):
        if set(node.output) & (wanted - inputs):
            kept.insert(0, node)
            wanted |= set(node.input)
    read = [name for name in known if name in inputs and name in wanted]
    symbolic = {info.name: info for info in model.graph.input}
    infos = [
        symbolic.get(name) or helper.make_tensor_value_info(name, onnx_type(known[name]), known[name].shape)
        for name in read
    ]
    ends = [info for info in model.graph.output if info.name in outputs]
    constants = [tensor for tensor in model.graph.initializer if tensor.name in wanted]
    small = helper.make_model(
        helper.make_graph(kept, "smaller", infos, ends, constants),
        opset_imports=model.opset_import,
        ir_version=model.ir_version,
    )
    return small, {name: known[name] for name in read}


def check_all(seeds: Sequence[int], first: Way) -> Iterator[Outcome]:
    """Outcomes in order, from a child process: a seed that kills it has failed."""
    return node_tests.isolated(seeds, lambda seed: check(seed, first), lambda seed, why: Outcome(seed, failed=why))


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints failures and counts. Returns 1 where anything failed."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=500, help="how many graphs")
    parser.add_argument("--seed", type=int, default=0, help="the first graph's seed; the others follow")
    parser.add_argument("--target", help="instruction set, such as avx2 or sse2; else the best")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("-v", "--verbose", action="store_true", help="count operators, and say what was refused")
    options = parser.parse_args(arguments)
    counts, operators = Counter[str](), Counter[str]()
    for outcome in check_all(range(options.seed, options.seed + options.count), Way(options.target, options.threads)):
        counts.update(graphs=1, nodes=outcome.nodes, settled=outcome.settled, cut=int(outcome.cut))
        counts.update(refused=bool(outcome.refused), failed=bool(outcome.failed))
        operators.update(outcome.operators)
        if outcome.failed:
            print(f"seed {outcome.seed}: {outcome.failed}", flush=True)
        if outcome.refused and options.verbose:
            print(f"seed {outcome.seed} refused: {' '.join(outcome.refused.split())}", flush=True)
    if options.verbose:
        print(", ".join(f"{name} {n}" for name, n in sorted(operators.items())))
    print(", ".join(f"{n} {name}" for name, n in counts.items()))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
