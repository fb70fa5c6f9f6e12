"""Looks through a PyTorch file before torch opens it: what is not network alone is refused by name, and never opened.

torch takes its files on trust: it unpickles parts of them, calls any function of its own that they name, and evaluates
expressions in them as Python. So only a copy in memory goes to torch, of which every part was looked at.
"""

from __future__ import annotations

import ast
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import Errc, Error

PROGRAM, SCRIPT = "torch.export", "TorchScript"
MAX_BYTES = 1 << 31
"""Unpacked; the size at which protobuf ends, through which every network goes."""

_ADVICE = "save the network by torch.export.save or torch.jit.save instead"
_OPERATORS: tuple[str, ...] = ("getitem", "add", "sub", "mul", "truediv", "floordiv", "mod", "neg", "pos", "pow", "abs")
_OPERATORS += ("eq", "ne", "lt", "le", "gt", "ge", "and_", "or_", "not_")
_LIBRARIES = "aten|prim|prims|quantized_decomposed"
_NESTING = "cond|while_loop|map_impl|scan|wrap_with_set_grad_enabled|wrap_with_autocast"
_TARGET = re.compile(
    rf"torch\.ops\.({_LIBRARIES}|torchvision)(\.(?!__)\w+){{1,2}}"
    rf"|torch\.ops\.higher_order\.({_NESTING})|_operator\.({'|'.join(_OPERATORS)})|math\.\w+|torch\.sym_\w+"
)
_TOUCHES_FILES = re.compile(r"(^|\W)(from_file|save|load|load_library|read_file|write_file)\b")
_SCRIPT_CALL = re.compile(rf"\bops\.(?!(?:{_LIBRARIES}|quantized|torchvision)\.)(\w+)|\btorch\.(save|load|from_file)\b")
_FUNCTIONS = frozenset(
    [
        *("Symbol", "Integer", "Rational", "Float", "Add", "Mul", "Pow", "Mod", "Max", "Min", "Abs", "And", "Or"),
        *("Not", "Equality", "Unequality", "GreaterThan", "LessThan", "StrictGreaterThan", "StrictLessThan"),
        *("Piecewise", "floor", "ceiling", "FloorDiv", "ModularIndexing", "Where", "PythonMod", "CleanDiv"),
        *("CeilToInt", "FloorToInt", "CeilDiv", "LShift", "RShift", "PowByNatural", "FloatPow", "FloatTrueDiv"),
        *("IntTrueDiv", "TruncToFloat", "TruncToInt", "RoundToInt", "RoundDecimal", "ToFloat", "Identity"),
        "IsNonOverlappingAndDenseIndicator",
    ]
)
_PARTS_OF_EXPRESSIONS = (
    *(ast.Expression, ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.Call, ast.keyword, ast.Name, ast.Constant),
    *(ast.Tuple, ast.Load, ast.operator, ast.unaryop, ast.cmpop, ast.boolop),
)


def opened(path: Path) -> tuple[str, io.BytesIO]:
    """What the file holds, PROGRAM or SCRIPT, and a copy of it that torch may open. Raises Error."""
    try:
        with path.open("rb") as file:
            start = file.read(2)
        if not zipfile.is_zipfile(path):
            raise _no_archive(path, start)
        with zipfile.ZipFile(path) as archive:
            parts = _parts(path, archive)
            kind = _kind(path, parts)
            (_check_program if kind == PROGRAM else _check_script)(path, parts, archive)
            return kind, _copied(archive)
    except OSError as error:
        raise Error(Errc.Io, str(path), error.strerror or str(error)) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError) as error:
        raise Error(Errc.BadModel, str(path), f"is a damaged archive: {error}") from error


def samples(file: io.BytesIO) -> dict[str, bytes]:
    """The pickled inputs that a program was exported with, by name."""
    with zipfile.ZipFile(file) as archive:
        found = {name: archive.read(name) for name in archive.namelist() if "/data/sample_inputs/" in name}
    file.seek(0)
    return found


def _no_archive(path: Path, start: bytes) -> Error:
    if start[:1] == b"\x80":
        return _pickle(path)
    return Error(Errc.BadModel, str(path), f"is neither a torch.export program nor TorchScript; {_ADVICE}")


def _pickle(path: Path) -> Error:
    text = f"is a pickle, which can run anything when it is opened, and holds weights without their network; {_ADVICE}"
    return Error(Errc.BadInput, str(path), text)


