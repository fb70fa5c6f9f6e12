"""Reads PyTorch networks, torch.export's and TorchScript's, through torch's own exporter to ONNX."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from .. import draws
from ..errors import Errc, Error
from ..ir import FREE, Array, Value
from ..verify import Run
from . import archive as torch_archive

SUFFIXES = (".pt2", ".pt", ".pth", ".ts", ".torchscript")
SCRIPT_OPSET = 20
"""The newest that torch's exporter of TorchScript knows."""


def read(path: Path, shapes: dict[str, tuple[int, ...]]) -> tuple[onnx.ModelProto, Run]:
    """The network as ONNX, and torch itself running it. "" names the only input of TorchScript. Raises Error."""
    kind, file = torch_archive.opened(path)
    torch = _torch(path)
    with _quiet(), torch.no_grad():
        try:
            return (_program if kind == torch_archive.PROGRAM else _script)(torch, path, file, shapes)
        except Error:
            raise
        except Exception as error:  # what torch raises has no base class
            reason = str(error).strip().splitlines() or [repr(error)]
            text = f"torch {torch.__version__} cannot write it as ONNX: {reason[0]}"
            raise Error(Errc.Unsupported, str(path), text) from error


def _torch(path: Path) -> Any:
    try:
        torch: Any = import_module("torch")
    except ImportError as error:
        text = "is read by PyTorch, which is not installed: pip install 'torch>=2.8' (one for CPUs will do)"
        raise Error(Errc.Unsupported, str(path), text) from error
    return torch


@contextmanager
def _quiet() -> Iterator[None]:
    """torch speaks of its own plans, which no user of a converter asked for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _program(torch: Any, path: Path, file: io.BytesIO, _: dict[str, tuple[int, ...]]) -> tuple[onnx.ModelProto, Run]:
    _want_plain_samples(torch, path, file)
    program = torch.export.load(file)
    model: onnx.ModelProto = torch.onnx.export(program, dynamo=True, verbose=False).model_proto
    return model, _runner(torch, program.module(), model)


def _want_plain_samples(torch: Any, path: Path, file: io.BytesIO) -> None:
    """The inputs of its export, which torch would unpickle without restraint where its safe way fails."""
    for name, data in torch_archive.samples(file).items():
        try:
            torch.load(io.BytesIO(data), weights_only=True)
        except Exception as error:
            text = f"holds a pickled object, '{name}', which is not opened; export it with plain tensors"
            raise Error(Errc.Unsupported, str(path), text) from error


def _script(
    torch: Any, path: Path, file: io.BytesIO, shapes: dict[str, tuple[int, ...]]
) -> tuple[onnx.ModelProto, Run]:
    module = torch.jit.load(file, map_location="cpu").eval()
    inputs = _script_inputs(path, module, shapes)
    examples = tuple(torch.zeros(draws.concrete(value)) for value in inputs)
    free = {
        value.name: {i: f"{value.name}.{i}" for i, dim in enumerate(value.shape) if dim == FREE} for value in inputs
    }
    made, written = _leaves(torch, module(*examples)), io.BytesIO()
    names = ["output"] if len(made) == 1 else [f"output{i}" for i in range(len(made))]
    if any(free.values()):
        free |= {name: {i: f"{name}.{i}" for i in range(leaf.ndim)} for name, leaf in zip(names, made, strict=True)}
    torch.onnx.export(
        module,
        examples,
        written,
        dynamo=False,
        opset_version=SCRIPT_OPSET,
        input_names=[value.name for value in inputs],
        output_names=names,
        dynamic_axes=free,
    )
    model = onnx.ModelProto.FromString(written.getvalue())
    return model, _runner(torch, module, model)


def _script_inputs(path: Path, module: Any, shapes: dict[str, tuple[int, ...]]) -> list[Value]:
    """The inputs with the shapes that were given, as the file has none."""
    wanted = [argument for argument in module.forward.schema.arguments[1:] if not argument.has_default_value()]
    names = [argument.name for argument in wanted]
    for argument in wanted:
        if str(argument.type) != "Tensor":
            text = f"is a {argument.type}, not a tensor; trace the network with tensors alone as inputs"
            raise Error(Errc.Unsupported, f"input '{argument.name}'", text)
    given = {names[0]: shapes[""]} if len(names) == 1 and "" in shapes else shapes
    if set(given) != set(names):
        listed = ", ".join(names)
        text = f"TorchScript says nothing of its inputs' shapes; give those of {listed}: --shape {names[0]}=1,3,..."
        raise Error(Errc.BadInput, str(path), text)
    return [Value(name, "f32", tuple(given[name])) for name in names]


def _runner(torch: Any, module: Any, model: onnx.ModelProto) -> Run:
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [info.name for info in model.graph.input if info.name not in constants]
    outputs = [info.name for info in model.graph.output]

    def run(feeds: dict[str, Array]) -> dict[str, Array]:
        try:
            with _quiet(), torch.no_grad():
                made = module(*[torch.from_numpy(np.ascontiguousarray(feeds[name])) for name in inputs])
        except Exception as error:
            raise Error(Errc.Unsupported, "torch", f"cannot run the network: {error}") from error
        return {name: leaf.detach().numpy() for name, leaf in zip(outputs, _leaves(torch, made), strict=True)}

    return run


def _leaves(torch: Any, made: Any) -> list[Any]:
    """The tensors of an answer, which may be tuples, lists and dicts of them."""
    leaves: list[Any] = torch.utils._pytree.tree_leaves(made)
    return leaves
