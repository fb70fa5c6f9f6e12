"""The graph while a Keras model is read into it, and one use of a layer."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from ..errors import Errc, Error
from ..ir import FREE, MAX_ELEMENTS, Array, Attribute, Graph, Node
from .file import MAX_WEIGHTS, Json

MAX_USES = 10_000
"""Uses of layers in a network: models within models can ask for any number."""


@dataclass(frozen=True)
class Tensor:
    """A value and its shape as Keras has it: N,H,W,C for a picture, which the graph holds as N,C,H,W.

    So with any number of axes between N and C, if at least one.
    """

    name: str
    shape: tuple[int, ...]


@dataclass
class Builder:
    """The graph under construction; one layer at a time adds nodes under its own name."""

    graph: Graph
    keras: int  # major version, on which some definitions depend
    prefix: str = ""
    _made: dict[str, int] = field(default_factory=dict)
    _uses: int = 0
    _bytes: int = 0

    def begin(self, layer: str) -> None:
        """What is added from now on belongs to this use of a layer."""
        self.prefix, self._uses = layer, self._uses + 1
        if self._uses > MAX_USES:
            raise Error(
                Errc.OverBudget, f"layer '{layer}'", f"is use {self._uses} of a layer, at most {MAX_USES} are read"
            )

    def node(self, op: str, inputs: list[str], shape: tuple[int, ...], **attributes: Attribute) -> Tensor:
        """Adds a node that makes one tensor."""
        count = self._made.get(self.prefix, 0)
        self._made[self.prefix] = count + 1
        name = f"{self.prefix}:{count}" if count else self.prefix
        self.check_size(shape)
        self.graph.nodes.append(Node(op, name, inputs, [name], dict(attributes)))
        return Tensor(name, shape)

    def check_size(self, shape: tuple[int, ...]) -> None:
        """Refuses a value that a small file can ask for and no computer holds."""
        size = math.prod(dim for dim in shape if dim != FREE)
        if size > MAX_ELEMENTS:
            message = f"has a value of {size} elements, more than {MAX_ELEMENTS} are not converted"
            raise Error(Errc.OverBudget, f"layer '{self.prefix}'", message)

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
        self._bytes += array.nbytes
        if self._bytes > MAX_WEIGHTS:
            raise Error(Errc.OverBudget, f"layer '{self.prefix}'", f"all weights together pass {MAX_WEIGHTS} bytes")
        self.graph.constants[name] = np.ascontiguousarray(array)
        return name

    def channels_last(self, x: Tensor) -> Tensor:
        """The value with the axes that Keras has; for what mixes axes."""
        rank = len(x.shape)
        return self.node("Transpose", [x.name], x.shape, perm=[0, *range(2, rank), 1]) if rank > 2 else x

    def planar(self, x: Tensor) -> Tensor:
        """The value as the graph holds it, from one with the axes that Keras has."""
        rank = len(x.shape)
        return self.node("Transpose", [x.name], x.shape, perm=[0, rank - 1, *range(1, rank - 1)]) if rank > 2 else x


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

    def per_axis(self, key: str, default: int | None = None, least: int = 1) -> list[int]:
        """A setting for each axis between N and C, given as one number or as many as there are axes."""
        axes = len(self.x.shape) - 2
        value = self.config.get(key)
        value = default if value is None else value
        listed = [value] * axes if isinstance(value, int) else value
        if not isinstance(listed, list) or len(listed) != axes:
            raise self.refuse(f"{key} is {str(value)[:80]}, expected one or {axes} integers", Errc.BadModel)
        if not all(isinstance(v, int) and v >= least for v in listed):
            raise self.refuse(f"{key} is {str(value)[:80]}, expected integers from {least} on", Errc.BadModel)
        return list(listed)

    def want_picture(self, axes: int) -> None:
        """Refuses an input that has not the channels last and this number of axes between them and N."""
        if self.config.get("data_format") not in (None, "channels_last"):
            raise self.refuse("only data_format channels_last is read")
        if len(self.x.shape) != axes + 2:
            wanted = ",".join(["N", *"DHW"[3 - axes :], "C"])
            raise self.refuse(f"input has shape {self.x.shape}, expected {wanted}", Errc.BadShape)
