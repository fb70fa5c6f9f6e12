"""Reads a Keras model (`.keras`, `.h5`, or TensorFlow.js) without Keras: config and weights alone, no code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import shapes
from ..errors import Errc, Error
from ..ir import FREE, Graph, Value
from . import file as keras_file
from . import tfjs_file
from .build import Builder, Call, Tensor
from .config import MAX_DEPTH, MODELS, Calls, layers_of, references
from .file import Json, KerasFile
from .layers import FUNCTIONS, LAYERS
from .tfjs_file import TfjsFile, TfjsWeights
from .weights import Weights

Shapes = dict[str, tuple[int, ...]]


def read(path: Path, shapes_wanted: Shapes | None = None) -> Graph:
    """The graph, as Keras computes: nothing folded yet. Pictures go in and come out as N,H,W,C.

    A dimension wanted FREE is free in the graph, whatever the file says: all shapes are worked out anew.
    """
    try:
        file = tfjs_file.load(path) if _is_tfjs(path) else keras_file.load(path)
        return _graph(file, shapes_wanted or {})
    except _DAMAGE as error:
        raise Error(Errc.BadModel, str(path), f"is damaged: {error}") from error


def files(path: Path) -> list[Path]:
    """Every file that holds a part of the network, the named one first."""
    return tfjs_file.files(path) if _is_tfjs(path) else [path]


def _is_tfjs(path: Path) -> bool:
    return path.suffix.lower() == ".json"


_DAMAGE = (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)
"""What config of other types than Keras writes, and HDF5 structures that contradict themselves, can raise."""


def _graph(file: KerasFile | TfjsFile, shapes_wanted: Shapes) -> Graph:
    root = file.config
    _refuse_unknown(root)
    builder = Builder(Graph(), _major(file.version))
    layers = layers_of(root)
    sequential = root["class_name"] == "Sequential"
    weights = file.weights if isinstance(file, TfjsFile) else Weights.of(file, layers, sequential)
    inputs = _graph_inputs(builder, root, shapes_wanted)
    outputs = _Model(builder, root, weights, "", 0).run(inputs)
    _graph_outputs(builder, outputs)
    shapes.annotate(builder.graph)
    return builder.graph


def _major(version: str) -> int:
    head = version.split(".")[0]
    return int(head) if head.isdigit() else 3


def _refuse_unknown(root: Json) -> None:
    """Lists every layer that cannot be read, those of inner models too."""
    problems: list[str] = []

    def visit(model: Json, path: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise Error(Errc.OverBudget, path, f"models within models, more than {MAX_DEPTH} deep")
        for layer in layers_of(model):
            kind, name = layer["class_name"], f"{path}{layer['config']['name']}"
            custom = layer.get("registered_name") if layer.get("registered_name") != kind else None
            if kind in MODELS and not custom:
                visit(layer, f"{name}/", depth + 1)
            elif _is_function(layer):
                if kind not in FUNCTIONS:
                    problems.append(f"{layer['module']}.{kind} '{name}': unknown function")
            elif kind in ("Lambda", "TFOpLambda"):
                problems.append(f"{kind} '{name}': code in a file is never run")
            elif custom or kind not in (*LAYERS, "InputLayer"):
                problems.append(f"{custom or kind} '{name}': unknown layer")

    if root.get("class_name") not in MODELS:
        raise Error(Errc.Unsupported, "config", f"{root.get('class_name')}: only Functional and Sequential are read")
    visit(root, "", 0)
    if problems:
        listed, known = "\n  ".join(problems), ", ".join(LAYERS)
        message = f"{len(problems)} layers cannot be converted:\n  {listed}\nthe layers are {known}"
        raise Error(Errc.Unsupported, "network", message)


def _is_function(layer: Json) -> bool:
    """Whether it is an operation that the network calls outside of any layer."""
    return str(layer.get("module", "")).startswith("keras.src.ops")


@dataclass
class _Model:
    """One use of a model: runs its layers on given tensors."""

    builder: Builder
    model: Json
    weights: Weights | TfjsWeights
    path: str
    depth: int
    tensors: dict[tuple[str, int], list[Tensor]] = field(default_factory=dict)

    def run(self, inputs: list[Tensor]) -> list[Tensor]:
        """The outputs for these inputs."""
        if self.model["class_name"] == "Sequential":
            for layer in layers_of(self.model):
                if layer["class_name"] != "InputLayer":
                    inputs = self._apply(layer, inputs)
            return inputs
        return self._functional(inputs)

    def _functional(self, inputs: list[Tensor]) -> list[Tensor]:
        config = self.model["config"]
        names = [name for name, _, _ in references(config.get("input_layers"), "input_layers")]
        if len(names) != len(inputs):
            raise Error(Errc.BadModel, self.path or "network", f"{len(inputs)} inputs, expected {len(names)}")
        for name, tensor in zip(names, inputs, strict=True):
            self.tensors[name, 0] = [tensor]
        calls = Calls(layers_of(self.model))
        pending = [
            (layer, number, calls.arguments(node, layer["config"]["name"]))
            for layer in layers_of(self.model)
            for number, node in enumerate(layer.get("inbound_nodes") or [])
            if layer["class_name"] != "InputLayer"
        ]
        while pending:
            waiting = []
            for layer, number, wanted in pending:
                if all(wish[:2] in self.tensors for wish in wanted.tensors):
                    found = [self._tensor(*wish) for wish in wanted.tensors]
                    made = self._apply(layer, found, number, wanted.numbers)
                    self.tensors[layer["config"]["name"], number] = made
                else:
                    waiting.append((layer, number, wanted))
            if len(waiting) == len(pending):
                raise Error(Errc.BadModel, self.path or "network", f"'{waiting[0][0]['config']['name']}' has no input")
            pending = waiting
        ends = references(config.get("output_layers"), "output_layers")
        return [self._tensor(*calls.place(end, is_output=True)) for end in ends]

    def _tensor(self, layer: str, node: int, index: int) -> Tensor:
        made = self.tensors.get((layer, node), [])
        if not 0 <= index < len(made):
            raise Error(Errc.BadModel, f"layer '{layer}'", f"makes no tensor {index} at use {node}")
        return made[index]

    def _apply(self, layer: Json, inputs: list[Tensor], use: int = 0, numbers: Sequence[float] = ()) -> list[Tensor]:
        name, kind = layer["config"]["name"], layer["class_name"]
        path = f"{self.path}{name}" + (f"#{use}" if use else "")
        if kind in MODELS:
            self.builder.begin(path)
            weights = self.weights.inner(name, layers_of(layer), kind == "Sequential")
            return _Model(self.builder, layer, weights, f"{path}/", self.depth + 1).run(inputs)
        if not inputs or (numbers and kind not in FUNCTIONS):
            raise Error(Errc.BadModel, f"layer '{path}'", "takes a number" if inputs else "has no input")
        entry = LAYERS[kind]
        self.builder.begin(path)
        kinds = entry.kinds(layer["config"])
        arrays = dict(zip(kinds, self.weights.arrays(name, kinds), strict=True))
        call = Call(self.builder, layer["config"], inputs, arrays, list(numbers))
        first = len(self.builder.graph.nodes)
        try:
            return [self.builder.claim(entry.run(call), first)]
        except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
            raise Error(Errc.BadModel, f"layer '{path}'", f"its config or weights do not fit: {error}") from error


def _input_layers(model: Json) -> list[Json]:
    """The layers that say the shapes of a model's inputs, in order."""
    layers = layers_of(model)
    if model["class_name"] != "Sequential":
        by_name = {layer["config"]["name"]: layer for layer in layers}
        wanted = [name for name, _, _ in references(model["config"].get("input_layers"), "input_layers")]
        missing = [name for name in wanted if name not in by_name]
        if missing:
            raise Error(Errc.BadModel, "input_layers", f"no layer '{missing[0]}'")
        return [by_name[name] for name in wanted]
    return layers[:1]


