"""The config of a Keras model: its layers, and what each use of a layer takes, in either form of config."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..errors import Errc, Error
from .file import Json

MODELS = ("Functional", "Model", "Sequential")
MAX_DEPTH = 16
MAX_LAYERS = 10_000


def layers_of(model: Json) -> list[Json]:
    """The layers of a model; each has a class and a config with a name."""
    config = model.get("config")
    layers = config.get("layers") if isinstance(config, dict) else config  # a list alone is an old Sequential
    if not isinstance(layers, list):
        raise Error(Errc.BadModel, "config", "a model without layers")
    if len(layers) > MAX_LAYERS:
        raise Error(Errc.OverBudget, "config", f"{len(layers)} layers in one model, at most {MAX_LAYERS} are read")
    for layer in layers:
        good = isinstance(layer, dict) and isinstance(layer.get("class_name"), str)
        inner = layer.get("config") if good else None
        if isinstance(inner, list):
            inner = layer["config"] = {"layers": inner}
        if not isinstance(inner, dict):
            raise Error(Errc.BadModel, "config", "a layer without class_name or config")
        name = inner.get("name", layer.get("name"))
        if not isinstance(name, str) or not name:
            raise Error(Errc.BadModel, "config", f"a {layer['class_name']} without name")
        inner["name"] = name
    return layers


def references(value: Any, key: str) -> list[tuple[str, int, int]]:
    """[[layer, use, tensor], ...], one such triple alone, or such triples in a dictionary."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list) and len(value) == 3 and isinstance(value[0], str):
        value = [value]
    if not isinstance(value, list) or not value:
        raise Error(Errc.BadModel, key, "expected a list of layers")
    return [_reference(entry, key) for entry in value]


def _reference(entry: Any, where: str) -> tuple[str, int, int]:
    if (
        not isinstance(entry, list)
        or len(entry) < 3
        or not isinstance(entry[0], str)
        or not isinstance(entry[1], int)
        or not isinstance(entry[2], int)
    ):
        raise Error(Errc.BadModel, where, f"expected [layer, use, tensor], found {str(entry)[:80]}")
    return entry[0], entry[1], entry[2]


@dataclass
class Arguments:
    """What a use of a layer takes."""

    tensors: list[tuple[str, int, int]] = field(default_factory=list)
    numbers: list[float] = field(default_factory=list)


def _arguments(node: Any, layer: str) -> Arguments:
    """The arguments of a use of a layer, in either form of config."""
    found = Arguments()
    if isinstance(node, dict):
        _collect(node.get("args"), layer, found, 0)
        named = node.get("kwargs") or {}
    elif isinstance(node, list):
        entries = [node] if node and isinstance(node[0], str) else node
        found.tensors = [_reference(entry, f"layer '{layer}'") for entry in entries]
        named = {key: value for entry in entries for key, value in (entry[3] if len(entry) > 3 else {}).items()}
    else:
        raise Error(Errc.BadModel, f"layer '{layer}'", "inbound_nodes are not lists")
    others = [key for key, value in named.items() if key not in ("training", "mask") and value is not None]
    if others or named.get("mask") is not None:
        raise Error(Errc.Unsupported, f"layer '{layer}'", f"takes arguments by name: {', '.join(named)}")
    return found


def _collect(value: Any, layer: str, found: Arguments, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Error(Errc.BadModel, f"layer '{layer}'", "arguments nest too deep")
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        inner = value.get("config")
        history = inner.get("keras_history") if isinstance(inner, dict) else None
        found.tensors.append(_reference(history, f"layer '{layer}'"))
    elif isinstance(value, list):
        for item in value:
            _collect(item, layer, found, depth + 1)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        found.numbers.append(float(value))
    elif value is not None:
        raise Error(Errc.Unsupported, f"layer '{layer}'", f"takes an argument that is no tensor: {str(value)[:80]}")


class Calls:
    """From where the uses of a model within the model are counted: its making can count as the first."""

    def __init__(self, layers: list[Json]) -> None:
        self._models = {layer["config"]["name"]: layer for layer in layers if layer["class_name"] in MODELS}
        nodes = [node for layer in layers for node in layer.get("inbound_nodes") or []]
        self._older = any(isinstance(node, list) for node in nodes)  # the form of config before Keras 3

    def arguments(self, node: Any, layer: str) -> Arguments:
        """What a use of a layer takes, with uses counted from 0."""
        found = _arguments(node, layer)
        found.tensors = [self.place(reference) for reference in found.tensors]
        return found

    def place(self, reference: tuple[str, int, int], is_output: bool = False) -> tuple[str, int, int]:
        """A reference with the use counted from 0."""
        name, use, index = reference
        model = self._models.get(name)
        if model is None:
            return reference
        count = len(model.get("inbound_nodes") or [])
        made_first = self._made_first(model) if self._older else is_output and model["class_name"] != "Sequential"
        shifted = use - 1 if made_first else use
        return name, shifted if 0 <= shifted < count else use, index

    def _made_first(self, model: Json) -> bool:
        """A Sequential is made of nothing unless it knows its input."""
        if model["class_name"] != "Sequential":
            return True
        first = layers_of(model)[:1]
        return any(layer["class_name"] == "InputLayer" or "batch_input_shape" in layer["config"] for layer in first)
