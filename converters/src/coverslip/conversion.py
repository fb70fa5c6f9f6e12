"""Converts a network: reads, simplifies, verifies, writes. The steps of `coverslip.convert`."""

from __future__ import annotations

import hashlib
import json
import math
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx

from . import engine, onnx_double, packing, passes, preprocessing, reference, writer
from .draws import GOLDEN_SEED, Draw, Feeds
from .dtypes import NUMPY
from .edit import copied
from .errors import Disagreement, Errc, Error
from .ir import FREE, MAX_ELEMENTS, Array, Graph, Preprocess
from .keras import reader as keras_reader
from .onnx import file as onnx_file
from .onnx import reader as onnx_reader
from .passes import half_weights
from .tflite import check as tflite_check
from .tflite import reader as tflite_reader
from .to_onnx import to_onnx
from .torch import reader as torch_reader
from .verify import ENGINE, Answers, Difference, Run, converted_runners, is_quantized, plain_runners, source_runners

StrPath: TypeAlias = "str | os.PathLike[str]"
Shape: TypeAlias = "Sequence[int] | Mapping[str, Sequence[int]]"

PRECISIONS = ("float32", "float16", "bfloat16", "dynamic", "int8", "mixed")
KERAS = (".keras", ".h5", ".hdf5", ".json")
TFLITE = ".tflite"


@dataclass
class Options:
    """What a conversion may be told beside source and destination."""

    shape: Shape | None = None  # of the only input, or of inputs by name; -1 leaves a dimension free
    labels: Sequence[str] | StrPath | None = None  # class names of the first output, or a file with one a line
    preprocess: Mapping[str, Any] | Preprocess | str | None = None
    precision: str = "float32"  # of weights as the file holds them: float32, float16 or bfloat16
    meta: Mapping[str, str] = field(default_factory=dict)  # title, licence, authors, ...
    pack: str | None = None  # also weights packed for this target, by the engine on this machine
    progress: Callable[[str], None] = lambda _: None  # told what happens now


@dataclass
class Report:
    """What a conversion did."""

    source: str
    destination: str
    bytes: int
    nodes_before: int
    nodes: int
    parameters: int
    passes: list[str]
    verified: str
    differences: list[Difference]
    warnings: list[str]
    precision: str = "float32"
    weight_bytes_before: int = 0  # as float32
    weight_bytes: int = 0
    packed_for: str = ""  # a target; none: the weights are packed when they are loaded
    notes: list[str] = field(default_factory=list)  # which weights do not have the precision, and why

    @property
    def largest_difference(self) -> float | None:
        """Between source and converted network, over outputs and ways to run; None if nothing was compared."""
        return max((difference.largest for difference in self.differences), default=None)


def convert(source: StrPath, destination: StrPath, verify: bool, options: Options) -> Report:
    """Converts one file. Raises Error, or Disagreement where the result does not answer as its source."""
    if options.precision not in PRECISIONS:
        message = f"'{options.precision}' is unknown; there are {', '.join(PRECISIONS)}"
        raise Error(Errc.BadInput, "precision", message)
    if options.precision not in ("float32", *half_weights.DTYPES):
        message = f"'{options.precision}' is not written yet; float32, {' and '.join(half_weights.DTYPES)} are"
        raise Error(Errc.Unsupported, "precision", message)
    if options.pack is not None:
        packing.check(options.pack)
    try:
        report = _convert(Path(source), Path(destination), verify, options)
        if options.pack is not None:
            options.progress("packing")
            report.bytes = packing.pack(Path(destination), options.pack)
            report.packed_for = options.pack
        return report
    except MemoryError as error:
        raise Error(Errc.OutOfMemory, str(source), "does not fit into memory") from error


def _convert(source: Path, destination: Path, verify: bool, options: Options) -> Report:
    if not destination.parent.is_dir():
        raise Error(Errc.Io, str(destination), f"there is no folder {destination.parent}")
    options.progress("reading")
    graph, original = _read(source, options)
    report = Report(str(source), str(destination), 0, len(graph.nodes), 0, 0, [], "no", [], [])
    _describe(graph, source, options)
    options.progress("simplifying")
    report.passes = passes.run(graph)
    _refuse_huge(graph)
    report.nodes = len(graph.nodes)
    report.parameters = sum(array.size for array in graph.constants.values() if array.dtype.kind == "f")
    answers = _verify(graph, original, report, options) if verify else None
    report.precision = options.precision
    report.weight_bytes_before = report.weight_bytes = sum(array.nbytes for array in graph.constants.values())
    if options.precision != "float32":
        answers = _round_weights(graph, answers, report, options)
    if answers is not None:
        options.progress("computing the golden case in double precision")
        graph.golden = answers.golden()
    graph.meta["verified"] = report.verified
    options.progress("writing")
    report.bytes = _write(graph, destination, answers, report, options)
    return report


@dataclass
class _Original:
    """What a converted network is compared with."""

    what: str
    model: onnx.ModelProto  # for onnxruntime
    exact: Run  # in double precision
    own: Run | None = None  # of PyTorch, where that made it
    each: Callable[[Draw], Difference] | None = None  # compares each operator with the format's own runtime