def _parts(path: Path, archive: zipfile.ZipFile) -> dict[str, str]:
    """Names in the archive by those inside its one folder."""
    names = archive.namelist()
    folders = {name.partition("/")[0] for name in names}
    if len(folders) != 1 or len(set(names)) != len(names) or any(".." in name.split("/") for name in names):
        raise Error(
            Errc.BadModel, str(path), "is no archive of torch's: names in it are not of one folder, or not different"
        )
    if sum(info.file_size for info in archive.infolist()) >= MAX_BYTES:
        raise Error(Errc.OverBudget, str(path), f"unpacks to {MAX_BYTES} bytes or more")
    return {name.partition("/")[2]: name for name in names}


def _kind(path: Path, parts: dict[str, str]) -> str:
    if "archive_format" in parts and any(part.startswith("models/") for part in parts):
        return PROGRAM
    if "serialized_exported_program.json" in parts:
        raise Error(Errc.Unsupported, str(path), "was saved by torch 2.7 or older; save it again by a newer one")
    if "constants.pkl" in parts and any(part.startswith("code/") for part in parts):
        return SCRIPT
    if "data.pkl" in parts:
        raise _pickle(path)
    raise Error(Errc.BadModel, str(path), f"is neither a torch.export program nor TorchScript; {_ADVICE}")


def _check_program(path: Path, parts: dict[str, str], archive: zipfile.ZipFile) -> None:
    for part in parts:
        if part.startswith(("data/aotinductor/", "data/executorch/", "data/mtia")):
            raise _refused(path, f"compiled code, '{part}'", "save it by torch.export.save alone")
    for part, name in parts.items():
        if part.startswith(("data/weights/", "data/constants/")) and not part.endswith(".json"):
            if not re.fullmatch(r"(weight|tensor)_\d+", part.rpartition("/")[2]):
                raise _refused(path, f"a pickled object, '{part}'", "keep plain tensors alone in the network")
        elif part.endswith(".json"):
            for key, value in _entries(json.loads(archive.read(name))):
                _check_entry(path, part, key, value)


def _entries(tree: Any) -> Iterator[tuple[str, Any]]:
    """Every key of a JSON document with its value, however deep."""
    stack = [tree]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            yield from item.items()
            stack += item.values()
        elif isinstance(item, list):
            stack += item


def _check_entry(path: Path, part: str, key: str, value: Any) -> None:
    if key == "use_pickle" and value is not False:
        raise _refused(path, f"a pickled object, of which '{part}' tells", "keep plain tensors alone in the network")
    if key == "as_custom_obj" and value is not None:
        raise _refused(path, "an object of a class of its own", "keep plain tensors alone in the network")
    if key == "expr_str" and not _is_arithmetic(value):
        raise _refused(path, f"an expression that is no arithmetic, {str(value)[:80]!r}", "do not open it")
    if key in ("target", "as_operator") and isinstance(value, str) and not _is_operator(value):
        raise _refused(path, f"a call of {value[:80]!r}", "only operators of torch itself are converted")


def _is_operator(name: str) -> bool:
    return _TARGET.fullmatch(name) is not None and _TOUCHES_FILES.search(name) is None


def _is_arithmetic(text: Any) -> bool:
    """Whether evaluating the text can do no more than make a number or a symbol."""
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, TypeError, ValueError, RecursionError, MemoryError):
        return False
    for node in ast.walk(tree):
        if not isinstance(node, _PARTS_OF_EXPRESSIONS):
            return False
        if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS):
            return False
        if isinstance(node, ast.Name) and node.id.startswith("_"):
            return False
        if isinstance(node, ast.Constant) and not re.fullmatch(r"[\w.+-]*", str(node.value)):
            return False
    return True


def _check_script(path: Path, parts: dict[str, str], archive: zipfile.ZipFile) -> None:
    for part, name in parts.items():
        if part.startswith("code/") and part.endswith(".py"):
            found = _SCRIPT_CALL.search(archive.read(name).decode("utf-8"))
            if found is not None:
                text = "only operators of torch itself that touch no files are converted"
                raise _refused(path, f"a call of '{found[0]}' in {part}", text)


def _refused(path: Path, what: str, advice: str) -> Error:
    return Error(Errc.Unsupported, str(path), f"holds {what}, which is not opened; {advice}")


def _copied(archive: zipfile.ZipFile) -> io.BytesIO:
    copy = io.BytesIO()
    with zipfile.ZipFile(copy, "w") as made:
        for name in archive.namelist():
            made.writestr(name, archive.read(name))
    copy.seek(0)
    return copy
