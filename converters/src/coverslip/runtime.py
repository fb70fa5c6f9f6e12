"""Runs networks: `load` a `.slip` file, call the model with NumPy arrays."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import _engine
from .errors import Errc, Error

if TYPE_CHECKING:  # takes longer to import than all of this
    import numpy.typing as npt

    Array = npt.NDArray[Any]
Shapes = Mapping[str, Sequence[int]] | Sequence[int] | None

_DTYPES = {"bool": "bool", "f32": "float32", "f16": "float16"}
_DTYPES |= {"i8": "int8", "u8": "uint8", "i32": "int32", "i64": "int64"}


class Port(NamedTuple):
    """An input or output of a model. A dimension that the caller chooses is None."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int | None, ...]


class Step(NamedTuple):
    """One step of the plan: what it computes, how, and what it takes."""

    node: str
    kernel: str
    layout: str
    dtype: str
    shape: tuple[int, ...]
    multiply_adds: float
    predicted_ms: float
    """On one core."""
    ms: float
    """As `Model.profile` measured it, else 0."""


class Memory(NamedTuple):
    """In bytes, known before the first run."""

    weights: int
    """As the file holds them: mapped, and dropped by the system when it wants."""
    packed: int
    values: int
    scratch: int
    io: int

    @property
    def peak(self) -> int:
        """What a run needs."""
        return self.packed + self.values + self.scratch + self.io


class Verification(NamedTuple):
    """How the golden case of the file went on this machine."""

    passed: bool
    samples: int
    largest_difference: float
    tolerance: float


class Cpu(NamedTuple):
    """What this machine offers: instruction sets (best first) and CPUs."""

    targets: tuple[str, ...]
    cores: int
    allowed: int
    quota: float
    """CPUs that the cgroup grants; 0: no limit."""
    threads: int
    """What threads=0 means."""


def cpu() -> Cpu:
    """This machine, as `load` sees it."""
    targets, cores, allowed, quota, threads = _engine.cpu()
    return Cpu(tuple(targets), cores, allowed, quota, threads)


class Model:
    """A loaded network. Threads may share one: their runs take turns."""

    def __init__(self, engine: _engine.Engine) -> None:
        """Not for callers: `load` makes models."""
        self._engine = engine
        self.inputs = _ports(engine.inputs())
        self.outputs = _ports(engine.outputs())
        self.labels = tuple(engine.labels())
        self.id = engine.id()
        """Hash of the file's structure and weights."""
        self.threads = engine.threads()
        self.target = engine.target()

    def __call__(self, inputs: npt.ArrayLike | Mapping[str, npt.ArrayLike], /) -> Any:
        """Runs the model on an array, or on a dict of arrays by the names of its inputs.

        An array of the input's dtype that is C-contiguous is read where it lies. Returns an array, or a dict of arrays
        by name where the model has several outputs.
        """
        results = self._engine.run(self._arrays(inputs))
        if len(results) == 1:
            return results[0]
        return {port.name: result for port, result in zip(self.outputs, results, strict=True)}

    def preprocess(self, picture: npt.ArrayLike) -> Array:
        """Makes the input of pixels (uint8: rows, columns, perhaps channels; or a Pillow image), as the file says."""
        pixels = np.asarray(picture)
        if pixels.dtype != np.uint8:
            raise Error(Errc.BadInput, "picture", f"wants pixels of uint8, got {pixels.dtype}")
        return self._engine.preprocess(np.ascontiguousarray(pixels))

    def memory(self, shapes: Shapes = None) -> Memory:
        """What a run needs, for input shapes that must be given where the model leaves them free."""
        return Memory(*self._engine.memory(self._shapes(shapes)))

    def describe(self, shapes: Shapes = None) -> str:
        """The plan: a line for each step, then the memory."""
        return self._engine.describe(self._shapes(shapes))

    def steps(self, shapes: Shapes = None) -> list[Step]:
        """The plan, step by step."""
        return [Step(*step) for step in self._engine.steps(self._shapes(shapes))]

    def profile(self, inputs: npt.ArrayLike | Mapping[str, npt.ArrayLike], /) -> list[Step]:
        """Runs once, and times each step."""
        return [Step(*step) for step in self._engine.profile(self._arrays(inputs))]

    def verify(self) -> Verification:
        """Runs the golden case of the file on this machine, and checks the hash of its weights."""
        return Verification(*self._engine.verify())

    def save_packed(self, path: str | os.PathLike[str], shapes: Shapes = None) -> None:
        """Writes the file again, its weights packed for this model's target too: loaded there, they are only mapped.

        The shapes are those of later runs, where the file leaves them free. `path` may be the file itself.
        """
        self._engine.save_packed(os.fspath(path), self._shapes(shapes))

    def meta(self, key: str) -> str:
        """What the file says about itself (title, licence, ...); empty where it says nothing."""
        return self._engine.meta(key)

    def __repr__(self) -> str:
        """Names, types and shapes."""
        inputs, outputs = (", ".join(_text(port) for port in ports) for ports in (self.inputs, self.outputs))
        return f"<coverslip.Model {inputs} -> {outputs}; {self.target}, {self.threads} threads>"

    def _arrays(self, inputs: npt.ArrayLike | Mapping[str, npt.ArrayLike]) -> list[Array]:
        if isinstance(inputs, Mapping):
            given = self._by_name(inputs)
        elif len(self.inputs) == 1:
            given = [inputs]
        else:
            names = ", ".join(repr(port.name) for port in self.inputs)
            raise Error(Errc.BadInput, "inputs", f"the model has {len(self.inputs)}: call it with a dict of {names}")
        return [_array(value, port) for value, port in zip(given, self.inputs, strict=True)]

    def _by_name(self, given: Mapping[str, Any]) -> list[Any]:
        names = [port.name for port in self.inputs]
        if set(given) != set(names):
            raise Error(Errc.BadInput, "inputs", f"the model wants {names}, got {sorted(map(str, given))}")
        return [given[name] for name in names]

    def _shapes(self, shapes: Shapes) -> list[list[int]]:
        if shapes is None:
            return []
        if isinstance(shapes, Mapping):
            return [list(shape) for shape in self._by_name(shapes)]
        if len(self.inputs) != 1:
            raise Error(
                Errc.BadInput, "shapes", f"the model has {len(self.inputs)} inputs: give a dict of shapes by name"
            )
        return [list(shapes)]


