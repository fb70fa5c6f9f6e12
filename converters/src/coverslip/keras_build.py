"""The graph while a Keras model is read into it, and one use of a layer."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .errors import Errc, Error
from .ir import Array, Attribute, Graph, Node
from .keras_file import Json

TO_PLANAR, TO_CHANNELS_LAST = [0, 3, 1, 2], [0, 2, 3, 1]


@dataclass(frozen=True)
class Tensor:
    """A value and its shape as Keras has it: N,H,W,C for a picture, which the graph holds as N,C,H,W."""

    name: str
    shape: tuple[int, ...]


@dataclass
class Builder:
    """The graph under construction; one layer at a time adds nodes under its own name."""

    graph: Graph
    keras: int  # major version, on which some definitions depend
    prefix: str = ""
    _made: dict[str, int] = field(default_factory=dict)

    def node(self, op: str, inputs: list[str], shape: tuple[int, ...], **attributes: Attribute) -> Tensor:
        """Adds a node that makes one tensor."""
        count = self._made.get(self.prefix, 0)
        self._made[self.prefix] = count + 1
        name = f"{self.prefix}:{count}" if count else self.prefix
        self.graph.nodes.append(Node(op, name, inputs, [name], dict(attributes)))
        return Tensor(name, shape)

    def rename(self, old: str, new: str, first: int = 0) -> None:
        """Gives a value another name, in the nodes from `first` on."""
        for node in self.graph.nodes[first:]:
            node.name = new if node.name == old else node.name
            node.inputs = [new if name == old else name for name in node.inputs]
            node.outputs = [new if name == old else name for name in node.outputs]

    def claim(self, result: Tensor, first: int) -> Tensor:
        """The last value of a layer bears the layer's name; `first` is the number of its first node."""
        if result.name == self.prefix or result.name not in {node.outputs[0] for node in self.graph.nodes[first:]}:
            return result
        self.rename(self.prefix, f"{self.prefix}:0", first)
        self.rename(result.name, self.prefix, first)
        return Tensor(self.prefix, result.shape)

    def constant(self, what: str, array: Array) -> str:
        """Adds a constant under the layer's name."""
        name, count = f"{self.prefix}/{what}", 1
        while name in self.graph.constants:
            name, count = f"{self.prefix}/{what}_{count}", count + 1
        self.graph.constants[name] = np.ascontiguousarray(array)
        return name

    def channels_last(self, x: Tensor) -> Tensor:
        """The value with the axes that Keras has; for what mixes axes."""
        return self.node("Transpose", [x.name], x.shape, perm=TO_CHANNELS_LAST) if len(x.shape) == 4 else x

    def planar(self, x: Tensor) -> Tensor:
        """The value as the graph holds it, from one with the axes that Keras has."""
        return self.node("Transpose", [x.name], x.shape, perm=TO_PLANAR) if len(x.shape) == 4 else x


@dataclass
class Call:
    """One use of a layer."""

    build: Builder
    config: Json
    inputs: list[Tensor]
    weights: dict[str, Array]
    numbers: list[float] = field(default_factory=list)  # arguments that are no tensors

    @property
    def x(self) -> Tensor:
        """The only input."""
        return self.inputs[0]

    def refuse(self, message: str, code: Errc = Errc.Unsupported) -> Error:
        """An error that names the layer."""
        return Error(code, f"layer '{self.build.prefix}'", message)

    def pair(self, key: str, default: int | None = None) -> list[int]:
        """A setting for height and width, given as one number or two."""
        value = self.config.get(key)
        if value is None:
            value = default
        if isinstance(value, int):
            return [value, value]
        if not isinstance(value, list) or len(value) != 2 or not all(isinstance(v, int) for v in value):
            raise self.refuse(f"{key} is {value}, expected one or two integers", Errc.BadModel)
        return list(value)

    def planar_picture(self) -> tuple[int, int, int, int]:
        """N, H, W, C of the input, which must be a picture with the channels last."""
        if self.config.get("data_format") not in (None, "channels_last"):
            raise self.refuse("only data_format channels_last is read")
        if len(self.x.shape) != 4:
            raise self.refuse(f"input has shape {self.x.shape}, expected N,H,W,C", Errc.BadShape)
        n, h, w, c = self.x.shape
        return n, h, w, c