def _read(source: Path, options: Options) -> tuple[Graph, _Original]:
    """The graph before any pass, and what to compare it with."""
    shapes = _shapes(options.shape)
    if source.suffix.lower() in KERAS:
        graph = keras_reader.read(source, shapes)
        before = copied(graph)
        return graph, _Original(
            "the import before its passes", to_onnx(graph), lambda x: reference.run(before, dict(x))
        )
    if source.suffix.lower() == TFLITE:
        imported = tflite_reader.read(source, shapes)
        graph = copied(imported.graph)
        return graph, _Original(
            "the import before its passes",
            to_onnx(graph),
            lambda x: reference.run(imported.graph, dict(x)),
            each=lambda draw: tflite_check.check(imported, source, draw),
        )
    if source.suffix.lower() in torch_reader.SUFFIXES:
        options.progress("exporting by torch")
        model, run = torch_reader.read(source, shapes)
        graph = onnx_reader.from_model(model, shapes)
        return graph, _Original("its source", model, lambda feeds: onnx_double.run(model, feeds), run)
    if source.suffix.lower() != ".onnx":
        found = f"ends in '{source.suffix}', expected .onnx, {', '.join((*KERAS, TFLITE, *torch_reader.SUFFIXES))}"
        raise Error(Errc.BadInput, str(source), found)
    graph, model = onnx_reader.read(source, shapes)
    return graph, _Original("its source", model, lambda feeds: onnx_double.run(model, feeds))


def _shapes(shape: Shape | None) -> dict[str, tuple[int, ...]]:
    if shape is None:
        return {}
    by_name = shape if isinstance(shape, Mapping) else {"": shape}
    result = {}
    for name, dims in by_name.items():
        if not all(isinstance(dim, int) and (dim > 0 or dim == FREE) for dim in dims):
            raise Error(Errc.BadInput, "shape", f"{list(dims)}: dimensions are 1 or more, or -1 to stay free")
        result[name] = tuple(dims)
    return result


def _refuse_huge(graph: Graph) -> None:
    """A small file can ask for any amount of memory; the comparison would try to take it."""
    for value in [*graph.inputs, *graph.values.values()]:
        size = math.prod(dim for dim in value.shape if dim != FREE)
        if size > MAX_ELEMENTS:
            message = f"has {size} elements, more than {MAX_ELEMENTS} are not converted"
            raise Error(Errc.OverBudget, f"value '{value.name}'", message)


def _describe(graph: Graph, source: Path, options: Options) -> None:
    """Everything in the file that is not the network itself."""
    if options.preprocess is not None:
        given = options.preprocess
        parsed = preprocessing.parse(given) if isinstance(given, str) else given
        graph.preprocess = preprocessing.fitted(parsed, graph.inputs[0])
    graph.labels = _labels(options.labels)
    classes = [dim for dim in graph.outputs[0].shape[1:] if dim != 1]
    if graph.labels and FREE not in classes and len(graph.labels) not in graph.outputs[0].shape[1:]:
        shape = list(graph.outputs[0].shape)
        raise Error(
            Errc.BadInput, "labels", f"{len(graph.labels)} names for output '{graph.outputs[0].name}' of {shape}"
        )
    graph.meta = {
        "title": source.stem,
        "source": source.name,
        "source_hash": _digest(source),
        "converter": f"coverslip {_version()}",
        "options": _option_text(options),
    } | dict(options.meta)


def _digest(source: Path) -> str:
    """SHA-256 of the source's bytes; where it is several files, of one after the other."""
    digest, suffix = hashlib.sha256(), source.suffix.lower()
    try:
        others = keras_reader.files if suffix in KERAS else onnx_file.files if suffix == ".onnx" else None
        for path in others(source) if others else [source]:
            digest.update(path.read_bytes())
    except OSError as error:
        raise Error(Errc.Io, str(source), error.strerror or str(error)) from error
    return digest.hexdigest()


def _labels(labels: Sequence[str] | StrPath | None) -> list[str]:
    if labels is None:
        return []
    if isinstance(labels, (str, os.PathLike)):
        try:
            text = Path(labels).read_text(encoding="utf-8")
        except OSError as error:
            raise Error(Errc.Io, str(labels), error.strerror or str(error)) from error
        except UnicodeDecodeError as error:
            raise Error(Errc.BadInput, str(labels), "is not UTF-8 text") from error
        return [line.strip() for line in text.splitlines() if line.strip()]
    return [str(label) for label in labels]


def _option_text(options: Options) -> str:
    """The options that changed the network, in one form whatever way they were given."""
    shapes = {name: list(shape) for name, shape in _shapes(options.shape).items()}
    return json.dumps({"precision": options.precision} | ({"shape": shapes} if shapes else {}), sort_keys=True)


def _version() -> str:
    try:
        return metadata.version("coverslip")
    except metadata.PackageNotFoundError:
        return "0"