def load(
    path: str | os.PathLike[str],
    threads: int = 0,
    target: str | None = None,
    precision: str | None = None,
    max_memory: int | None = None,
    winograd: bool = True,
) -> Model:
    """Loads a `.slip` file and plans it for this machine.

    threads: 0 takes all that the machine grants. target: an instruction set such as "avx2", else the best.
    precision: of the arithmetic: "file", "float32" or "bfloat16", which is of products alone, and where the CPU has
    none, float32: describe() tells. max_memory: a limit in bytes for packed weights, values and scratch. winograd:
    faster convolutions that round more and need more memory for weights.
    Raises Error.
    """
    for name, value in (("threads", threads), ("max_memory", max_memory or 0)):
        if not isinstance(value, int) or not 0 <= value < (1 << 31 if name == "threads" else 1 << 63):
            raise Error(Errc.BadInput, name, f"wants a whole number, at least 0, got {value!r}")
    engine = _engine.Engine(
        os.fsdecode(path), threads, _name(target), _name(precision), max_memory or 0, bool(winograd)
    )
    return Model(engine)


def _ports(described: Sequence[tuple[str, str, tuple[int | None, ...]]]) -> tuple[Port, ...]:
    return tuple(Port(name, np.dtype(_DTYPES[dtype]), shape) for name, dtype, shape in described)


def _text(port: Port) -> str:
    dims = "x".join("?" if d is None else str(d) for d in port.shape)
    return f"{port.name} {port.dtype} {dims or 'scalar'}"


def _array(value: Any, port: Port) -> Array:
    """The value as the engine reads it. A list or a number takes the input's dtype; an array must have it."""
    where = f"input '{port.name}'"
    try:
        array = np.asarray(value) if hasattr(value, "dtype") else np.asarray(value, port.dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise Error(Errc.BadInput, where, f"is no array of {port.dtype}: {error}") from None
    if array.dtype != port.dtype:
        raise Error(
            Errc.BadInput, where, f"the model wants {port.dtype}, got {array.dtype}: call x.astype('{port.dtype}')"
        )
    return np.ascontiguousarray(array).reshape(array.shape)


def _name(value: Any) -> str | None:
    return None if value is None else str(value)
