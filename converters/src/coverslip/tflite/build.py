"""The graph while a TensorFlow Lite network is read into it, and one use of an operator."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import dtypes
from ..errors import Errc, Error
from ..ir import FREE, Array, Attribute, Graph, Node
from .file import Network, Operator, Tensor

TO_PLANAR, TO_LAST = [0, 3, 1, 2], [0, 2, 3, 1]
PLANAR_AXIS = (0, 2, 3, 1)
"""Where the axes N,H,W,C stand in N,C,H,W."""

AWAY = 1 - 2.0**-21
"""Times a scale, so that numbers halfway between two integers are rounded away from zero, as in TensorFlow Lite.

QuantizeLinear rounds such a number to the even integer, if floats put it halfway at all and not to one side.
"""

GROWTH, SPARE = 16, 1 << 26
"""How many bytes the constants may be for each of the file, and beside that: 4-bit weights become float32."""

Form = tuple[bool, bool]
"""Whether a value is held as N,C,H,W, and whether as the integers that the file quantizes it to."""


@dataclass(frozen=True)
class Made:
    """A value of the graph that is a tensor of the file, and the operator that makes it."""

    operator: Operator
    tensor: int
    planar: bool


@dataclass
class Builder:
    """The graph under construction. Each tensor is kept in the forms in which it was made or asked for."""

    network: Network
    graph: Graph = field(default_factory=Graph)
    forms: dict[int, dict[Form, str]] = field(default_factory=dict)
    made: dict[str, Made] = field(default_factory=dict)
    _named: dict[str, int] = field(default_factory=dict)
    _bytes: int = 0
    _same: dict[tuple[str, tuple[str, ...], str], str] = field(default_factory=dict)

    def name(self, base: str) -> str:
        """A value's name that is not taken yet."""
        name, count = base, self._named.get(base, 0)
        while name in self._named:
            name, count = f"{base}:{count}", count + 1
        self._named |= {base: max(count, 1), name: 1}
        return name

    def node(self, op: str, base: str, inputs: list[str], **attributes: Attribute) -> str:
        """Adds a node of one output; one that is there already is not computed again."""
        key = (op, tuple(inputs), repr(sorted(attributes.items())))
        if key not in self._same:
            self._same[key] = name = self.name(base)
            self.graph.nodes.append(Node(op, name, inputs, [name], dict(attributes)))
        return self._same[key]

    def constant(self, base: str, array: Array) -> str:
        """Adds a constant. Operators that share one in the file have it each; a file must not grow without end so."""
        name = self.name(base)
        self._bytes += array.nbytes
        if self._bytes > GROWTH * self.network.size + SPARE:
            text = f"the constants of a file of {self.network.size} bytes become more than {self._bytes}"
            raise Error(Errc.OverBudget, f"tensor '{base}'", text)
        self.graph.constants[name] = np.asarray(array, order="C")
        return name

    def scale_and_zero(self, tensor: Tensor, rounded: bool = False) -> list[str]:
        """The constants that DequantizeLinear and its like take, of one scale; `rounded` for what makes the tensor."""
        q = tensor.quantization
        if q is None or q.scale.size != 1:
            raise Error(Errc.Unsupported, f"tensor '{tensor.name}'", "has more than one scale")
        if not q.scale[0] > 0:
            raise Error(Errc.BadModel, f"tensor '{tensor.name}'", f"its scale is {q.scale[0]}, expected more than 0")
        return self._pair(tensor, float(q.scale[0]), int(q.zero_point[0]), rounded)

    def _pair(self, tensor: Tensor, scale: float, zero: int, rounded: bool) -> list[str]:
        assert tensor.dtype is not None
        pair = {"rounding" if rounded else "scale": np.float32(scale * AWAY if rounded else scale)}
        pair["zero"] = tensor.dtype.type(zero)
        return [self.constant(f"{tensor.name}.{what}", np.asarray(number)) for what, number in pair.items()]

    def whole(self, tensor: Tensor, name: str, stored: bool) -> str:
        """Real numbers of the same size as stored integers, and back."""
        op, what = ("QuantizeLinear", "stored") if stored else ("DequantizeLinear", "whole")
        return self.node(op, f"{tensor.name}.{what}", [name, *self._pair(tensor, 1.0, 0, rounded=stored)])

    def form(self, index: int, planar: bool, stored: bool) -> str:
        """The tensor in a form, converted where it is not held in it yet."""
        tensor, forms = self.network.tensors[index], self.forms.setdefault(index, {})
        if tensor.quantization is None:
            stored = False
        if (planar, stored) in forms:
            return forms[planar, stored]
        if tensor.data is not None:
            array = tensor.data if stored else tensor.real()
            made = self.constant(tensor.name, array.transpose(TO_PLANAR) if planar else array)
        elif (not planar, stored) in forms:
            perm, base = (TO_PLANAR, ".planar") if planar else (TO_LAST, ".last")
            made = self.node("Transpose", f"{tensor.name}{base}", [forms[not planar, stored]], perm=list(perm))
        elif forms:
            other = self.form(index, planar, not stored)
            made = self._requantize(tensor, other, stored)
        else:
            raise Error(Errc.BadModel, f"tensor '{tensor.name}'", "is read before it is made")
        forms[planar, stored] = made
        return made

    def _requantize(self, tensor: Tensor, name: str, stored: bool) -> str:
        op = "QuantizeLinear" if stored else "DequantizeLinear"
        parts = self.scale_and_zero(tensor, rounded=stored)
        return self.node(op, f"{tensor.name}.{'stored' if stored else 'real'}", [name, *parts])