def _verify(graph: Graph, original: _Original, report: Report, options: Options) -> Answers | None:
    """Compares with the source. None where nothing can run that."""
    found = _answers(graph, original, report, options)
    if found is None:
        return None
    how, answers = found
    each = _each(original, answers, report, options)
    report.warnings += [f"the source does not run on {what}: that was not compared" for what in answers.left_out]
    options.progress("comparing the converted network")
    compared = _differences(graph, original.model, answers, report)
    report.differences += compared
    if compared or engine.loader() is not None:
        report.verified = f"yes, against {original.what} in {how}{each}"
    return answers


def _round_weights(graph: Graph, answers: Answers | None, report: Report, options: Options) -> Answers | None:
    """Stores weights in 16 bits, and compares with those in float32. None where nothing more can be compared.

    What rounding may do to the answers is tried: each weight is moved at random, as far as rounding may move it.
    """
    options.progress(f"rounding weights to {options.precision}")
    before = copied(graph)
    done = half_weights.run(graph, options.precision)
    report.notes, report.weight_bytes = done.kept, done.bytes_after
    if answers is None:
        return None
    options.progress(f"comparing weights in {options.precision} with those in float32")
    random, dtype = np.random.default_rng(GOLDEN_SEED), half_weights.DTYPES[options.precision]
    weights = [{name: half.astype(np.float32) for name, half in done.rounded.items()}]
    for _ in range(2):
        weights.append({name: half_weights.shaken(before.constants[name], dtype, random) for name in done.rounded})
    variants = [replace(before, constants=before.constants | changed) for changed in weights]
    what, beside = f"the network with weights in {options.precision}", "one with weights moved as far at random"
    reasons = []
    for how in range(2):
        try:
            rounded, *moved = (plain_runners(variant)[how]() for variant in variants)
            found = answers.replace(rounded, lambda feeds: reference.run(graph, dict(feeds)), moved, what, beside)
        except Disagreement:
            raise
        except Error as error:
            reasons.append(f"weights in {options.precision} were not compared: {error}")
            continue
        report.differences += found
        apart = max(difference.relative for difference in found if difference.against == what)
        report.verified += f"; weights in {options.precision} move its answers by {apart:.2g} of the largest at most"
        return answers
    report.warnings += reasons
    report.verified = "no"
    return None


def _each(original: _Original, answers: Answers, report: Report, options: Options) -> str:
    """Compares each operator with the format's own runtime, where there is one; what to say of it."""
    if original.each is None:
        return ""
    options.progress("comparing each operator with LiteRT")
    try:
        report.differences += [original.each(draw) for draw in answers.draws[:2]]
        return ", each operator against LiteRT"
    except Disagreement:
        raise
    except Error as error:
        report.warnings.append(f"not compared with {error}")
        return ""


def _differences(graph: Graph, source: onnx.ModelProto, answers: Answers, report: Report) -> list[Difference]:
    """Of the converted network, run by whatever can; none, and warnings that say why, where only the engine can."""
    reasons = []
    for how, runner in converted_runners(graph, source):
        try:
            differences = answers.compare(runner(), f"the converted network in {how}")
            if is_quantized(graph):
                answers.settle()
            return differences
        except Disagreement:
            raise
        except Error as error:
            reasons.append(f"the converted network was not compared in {how}: {error}")
    report.warnings += reasons
    return []


def _answers(graph: Graph, original: _Original, report: Report, options: Options) -> tuple[str, Answers] | None:
    """The source's answers, and what gave them."""
    for how, runner in [*_own(original), *source_runners(original.model)]:
        options.progress(f"running the source in {how}")
        try:
            return how, Answers(graph, runner(), original.exact)
        except Error as error:
            report.warnings.append(f"not verified in {how}: {error}")
    return None


def _own(original: _Original) -> list[tuple[str, Callable[[], Run]]]:
    run = original.own
    return [] if run is None else [("PyTorch", lambda: run)]


def _write(graph: Graph, destination: Path, answers: Answers | None, report: Report, options: Options) -> int:
    """Writes beside the destination, lets the engine answer from that file, then takes the name."""
    load = engine.loader() if answers is not None else None
    if load is None or answers is None:
        writer.write(graph, destination)
        return destination.stat().st_size
    temporary = destination.with_name(f".{destination.stem}.{secrets.token_hex(4)}.slip")
    try:
        writer.write(graph, temporary)
        options.progress("running the engine")
        names = [output.name for output in graph.outputs]
        model = load(os.fspath(temporary))

        def run(feeds: Feeds) -> dict[str, Array]:
            made = model({name: _without_bfloat16(array) for name, array in feeds.items()})
            return dict(made) if isinstance(made, Mapping) else {names[0]: made}

        report.differences += answers.compare(run, "the engine", ENGINE)
        size = temporary.stat().st_size
        os.replace(temporary, destination)
        return size
    except OSError as error:
        raise Error(Errc.Io, str(destination), f"cannot be written: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _without_bfloat16(array: Array) -> Array:
    """As the engine's Python module takes it."""
    return array.astype(np.float32) if array.dtype == NUMPY["bf16"] else array
