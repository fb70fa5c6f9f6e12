"""Compares a converted network with its source before it is written, and samples its golden case."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import onnx
import onnxruntime

from . import onnx_double, reference, steps
from .draws import Draw, Feeds, draws, golden_case
from .errors import Disagreement, Errc, Error
from .ir import Array, GoldenCase, Graph
from .onnx.opsets import NEWEST
from .to_onnx import to_onnx

Run: TypeAlias = Callable[[Feeds], dict[str, Array]]

CLOSE = 1e-4
"""Difference, relative to the largest answer, that rounding in another order may make without a question."""

COARSE = {"f16": 16 * 2.0**-11, "bf16": 16 * 2.0**-8}
"""The same where values between the nodes are rounded to 16 bits: some of their last places."""

PARTED = 16 * 2.0**-8
"""The same where a step of 8-bit numbers moves others behind it, as two orders of sums may have it."""

SHAKEN = 2.0**-20
"""By how much an input is changed to see how far that moves the roundings of a quantized network, relatively."""

_QUANTIZED = ("DynamicQuantizeLinear", "QuantizeLinear", "QLinearConv", "QLinearMatMul")

WORSE = 4.0
"""Beyond that, how much farther from the double-precision answer than its source a network may be."""

ENGINE = 1e-3
"""The same for the engine, on any target and by any algorithm: Winograd's rounding is the widest, a few 1e-4."""

SMALLEST = 1e-6
"""A golden tolerance is not less: the tail of a sigmoid magnifies rounding without end."""

NOTHING = float(np.finfo(np.float32).tiny)
"""A difference that no answer in float32 would show."""

SAMPLES = 128


@dataclass(frozen=True)
class Difference:
    """How far two ways to run a network are apart at most, over all draws, on one output."""

    output: str
    against: str
    largest: float
    scale: float  # the largest answer

    @property
    def relative(self) -> float:
        """The difference as a part of the largest answer."""
        return self.largest / self.scale if self.scale else self.largest


def source_runners(model: onnx.ModelProto) -> list[tuple[str, Callable[[], Run]]]:
    """The ways to run a source, best first, by name. Each may raise Error(Unsupported)."""
    return [("onnxruntime", lambda: onnx_runner(model)), ("ONNX's reference", lambda: _reference_runner(model))]


def converted_runners(graph: Graph, source: onnx.ModelProto) -> list[tuple[str, Callable[[], Run]]]:
    """The same for a converted network, other than in the engine."""
    if is_quantized(graph):  # onnxruntime's integer sums saturate on old CPUs, and it lacks some mixtures of types
        return [
            ("the reference, rounding by rounding", lambda: rounding_by_rounding(graph, source)),
            ("the reference", lambda: lambda feeds: reference.run(graph, dict(feeds))),
        ]
    return [("onnxruntime", plain_runners(graph)[0]), ("ONNX's reference", plain_runners(graph)[1])]


def plain_runners(graph: Graph) -> list[Callable[[], Run]]:
    """The same without a look at the source."""
    if is_quantized(graph):
        return [lambda: lambda feeds: reference.run(graph, dict(feeds))] * 2
    return [lambda: onnx_runner(to_onnx(graph)), lambda: _reference_runner(to_onnx(graph, opset=NEWEST))]


def is_quantized(graph: Graph) -> bool:
    """Whether the network rounds numbers to 8 bits as it runs."""
    return any(node.op in _QUANTIZED for node in graph.nodes)


def rounding_by_rounding(graph: Graph, source: onnx.ModelProto) -> Run:
    """Runs a converted network that goes on with the source's integers wherever both have some of one name.

    A number between two integers may be rounded to either, which moves all that follows; one by one, no rounding may be
    off by more than a step. Raises Disagreement where one is.
    """
    made = {name for node in source.graph.node for name in node.output}
    shared = [name for name, value in graph.values.items() if value.dtype in ("i8", "u8") and name in made]
    wider = onnx.ModelProto()
    wider.CopyFrom(source)
    known = {output.name for output in source.graph.output}
    wider.graph.output.extend(onnx.ValueInfoProto(name=name) for name in shared if name not in known)
    run_source = onnx_runner(wider)

    def run(feeds: Feeds) -> dict[str, Array]:
        integers = run_source(feeds)

        def settle(name: str, found: Array) -> Array:
            if name not in integers or found.dtype.kind not in "iu":
                return found
            apart = np.abs(found.astype(np.int64) - integers[name]).max(initial=0)
            if apart > 1:
                text = f"is {apart} steps off where it is computed from the source's own integers; nothing was written"
                raise Disagreement(Errc.BadModel, f"value '{name}'", text)
            return integers[name]

        return reference.run(graph, dict(feeds), settle)

    return run