def _declared_shape(layer: Json, model: Json) -> list[Any]:
    """The shape with the batch, as some place in the config says it."""
    places = [layer["config"].get(key) for key in ("batch_shape", "batch_input_shape")]
    if layer["class_name"] in MODELS:
        places += [_declared_shape(inner, layer) for inner in _input_layers(layer)[:1]]
    config, build = model["config"], model.get("build_config")
    places.append(config.get("build_input_shape") if isinstance(config, dict) else None)
    places.append(build.get("input_shape") if isinstance(build, dict) else None)
    shape = next((place for place in places if isinstance(place, list)), None)
    if not shape or not all(dim is None or (isinstance(dim, int) and dim > 0) for dim in shape):
        raise Error(Errc.BadModel, f"layer '{layer['config']['name']}'", f"input shape is {shape}")
    return shape


def _graph_inputs(builder: Builder, root: Json, wanted: Shapes) -> list[Tensor]:
    tensors = []
    layers = _input_layers(root)
    for layer in layers:
        name = layer["config"]["name"]
        dtype = layer["config"].get("dtype", "float32") if layer["class_name"] == "InputLayer" else "float32"
        if dtype not in (None, "float32", "float16", "bfloat16"):
            raise Error(Errc.Unsupported, f"input '{name}'", f"elements are {dtype}, expected float32")
        declared = [FREE if dim is None else dim for dim in _declared_shape(layer, root)]
        given = wanted.get(name, wanted.get("") if len(layers) == 1 else None)
        shape = tuple(declared) if given is None else _fixed(name, declared, given)
        builder.graph.inputs.append(Value(name, "f32", shape))
        builder.prefix = f"{name}.planar"
        builder.check_size(shape)
        tensors.append(builder.planar(Tensor(name, shape)))
    unknown = [name for name in wanted if name and name not in {value.name for value in builder.graph.inputs}]
    if unknown or ("" in wanted and len(layers) != 1):
        names = ", ".join(value.name for value in builder.graph.inputs)
        raise Error(Errc.BadInput, "--shape", f"no input '{(unknown or [''])[0]}'; there are {names}")
    return tensors


def _fixed(name: str, declared: list[int], given: tuple[int, ...]) -> tuple[int, ...]:
    """The shape as given; it may free any dimension but the channels, which the weights fix."""
    fits = len(declared) == len(given) and all(
        a in (FREE, b) or b == FREE for a, b in zip(declared, given, strict=True)
    )
    if not fits:
        have = ["free" if dim == FREE else dim for dim in declared]
        raise Error(Errc.BadShape, f"input '{name}'", f"the network wants {have}, --shape says {list(given)}")
    return (*given[:-1], declared[-1] if given[-1] == FREE else given[-1])


def _graph_outputs(builder: Builder, outputs: list[Tensor]) -> None:
    """Outputs bear their layer's name and have Keras' axes."""
    graph = builder.graph
    taken = {value.name for value in graph.inputs}
    for tensor in outputs:
        builder.prefix = f"{tensor.name}.channels_last"
        last = builder.channels_last(tensor)
        if last is not tensor and tensor.name not in taken:
            builder.rename(tensor.name, f"{tensor.name}.planar")
            builder.rename(last.name, tensor.name)
            last = tensor
        if last.name in taken:  # an input, or twice the same
            builder.prefix = f"{tensor.name}.output"
            last = builder.node("Identity", [last.name], last.shape)
        taken.add(last.name)
        graph.outputs.append(Value(last.name, "f32", last.shape))
