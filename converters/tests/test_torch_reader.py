"""PyTorch files: what is opened, what is refused by name before torch sees it, and what is said without torch."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

import coverslip
from coverslip import Errc, Error
from coverslip.torch import archive as torch_archive
from coverslip.torch import reader as torch_reader

SYMBOL = "Mul(Integer(2), Symbol('s77', integer=True, positive=True))"
GRAPH = {"nodes": [{"target": "torch.ops.aten.conv2d.default", "inputs": []}], "sizes": [{"expr_str": SYMBOL}]}
WEIGHTS = {"config": {"w": {"path_name": "weight_0", "use_pickle": False}}}


def program(path: Path, graph: Any = GRAPH, weights: Any = WEIGHTS, **parts: bytes) -> Path:
    """An archive as torch.export.save writes it; `__` in a part's name stands for a slash."""
    contents = {"archive_format": b"pt2", "models/model.json": json.dumps(graph).encode()}
    contents["data/weights/model_weights_config.json"] = json.dumps(weights).encode()
    contents["data/weights/weight_0"] = bytes(8)
    return archived(path, contents | {name.replace("__", "/"): data for name, data in parts.items()})


def script(path: Path, code: str = "def forward(self, x: Tensor):\n    return torch.relu(x)\n") -> Path:
    """An archive as torch.jit.save writes it."""
    return archived(path, {"data.pkl": b"", "constants.pkl": b"", "code/__torch__.py": code.encode()})


def archived(path: Path, contents: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in contents.items():
            archive.writestr(f"net/{name}", data)
    return path


def refused(path: Path) -> Error:
    with pytest.raises(Error) as caught:
        torch_archive.opened(path)
    return caught.value


def test_programs_and_scripts_are_copied_for_torch(tmp_path: Path) -> None:
    for made, expected in ((program, torch_archive.PROGRAM), (script, torch_archive.SCRIPT)):
        path = made(tmp_path / "net.pt2")
        kind, copy = torch_archive.opened(path)
        assert kind == expected
        with zipfile.ZipFile(path) as before, zipfile.ZipFile(copy) as after:
            assert {name: before.read(name) for name in before.namelist()} == {
                name: after.read(name) for name in after.namelist()
            }


def test_pickles_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "old.pth").write_bytes(b"\x80\x02cos\nsystem\n")
    for path in (tmp_path / "old.pth", archived(tmp_path / "new.pth", {"data.pkl": b"", "data/0": b""})):
        error = refused(path)
        assert error.code is Errc.BadInput and "pickle" in error.message and "torch.export.save" in error.message


@pytest.mark.parametrize(
    "target",
    [
        "torch.os.system",
        "torch.load",
        "torch.ops.aten.from_file.default",
        "torch.ops.image.read_file.default",
        "torch.ops.mine.conv.default",
        "torch.ops.higher_order.triton_kernel_wrapper_functional",
        "_operator.methodcaller",
        "torch.ops.aten.add.Tensor.__globals__",
    ],
)
def test_calls_beside_torchs_operators_are_refused(target: str, tmp_path: Path) -> None:
    error = refused(program(tmp_path / "net.pt2", {"nodes": [{"target": target}]}))
    assert error.code is Errc.Unsupported and target in error.message


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os').system('x')",
        "Symbol('s0').func",
        "sympify('1')",
        "S('1')",
        "I(1)",
        "Integer('__import__(1)')",
        "[x for x in ()]",
        "lambda: 1",
        "Symbol(f'{1}')",
        "(",
        7,
    ],
)
def test_expressions_that_are_no_arithmetic_are_refused(expression: Any, tmp_path: Path) -> None:
    error = refused(program(tmp_path / "net.pt2", {"sizes": [{"as_expr": {"expr_str": expression}}]}))
    assert "no arithmetic" in error.message


@pytest.mark.parametrize(
    ("part", "what"),
    [
        ("data__constants__custom_obj_0", "pickled object"),
        ("data__constants__opaque_obj_0", "pickled object"),
        ("data__weights__model.pt", "pickled object"),
        ("data__aotinductor__model__a.so", "compiled code"),
    ],
)
def test_parts_that_torch_would_unpickle_or_run_are_refused(part: str, what: str, tmp_path: Path) -> None:
    assert what in refused(program(tmp_path / "net.pt2", **{part: b"x"})).message


def test_weights_that_say_they_are_pickled_are_refused(tmp_path: Path) -> None:
    weights = {"config": {"w": {"path_name": "weight_0", "use_pickle": True}}}
    assert "pickled object" in refused(program(tmp_path / "net.pt2", weights=weights)).message


@pytest.mark.parametrize(
    "call", ["torch.save(x, 'f')", "torch.from_file('f')", "ops.mine.run(x)", "ops.image.read_file(f)"]
)
def test_scripts_that_touch_files_or_other_libraries_are_refused(call: str, tmp_path: Path) -> None:
    error = refused(script(tmp_path / "net.pt", f"def forward(self, x: Tensor):\n    return {call}\n"))
    assert error.code is Errc.Unsupported and "__torch__.py" in error.message


def test_archives_that_are_damaged_or_none_are_refused(tmp_path: Path) -> None:
    whole = script(tmp_path / "net.pt").read_bytes()
    for data in (b"", b"no archive", whole[:-30], whole.replace(b"torch.relu", b"torch.rely")):
        (tmp_path / "bad.pt").write_bytes(data)
        assert refused(tmp_path / "bad.pt").code is Errc.BadModel
    flags = whole.index(b"PK\x01\x02") + 8  # of the first entry of the directory: encrypted
    (tmp_path / "locked.pt").write_bytes(whole[:flags] + b"\x01" + whole[flags + 1 :])
    assert refused(tmp_path / "locked.pt").code is Errc.BadModel
    with zipfile.ZipFile(tmp_path / "two.pt", "w") as archive:
        archive.writestr("a/constants.pkl", b"")
        archive.writestr("b/code/x.py", b"")
    assert refused(tmp_path / "two.pt").code is Errc.BadModel
    assert refused(tmp_path / "none.pt").code is Errc.Io


def test_without_torch_the_refusal_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(f"No module named '{name}'")

    monkeypatch.setattr(torch_reader, "import_module", missing)
    with pytest.raises(Error) as caught:
        coverslip.convert(script(tmp_path / "net.pt"), tmp_path / "net.slip", shape=(1, 3, 8, 8))
    assert caught.value.code is Errc.Unsupported and "pip install 'torch" in caught.value.message