@dataclass
class Call:
    """One use of an operator."""

    build: Builder
    operator: Operator

    def refuse(self, message: str, code: Errc = Errc.Unsupported) -> Error:
        """An error that names the operator."""
        return Error(code, self.label, message)

    @property
    def label(self) -> str:
        """The operator and the first value it makes."""
        made = [self.build.network.tensors[index].name for index in self.operator.outputs[:1]]
        return f"{self.operator.kind} '{made[0] if made else ''}'"

    def option(self, key: str, default: Any = 0) -> Any:
        """A setting by the schema's name for it."""
        return default if self.operator.options is None else getattr(self.operator.options, key)()

    def has(self, index: int) -> bool:
        """Whether an input that may be absent is there."""
        return index < len(self.operator.inputs) and self.operator.inputs[index] >= 0

    def tensor(self, index: int) -> Tensor:
        """An input."""
        if not self.has(index):
            raise self.refuse(f"has no input {index}", Errc.BadModel)
        return self.build.network.tensors[self.operator.inputs[index]]

    @property
    def made(self) -> Tensor:
        """The first output."""
        return self.build.network.tensors[self.operator.outputs[0]]

    @property
    def real(self) -> bool:
        """Whether the first output holds real numbers, as they are or quantized."""
        return self.made.quantization is not None or self.made.kind.startswith("FLOAT")

    def sizes(self, index: int) -> list[int]:
        """The shape of an input that must be known."""
        shape = list(self.tensor(index).shape)
        if FREE in shape:
            raise self.refuse(f"depends on the size of '{self.tensor(index).name}', which the file leaves free")
        return shape

    def array(self, index: int) -> Array:
        """A constant input."""
        tensor = self.tensor(index)
        if tensor.data is None:
            raise self.refuse(f"input '{tensor.name}' is computed; only a constant can stand here")
        return tensor.real()

    def integers(self, index: int) -> list[int]:
        """A constant list of integers."""
        return [int(item) for item in self.array(index).reshape(-1)]

    def x(self, index: int = 0, planar: bool = False, stored: bool = False) -> str:
        """An input as real numbers, or as the integers stored for it."""
        self.tensor(index)
        return self.build.form(self.operator.inputs[index], planar, stored)

    def planar(self, *indices: int) -> bool:
        """Whether to compute on N,C,H,W: all that is computed are pictures, and one of them or all are held so."""
        pictures = [i for i in indices if self.tensor(i).data is None]
        held = [{form[0] for form in self.build.forms.get(self.operator.inputs[i], {})} for i in pictures]
        if not held or any(len(self.tensor(i).shape) != 4 for i in pictures):
            return False
        return any(forms == {True} for forms in held) or all(True in forms for forms in held)

    def node(self, op: str, inputs: list[str], **attributes: Attribute) -> str:
        """Adds a node under the first output's name."""
        return self.build.node(op, f"{self.made.name}/{op}", inputs, **attributes)

    def constant(self, what: str, value: object, dtype: type) -> str:
        """Adds a constant under the first output's name."""
        return self.build.constant(f"{self.made.name}/{what}", np.asarray(value, dtype))

    def shape_input(self, dims: list[int]) -> str:
        """A constant list for ONNX's integer inputs."""
        return self.constant("sizes", dims, np.int64)

    def give(self, name: str, planar: bool = False, stored: bool = False, output: int = 0) -> None:
        """What the operator makes: real numbers, which are quantized where the file says so, or stored integers."""
        index = self.operator.outputs[output]
        tensor = self.build.network.tensors[index]
        if tensor.quantization is not None and not stored:
            name = self.build._requantize(tensor, name, True)
        self.build.forms[index] = {(planar, tensor.quantization is not None): name}
        self.build.made[name] = Made(self.operator, index, planar)

    def mean(self, op: str, more: list[str], **attributes: Attribute) -> tuple[str, bool]:
        """An operator that makes means of a picture's numbers, and whether it made stored integers.

        Of integers halves are frequent. They are taken as they are stored, so that every program finds the same halves.
        """
        stored = self.moves_stored(0)
        x = self.x(planar=True, stored=stored)
        if not stored:
            return self.node(op, [x, *more], **attributes), False
        y = self.node(op, [self.build.whole(self.tensor(0), x, stored=False), *more], **attributes)
        return self.build.whole(self.made, y, stored=True), True

    def moves_stored(self, *indices: int) -> bool:
        """Whether inputs and output are quantized alike, so that moving stored integers moves what they mean."""
        q = self.made.quantization
        return q is not None and all(q.same(self.tensor(i).quantization) for i in indices)

    def activated(self, name: str) -> str:
        """After the activation that is fused into the operator."""
        kind = int(self.option("FusedActivationFunction"))
        limits = {2: (-1.0, 1.0), 3: (0.0, 6.0)}
        if kind == 0:
            return name
        if kind == 1:
            return self.node("Relu", [name])
        if kind == 4:
            return self.node("Tanh", [name])
        if kind not in limits:
            raise self.refuse(f"fused activation {kind}")
        low, high = limits[kind]
        return self.node("Clip", [name, self.constant("low", low, np.float32), self.constant("high", high, np.float32)])

    def dtype(self) -> int:
        """ONNX's number for the element type of the first output."""
        if self.made.dtype is None:
            raise self.refuse(f"makes {self.made.kind}")
        return dtypes.ONNX[dtypes.of_array(np.empty(0, self.made.dtype), self.label)]