def _reference_runner(model: onnx.ModelProto) -> Run:
    return lambda feeds: onnx_double.run(model, feeds, double=False)


def onnx_runner(model: onnx.ModelProto) -> Run:
    """Runs a model in onnxruntime, node by node as written. Raises Error(Unsupported) where that cannot."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions share no base class
        raise Error(Errc.Unsupported, "onnxruntime", f"cannot load the network: {error}") from error
    names = [output.name for output in session.get_outputs()]

    def run(feeds: Feeds) -> dict[str, Array]:
        try:
            return dict(zip(names, session.run(names, feeds), strict=True))
        except Exception as error:
            raise Error(Errc.Unsupported, "onnxruntime", f"cannot run the network: {error}") from error

    return run


class Answers:
    """What the source answers to each draw, and what is compared with it.

    `exact` runs the source in double precision; it is asked only where answers differ by more than CLOSE.
    """

    def __init__(self, graph: Graph, source: Run, exact: Run) -> None:
        self.case = golden_case(graph)
        self.draws: list[Draw] = []
        self.left_out: list[str] = []  # draws that the source cannot run, though its free dimensions allow them
        self._graph, self._exact, self._source = graph, exact, []
        self._close = max([CLOSE, *(COARSE.get(value.dtype, 0.0) for value in [*graph.inputs, *graph.values.values()])])
        self._steps = steps.of_outputs(graph)
        self._settled = False
        for draw in draws(graph, self.case):
            try:
                self._source.append(source(draw.feeds))
                self.draws.append(draw)
            except Error:
                if not draw.optional:
                    raise
                self.left_out.append(draw.what)

    def compare(self, run: Run, against: str, close: float = CLOSE) -> list[Difference]:
        """Differences on each output. Raises Disagreement where they are more than rounding."""
        close = max(close, self._close)
        worst = {output.name: Difference(output.name, against, 0.0, 0.0) for output in self._graph.outputs}
        for i, draw in enumerate(self.draws):
            answers = run(draw.feeds)
            for name, before in worst.items():
                found = self._check(i, draw, name, np.asarray(answers[name]), against, close)
                worst[name] = max(before, found, key=lambda difference: (difference.relative, difference.scale))
        return list(worst.values())

    def settle(self) -> None:
        """Makes the converted network's own answers those that count.

        Once each rounding has been compared: a step here and there leads two networks apart which are both right.
        """
        self._source = [reference.run(self._graph, dict(draw.feeds)) for draw in self.draws]
        self._settled = True
        if steps.part(self._graph):
            self._close = max(self._close, PARTED)
        self._exact = self._shaken

    def replace(self, run: Run, exact: Run, others: Sequence[Run], what: str, beside: str) -> list[Difference]:
        """Makes the answers of `run` those that count in place of the source's, and says how far they are from these.

        Raises Disagreement where one is more than WORSE times as far from the source's as `others` are, which may be as
        far. Integers, such as the place of the larger of two that are alike, may be any, and so may sizes.
        """
        made = [run(draw.feeds) for draw in self.draws]
        allowed = [[other(draw.feeds) for draw in self.draws] for other in others]
        found = []
        for name in (output.name for output in self._graph.outputs):
            apart, reach = [Difference(name, text, 0.0, 0.0) for text in (what, beside)]
            for i, draw in enumerate(self.draws):
                a, b = np.asarray(self._source[i][name]), np.asarray(made[i][name])
                scale = float(np.nan_to_num(np.abs(a), posinf=0.0).max(initial=0.0))
                here = Difference(name, what, _if_alike(a, b), scale)
                moved = Difference(name, beside, max(_if_alike(a, other[i][name]) for other in allowed), scale)
                close = WORSE * moved.largest + self._close * scale + NOTHING
                if a.dtype.kind not in "biu" and not here.largest <= close:
                    text = _beside(draw, what, a, b, np.asarray(allowed[0][i][name], np.float64), "moved")
                    raise Disagreement(Errc.BadModel, f"output '{name}'", text)
                apart, reach = (max(pair, key=lambda found: found.relative) for pair in ((apart, here), (reach, moved)))
            found += [apart, reach]
        self._source, self._exact = made, exact
        return found

    def golden(self) -> GoldenCase | None:
        """The file's case: samples of the converted network in double precision, the same on every machine.

        None where the outputs hold no number to sample.
        """
        try:
            first = self.draws[0].feeds
            precise = self._source[0] if self._settled else reference.run(self._graph, dict(first))
        except Error:  # an operator that no reference has in double
            precise = self._source[0]
        for name, answer in precise.items():
            self._check(0, self.draws[0], name, np.asarray(answer), "the double-precision reference", self._close)
        random = np.random.default_rng(self.case.seed)
        share = max(SAMPLES // len(self._graph.outputs), 1)
        for number, output in enumerate(self._graph.outputs):
            flat = np.asarray(precise[output.name], np.float64).reshape(-1)
            finite = np.flatnonzero(np.abs(flat) <= np.finfo(np.float32).max)
            for index in np.sort(random.choice(finite, min(share, finite.size), replace=False)):
                self.case.samples.append((number, int(index), float(np.float32(flat[index]))))
        if not self.case.samples:
            return None
        largest = max((abs(value) for _, _, value in self.case.samples), default=1.0)
        allowed = max(ENGINE, self._close)
        step = max(self._steps.values()) + self._moved(precise)
        allowed = max(allowed * min(largest, 1.0), SMALLEST)
        self.case.tolerance = allowed + step / max(largest, 1.0)  # the file's rule scales what is above 1
        return self.case

    def _check(self, i: int, draw: Draw, name: str, answer: Array, against: str, close: float) -> Difference:
        expected = np.asarray(self._source[i][name])
        if answer.shape != expected.shape:
            message = f"has shape {list(answer.shape)} by {against}, {list(expected.shape)} by its source"
            raise Disagreement(Errc.BadModel, f"output '{name}'", message)
        if not expected.size:
            return Difference(name, against, 0.0, 0.0)
        a, b = np.asarray(expected, np.float64), np.asarray(answer, np.float64)
        difference = Difference(name, against, _largest(a, b), float(np.nan_to_num(np.abs(a), posinf=0.0).max()))
        nothing = max(close * difference.scale + self._steps[name], NOTHING)
        if difference.relative <= close or difference.largest <= nothing:
            return difference
        exact = self._exactly(draw, name)
        finite = exact is not None and np.isfinite(difference.largest)
        if exact is None or not finite or _largest(exact, b) > WORSE * _largest(exact, a):
            raise Disagreement(
                Errc.BadModel,
                f"output '{name}'",
                _beside(draw, against, a, b, exact, "shaken" if self._settled else "double"),
            )
        return difference

    def _moved(self, answers: dict[str, Array]) -> float:
        """How far the first draw's answers may be moved by roundings that move others."""
        if not self._settled or not steps.part(self._graph):
            return 0.0
        shaken = self._shaken(self.draws[0].feeds)
        return WORSE * max(_largest(answers[name], np.asarray(shaken[name])) for name in answers)

    def _shaken(self, feeds: Feeds) -> dict[str, Array]:
        """What the converted network answers to other last places: how far it is from itself where steps move steps."""
        random = np.random.default_rng(self.case.seed)
        shaken = {}
        for name, array in feeds.items():
            places = random.uniform(-SHAKEN, SHAKEN, array.shape)
            shaken[name] = (array * (1 + places)).astype(array.dtype) if array.dtype.kind == "f" else array
        return reference.run(self._graph, shaken)

    def _exactly(self, draw: Draw, name: str) -> Array | None:
        """The source's answer in double precision, or see _shaken; None where it cannot be had."""
        try:
            return np.asarray(self._exact(draw.feeds)[name], np.float64)
        except Error:
            return None


def _largest(a: Array, b: Array) -> float:
    """The largest difference; infinite where one is no number and the other is."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        apart = np.where(same, 0.0, np.abs(a - b))
    return float(np.nan_to_num(apart, nan=np.inf).max())


def _if_alike(a: Array, b: Array) -> float:
    """The same; 0 where a shape that follows from numbers became another, or holds none."""
    return _largest(a, b) if a.shape == np.shape(b) and a.size else 0.0


def _beside(draw: Draw, against: str, a: Array, b: Array, exact: Array | None, third: str) -> str:
    """The places that differ most, each answer beside the others."""
    apart = np.nan_to_num(np.abs(a - b), nan=np.inf).reshape(-1)
    rows = [f"differs from its source by {apart.max():.3g} ({draw.what}); nothing was written"]
    third = third if exact is not None else ""
    rows.append(f"{'index':>10} {'source':>14} {'converted':>14} {third:>14}   (converted: {against})")
    flat: list[Any] = [answers.reshape(-1) for answers in (a, b, exact) if answers is not None]
    for index in np.argsort(apart)[::-1][:5]:
        rows.append(f"{index:>10} " + " ".join(f"{values[index]:>14.7g}" for values in flat))
    return "\n".join(rows)
