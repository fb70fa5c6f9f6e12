"""Damaged and hostile TensorFlow Lite files end in an error that names the place, never in anything else."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coverslip import Errc, Error, passes
from coverslip.tflite import file as tflite_file
from coverslip.tflite import reader as tflite_reader

pytest.importorskip("flatbuffers")
try:
    tflite_file.schema()
except Error:
    pytest.skip("the schema of .tflite files is not installed", allow_module_level=True)

from tflite_cases import CASES
from tflite_files import CONV, POOL, File, numbers


def refused(path: Path, match: str, code: Errc) -> None:
    """A refusal of this kind."""
    with pytest.raises(Error, match=match) as caught:
        tflite_reader.read(path)
    assert caught.value.code is code


def network(case: str = "an int8 network") -> bytes:
    """A good file."""
    file = File()
    file.outputs = [CASES[case](file)]
    return file.bytes()


def only_errors(path: Path, data: bytes) -> bool:
    """Reads a file and runs the passes; whether it was refused."""
    path.write_bytes(data)
    try:
        passes.run(tflite_reader.read(path).graph)
    except Error:
        return True
    return False


def test_a_file_that_ends_early_is_refused(tmp_path: Path) -> None:
    data = network()
    assert all(only_errors(tmp_path / "cut.tflite", data[:length]) for length in range(0, len(data) // 2, 41))


@pytest.mark.parametrize("case", ["an int8 network", "a float network", "STRIDED_SLICE dots"])
def test_bytes_that_changed_are_refused_or_mean_another_network(tmp_path: Path, case: str) -> None:
    data, random = network(case), np.random.default_rng(5)
    refusals = 0
    for _ in range(150):
        changed = bytearray(data)
        for at in random.integers(0, len(data), random.integers(1, 5)):
            changed[at] = random.choice([0, 1, 2, 127, 128, 255, int(random.integers(256))])
        refusals += only_errors(tmp_path / "changed.tflite", bytes(changed))
    assert refusals > 10


def test_what_is_no_tensorflow_lite_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "other.tflite"
    path.write_bytes(b"PK\x03\x04 something else")
    refused(path, "is no TensorFlow Lite file", Errc.BadModel)
    refused(tmp_path / "none.tflite", "No such file", Errc.Io)


def test_the_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    refused(tmp_path / "any.tflite", "pip install tflite", Errc.Unsupported)


def test_every_unknown_operator_is_listed(tmp_path: Path) -> None:
    file = File()
    first = file.op("CUSTOM FlexErf", [file.input(1, 4)], file.tensor(1, 4))
    second = file.op("LSH_PROJECTION", [first], file.tensor(1, 4))
    file.op("RELU", [second], file.tensor(1, 4, kind="INT16"))
    match = r"(?s)3 operators cannot be converted:.*CUSTOM FlexErf 't1'.*LSH_PROJECTION 't2'.*RELU 't3': 't3' is INT16"
    refused(file.write(tmp_path / "it.tflite"), match, Errc.Unsupported)


def test_several_subgraphs_are_refused(tmp_path: Path) -> None:
    file = File(subgraphs=2)
    file.op("RELU", [file.input(1, 4)], file.tensor(1, 4))
    refused(file.write(tmp_path / "it.tflite"), "2 subgraphs", Errc.Unsupported)


def test_tensors_that_are_not_there_are_refused(tmp_path: Path) -> None:
    for inputs, made, match in (([7], 1, "operator 0: .*tensor 7, there are 2"), ([0], -1, "tensor -1, there are")):
        file = File()
        file.input(1, 4)
        file.op("RELU", inputs, made if made < 0 else file.tensor(1, 4))
        refused(file.write(tmp_path / "it.tflite", 0), match, Errc.BadModel)


def test_a_tensor_that_nothing_makes_is_refused(tmp_path: Path) -> None:
    file = File()
    file.input(1, 4)
    file.op("ADD", [0, file.tensor(1, 4)], file.tensor(1, 4), options="AddOptions")
    refused(file.write(tmp_path / "it.tflite"), "tensor 't1': is read before it is made", Errc.BadModel)


def test_buffers_outside_of_the_file_are_refused(tmp_path: Path) -> None:
    file = File()
    file.op("ADD", [file.input(1, 4), file.tensor(1, 4, buffer=9)], file.tensor(1, 4), options="AddOptions")
    refused(file.write(tmp_path / "it.tflite"), "tensor 1: the file is damaged", Errc.BadModel)


@pytest.mark.parametrize("shape", [(3, 5), (1 << 30, 1 << 30), (-4, 4), (0,), (4,) * 9])
def test_constants_of_another_shape_than_their_bytes_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    file = File()
    x, constant = file.input(4, 4), file.constant(numbers(4, 4))
    file.tensors[constant]["shape"] = shape
    file.op("ADD", [x, constant], file.tensor(4, 4), options="AddOptions")
    refused(file.write(tmp_path / "it.tflite"), "tensor 1: the file is damaged", Errc.BadModel)


@pytest.mark.parametrize(
    ("q", "match"),
    [
        ((-0.5, 0), "a scale that is negative"),
        ((np.nan, 0), "a scale that is negative or no number"),
        ((0.5, 900), "a zero point that INT8 does not hold"),
        (([0.5, 0.25], [0, 0], 1), "2 scales along axis 1"),
        (([0.5] * 4, [0, 0], 1), "tensor 0"),
        (([0.5] * 4, [0] * 4, 7), "4 scales along axis 7"),
    ],
)
def test_scales_that_do_not_fit_are_refused(tmp_path: Path, q: Any, match: str) -> None:
    file = File()
    file.op("RELU", [file.input(1, 4, kind="INT8", q=q)], file.tensor(1, 4, kind="INT8", q=(0.5, 0)))
    refused(file.write(tmp_path / "it.tflite"), match, Errc.BadModel)


def test_a_scale_of_zero_is_refused_where_it_would_divide(tmp_path: Path) -> None:
    file = File()
    file.op("QUANTIZE", [file.input(1, 4)], file.tensor(1, 4, kind="INT8", q=(0.0, 0)))
    refused(file.write(tmp_path / "it.tflite"), "tensor 't1': its scale is 0", Errc.BadModel)


def test_options_of_another_operator_are_refused(tmp_path: Path) -> None:
    file = File()
    file.op("CONV_2D", [file.input(1, 6, 6, 3), file.constant(numbers(4, 3, 3, 3))], file.tensor(1, 3, 3, 4), **POOL)
    refused(file.write(tmp_path / "it.tflite"), "CONV_2D 't2': its options or constants do not fit", Errc.BadModel)


@pytest.mark.parametrize("change", [{"StrideH": 0}, {"StrideW": -2}, {"DilationHFactor": 0}])
def test_windows_without_steps_are_refused(tmp_path: Path, change: dict[str, int]) -> None:
    file = File()
    inputs = [file.input(1, 6, 6, 3), file.constant(numbers(4, 3, 3, 3))]
    file.op("CONV_2D", inputs, file.tensor(1, 6, 6, 4), **(CONV | change))
    refused(file.write(tmp_path / "it.tflite"), "CONV_2D 't2': input of shape", Errc.BadShape)


def test_huge_windows_are_refused(tmp_path: Path) -> None:
    file = File()
    options = POOL | {"FilterHeight": 1 << 20, "FilterWidth": 1 << 20}
    file.op("AVERAGE_POOL_2D", [file.input(1, 6, 6, 3)], file.tensor(1, 3, 3, 3), **options)
    refused(file.write(tmp_path / "it.tflite"), "more than 1048576 places", Errc.OverBudget)


def test_shapes_that_operators_do_not_make_are_refused(tmp_path: Path) -> None:
    file = File()
    inputs = [file.input(1, 6, 6, 3), file.constant(numbers(4, 3, 3, 3))]
    made = file.op("CONV_2D", inputs, file.tensor(1, 9, 6, 4), **CONV)
    file.op("RELU", [made], file.tensor(1, 9, 6, 4))
    match = r"CONV_2D 't2': makes \[1, 6, 6, 4\], the file says \[1, 9, 6, 4\]"
    refused(file.write(tmp_path / "it.tflite"), match, Errc.BadShape)


@pytest.mark.parametrize("shape", [(1 << 30, 1 << 30), (1, 1 << 31 - 1, 1 << 20)])
def test_huge_networks_are_refused_before_anything_runs(tmp_path: Path, shape: tuple[int, ...]) -> None:
    import coverslip

    file = File()
    file.op("RELU", [file.input(*shape)], file.tensor(*shape))
    with pytest.raises(Error, match="elements, more than") as caught:
        coverslip.convert(file.write(tmp_path / "it.tflite"), tmp_path / "it.slip")
    assert caught.value.code is Errc.OverBudget
    assert not (tmp_path / "it.slip").exists()


def test_tensors_that_share_names_or_bytes_do_not_multiply_them(tmp_path: Path) -> None:
    file = File()
    file.op("RELU", [file.input(1, 4)], file.tensor(1, 4))
    constant = file.constant(np.zeros(1 << 16, np.float32))
    file.tensors += [file.tensors[constant]] * 200
    refused(file.write(tmp_path / "it.tflite", 1), "constants are more than 64 times the file", Errc.BadModel)


def test_operators_that_share_weights_do_not_multiply_them_without_end(tmp_path: Path) -> None:
    file = File()
    x = file.input(1, 1, 1, 1024)
    weights = file.constant(np.zeros((512, 1, 1, 1024)), np.int8, (0.5, 0))
    for _ in range(40):
        file.op("CONV_2D", [x, weights], file.tensor(1, 1, 1, 512), **CONV)
    refused(file.write(tmp_path / "it.tflite"), "the constants of a file of .* bytes become more", Errc.OverBudget)


def test_more_operators_than_networks_have_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tflite_file, "MAX_OPERATORS", 3)
    file = File()
    x = file.input(1, 4)
    for _ in range(4):
        x = file.op("RELU", [x], file.tensor(1, 4))
    refused(file.write(tmp_path / "it.tflite"), "4 operators, more than 3", Errc.OverBudget)


def test_integers_without_a_scale_are_refused_where_real_numbers_are_made(tmp_path: Path) -> None:
    file = File()
    file.op(
        "MAX_POOL_2D", [file.input(1, 6, 6, 3, kind="INT8", q=(0.5, 0))], file.tensor(1, 3, 3, 3, kind="INT8"), **POOL
    )
    refused(file.write(tmp_path / "it.tflite"), "makes f32, the file says i8 without a scale", Errc.BadModel)


@pytest.mark.parametrize(
    ("levels", "blocks", "match"),
    [
        ([3, ([0, 1, 1], [1, 0, 2])], (), "3 segments of 3 indices for 3 places"),
        ([3, ([0, 2, 1, 3], [1, 0, 2])], (), "segments of 3 indices"),
        ([3, ([0, 1, 1, 3], [1, 0, 7])], (), "has 3 numbers for 3 places"),
        ([2, ([0, 1, 2], [1, 0])], (), "has 3 numbers for 2 places"),
        ([1 << 30, 3], (), "a level of 1073741824 within 9 numbers"),
        ([3], (), r"in the order \[0\]"),
        ([3, 3, 1], (5,), r"blocks along axes \[5\]"),
    ],
)
def test_sparse_constants_that_contradict_themselves_are_refused(
    tmp_path: Path, levels: Any, blocks: Any, match: str
) -> None:
    file = File()
    weights = file.sparse([1, 2, 3], (3, 3), levels, blocks)
    whole = file.op("DENSIFY", [weights], file.tensor(3, 3))
    made = file.op("ADD", [file.input(3, 3), whole], file.tensor(3, 3), options="AddOptions")
    refused(file.write(tmp_path / "it.tflite", made), match, Errc.BadModel)


def test_mixed_types_are_refused(tmp_path: Path) -> None:
    file = File()
    file.op("ADD", [file.input(1, 4), file.input(1, 4, kind="INT32")], file.tensor(1, 4), options="AddOptions")
    refused(file.write(tmp_path / "it.tflite"), "shape inference", Errc.BadShape)
