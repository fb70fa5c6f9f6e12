"""The tool slip as a user meets it: its verbs, its exit codes, what it prints where."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from PIL import Image

import coverslip
from coverslip import operators, reader
from coverslip.ir import Graph
from coverslip.passes import half_weights
from coverslip.writer import to_bytes

SLIP = Path(__file__).resolve().parents[2] / "build" / "release" / "slip"
OK, USAGE, BAD, UNSUPPORTED, IO, MEMORY, FAILED = range(7)
VERBS = ("run", "bench", "info", "verify", "pack", "cpu")

Save = Callable[..., Path]
Graphs = dict[str, Callable[..., Graph]]

pytestmark = pytest.mark.skipif(not SLIP.exists(), reason=f"{SLIP} is not built")


@dataclass
class Result:
    code: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        def refuse(constant: str) -> NoReturn:
            raise AssertionError(f"{constant} is no JSON")

        document = json.loads(self.out, parse_constant=refuse)
        assert isinstance(document, dict)
        return document


def slip(*arguments: str | Path) -> Result:
    done = subprocess.run([SLIP, *arguments], capture_output=True, timeout=120, stdin=subprocess.DEVNULL)
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def path(save: Save, classifier_graph: Graph) -> Path:
    return save(classifier_graph)


# --- usage --------------------------------------------------------------------------------------------------------


def test_help_is_friendly() -> None:
    whole = slip("--help")
    assert whole.code == OK and not whole.err
    for verb in VERBS:
        assert f"slip {verb}" in whole.out
        help_ = slip(verb, "--help")
        assert help_.code == OK and not help_.err
        assert help_.out.startswith(f"slip {verb}") and "--json" in help_.out
    assert slip("--version").out.startswith("slip ")
    bare = slip()
    assert bare.code == USAGE and bare.err == whole.out and not bare.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("fly", "'fly'"),
        ("run", "MODEL"),
        ("run m.slip --fast", "'--fast'"),
        ("run m.slip --threads", "--threads"),
        ("run m.slip --threads many", "'many'"),
        ("run m.slip --threads -1", "'-1'"),
        ("run m.slip --threads 99999999999999999999", "--threads"),
        ("run m.slip --target mmx", "avx2"),
        ("run m.slip --precision double", "float32"),
        ("run m.slip --max-memory lots", "300M"),
        ("run m.slip --max-memory 0", "300M"),
        ("run m.slip --max-memory 99999999999G", "--max-memory"),
        ("run m.slip --shape 1,b", "1,3,224,224"),
        ("run m.slip --shape 1,2,3,4,5,6,7,8,9", "8 axes"),
        ("run m.slip --shape 1,-2", "1,3,224,224"),
        ("run m.slip --shape 1,3,8,8 x.png", "--shape"),
        ("run m.slip --json=yes", "--json"),
        ("bench m.slip --seconds 0", "--seconds"),
        ("bench m.slip --seconds nan", "--seconds"),
        ("info a.slip b.slip", "'b.slip'"),
        ("info --operators a.slip", "--operators"),
        ("cpu now", "'now'"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_answered_with_help(arguments: str, says: str) -> None:
    result = slip(*arguments.split())
    assert result.code == USAGE
    assert says in result.err and "--help" in result.err and not result.out
    if "--json" not in arguments:
        error = slip(*arguments.split(), "--json").json()["error"]
        assert error["code"] == "Usage" and error["exit_code"] == USAGE


# --- verbs --------------------------------------------------------------------------------------------------------


def test_cpu_says_what_the_python_module_says() -> None:
    cpu, document = coverslip.cpu(), slip("cpu", "--json").json()
    assert tuple(document["targets"]) == cpu.targets
    assert (document["cores"], document["allowed"], document["threads"]) == (cpu.cores, cpu.allowed, cpu.threads)
    assert document["quota"] == (cpu.quota or None)
    assert cpu.targets[0] in slip("cpu").out


def test_info_says_what_is_in_a_file(path: Path) -> None:
    document = slip("info", path, "--steps", "--json").json()
    model = coverslip.load(path)
    assert document["inputs"] == [{"name": "x", "dtype": "f32", "shape": [1, 3, 8, 8]}]
    assert document["outputs"] == [{"name": "scores", "dtype": "f32", "shape": [1, 4, 1, 1]}]
    assert document["labels"] == list(model.labels)
    assert document["meta"]["licence"] == "Apache-2.0"
    assert document["id"] == model.id
    assert document["bytes"] == path.stat().st_size
    assert document["parameters"] == 4 * 3 * 3 * 3 + 4
    assert document["weights"] == {"f32": 4 * document["parameters"]}
    assert document["multiply_adds"] == 4 * 3 * 3 * 3 * 8 * 8
    assert document["memory"]["peak"] == model.memory().peak
    assert [step["node"] for step in document["steps"]] == [step.node for step in model.steps()]
    assert document["preprocess"]["width"] == 8 and document["golden_case"] is True
    text = slip("info", path, "--steps").out
    for part in ("Apache-2.0", "1x3x8x8", "white cell", "multiply-adds", "peak memory", "Conv 'first'"):
        assert part in text


@pytest.mark.parametrize(("precision", "dtype"), [("float16", "f16"), ("bfloat16", "bf16")])
def test_weights_in_16_bits_are_shown_and_run_as_those_in_f32(
    save: Save, graphs: Graphs, precision: str, dtype: str
) -> None:
    full, half = graphs["row"](1, 1), graphs["row"](1, 1)
    half_weights.run(half, precision)
    full.constants = {"w": next(iter(half.constants.values())).astype(np.float32)}
    paths = [save(graph, f"{name}.slip") for name, graph in (("full", full), ("half", half))]
    documents = [slip("info", path, "--steps", "--json").json() for path in paths]
    assert documents[1]["weights"] == {dtype: 2 * 64 * 64} and f"{dtype} 8.00 KiB" in slip("info", paths[1]).out
    assert documents[0]["steps"] == documents[1]["steps"] and documents[0]["memory"] == documents[1]["memory"]
    x = np.random.default_rng(1).standard_normal((1, 64, 256, 256)).astype(np.float32)
    assert np.array_equal(*(coverslip.load(path)(x) for path in paths))


def test_info_of_free_shapes_needs_no_shape_but_takes_one(save: Save, graphs: Graphs) -> None:
    path = save(graphs["free"]())
    without = slip("info", path, "--json")
    assert without.code == OK and without.json()["inputs"][0]["shape"] == [None, 3, None, None]
    assert "memory" not in without.json() and "--shape" in without.err
    for shape in ("1,3,5,7", "1x3x5x7", "x=1,3,5,7"):
        assert slip("info", path, "--json", "--shape", shape).json()["memory"]["peak"] > 0
    assert slip("info", path, "--shape", "1,4,5,7").code == BAD
    assert slip("info", path, "--shape", "z=1,3,5,7").code == USAGE


def test_info_lists_the_operators() -> None:
    listed = slip("info", "--operators", "--json").json()["operators"]
    assert list(listed) == sorted(listed) == slip("info", "--operators").out.split()
    assert listed["Conv"]["types"]["f32"] == "fast"
    assert {3, 4, 5} <= set(listed["Conv"]["ranks"])
    assert operators.known() == set(listed)  # what the converter writes, the engine runs


def test_bench_measures(path: Path) -> None:
    document = slip("bench", path, "--seconds", "0.1", "--profile", "--threads", "1", "--json").json()
    assert 0 < document["min_ms"] <= document["median_ms"] <= document["p90_ms"]
    assert document["threads"] == 1 and document["runs"] >= 3
    assert document["gflops"] == pytest.approx(2e-6 * document["multiply_adds"] / document["median_ms"])
    assert document["percent_of_peak"] == pytest.approx(100 * document["gflops"] / document["peak_gflops"], rel=1e-3)
    assert document["memory"]["peak"] > 0
    assert {step["node"] for step in document["steps"]} >= {"Conv 'first'"}
    total = sum(step["ms"] for step in document["steps"])
    assert sum(row["ms"] for row in document["by_operator"]) == pytest.approx(total)
    assert document["memory_gbps"] > 0
    first = next(step for step in document["steps"] if step["node"] == "Conv 'first'")
    assert first["bytes"] > 4 * np.prod(first["shape"])
    assert sum(row["bytes"] for row in document["by_operator"]) == sum(step["bytes"] for step in document["steps"])
    text = slip("bench", path, "--seconds", "0.1", "--profile").out
    for part in ("median", "p90", "GFLOP/s", "of the peak", "peak memory", "Conv 'first'", "operator", "% memory"):
        assert part in text


def test_bench_takes_a_batch_where_it_is_free(path: Path, save: Save, graphs: Graphs) -> None:
    free = save(graphs["free"](), "free.slip")
    document = slip("bench", free, "--shape", "1,3,6,6", "--batch", "4", "--seconds", "0.05", "--json").json()
    assert document["shapes"] == [[4, 3, 6, 6]] and document["batch"] == 4
    assert document["samples_per_second"] == pytest.approx(4000 / document["median_ms"], rel=1e-3)
    assert "samples" in slip("bench", free, "--shape", "1,3,6,6", "--batch", "2", "--seconds", "0.05").out
    refused = slip("bench", path, "--batch", "2")
    assert refused.code == USAGE and "free first dimension" in refused.err


def test_verify_passes_fails_or_cannot(save: Save, graphs: Graphs) -> None:
    graph = graphs["classifier"]()
    path = save(graph)
    good = slip("verify", path, "--json")
    assert good.code == OK and good.json()["passed"] is True and good.json()["samples"] == 4
    assert "verified" in slip("verify", path).out

    assert graph.golden is not None
    output, index, value = graph.golden.samples[0]
    graph.golden.samples[0] = (output, index, value + 0.25)
    path = save(graph)
    bad = slip("verify", path, "--json")
    assert bad.code == FAILED and bad.json()["passed"] is False
    assert bad.json()["largest_difference"] == pytest.approx(0.25, abs=1e-4)
    assert "FAILED" in slip("verify", path).out

    assert slip("verify", save(graphs["two_by_two"]())).code == BAD


@pytest.mark.parametrize("verb", ["run", "bench", "info", "verify"])
def test_bfloat16_is_what_the_target_can_and_is_told(verb: str, path: Path) -> None:
    for target in slip("cpu", "--json").json()["targets"]:
        arguments = [verb, path, "--precision", "bfloat16", "--target", target]
        arguments += ["--seconds", "0.01"] if verb == "bench" else []
        text, told = slip(*arguments), slip(*arguments, "--json").json()
        assert text.code == OK
        assert told["precision"] in ("bfloat16", "float32")
        assert ("this computes in float32" in text.out) == (told["precision"] == "float32") == ("note" in told)
        if target in ("sse2", "sse4", "avx2", "neon"):
            assert told["precision"] == "float32"


def test_verify_finds_a_damaged_weight(path: Path) -> None:
    damaged = bytearray(path.read_bytes())
    damaged[damaged.index(reader.read(path).constants["w"].tobytes()) + 1] ^= 1
    path.write_bytes(damaged)
    assert slip("verify", path).code == BAD


# --- pack ---------------------------------------------------------------------------------------------------------


def test_a_packed_file_verifies_and_is_the_same_network(path: Path, tmp_path: Path) -> None:
    packed = tmp_path / "packed.slip"
    result = slip("pack", path, "-o", packed, "--json")
    assert result.code == OK, result.err
    document = result.json()
    assert document["bytes"] == packed.stat().st_size > path.stat().st_size
    assert document["packed"] > 0 and document["target"] == slip("cpu", "--json").json()["targets"][0]
    assert slip("verify", packed).code == OK
    assert to_bytes(reader.read(packed)) == path.read_bytes()
    assert slip("pack", packed, "-o", packed).code == OK
    assert packed.stat().st_size == document["bytes"]
    assert sorted(os.listdir(tmp_path)) == sorted([path.name, packed.name])


def test_what_cannot_be_packed_is_said_and_nothing_is_written(path: Path, save: Save, graphs: Graphs) -> None:
    out = path.with_name("packed.slip")
    assert slip("pack", path).code == USAGE
    assert slip("pack", save(graphs["two_by_two"](), "none.slip"), "-o", out).code == BAD
    assert slip("pack", path, "-o", out.parent / "no folder" / "a.slip").code == IO
    assert not out.exists()


# --- run ----------------------------------------------------------------------------------------------------------


def test_run_without_a_file_takes_seeded_numbers_and_says_so(path: Path) -> None:
    first, again, other = (slip("run", path, "--json", "--seed", seed).json()["runs"][0] for seed in ("1", "1", "2"))
    assert first["source"] == "random numbers, seed 1"
    assert first["outputs"] == again["outputs"] != other["outputs"]
    assert "random numbers, seed 1" in slip("run", path).out


def test_run_gives_the_arrays_that_the_python_module_gives(path: Path, tmp_path: Path) -> None:
    x = np.random.default_rng(3).standard_normal((1, 3, 8, 8)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    result = slip("run", path, tmp_path / "x.npy", "-o", tmp_path / "y.npy", "--top", "2", "--json")
    expected = coverslip.load(path)(x)
    assert np.array_equal(np.load(tmp_path / "y.npy"), expected)
    output = result.json()["runs"][0]["outputs"][0]
    assert output["shape"] == [1, 4, 1, 1] and output["file"] == str(tmp_path / "y.npy")
    best = np.argsort(-expected.ravel())[:2]
    assert [row["class"] for row in output["top"]] == best.tolist()
    assert output["top"][0]["label"] == coverslip.load(path).labels[best[0]]
    assert output["top"][0]["value"] == pytest.approx(float(expected.max()), rel=1e-6)


def test_run_takes_pictures_through_the_preprocessing(path: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(4).integers(0, 256, (20, 30, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "cell.png")
    assert slip("run", path, tmp_path / "cell.png", "--output", tmp_path / "y.npy").code == OK
    model = coverslip.load(path)
    assert np.array_equal(np.load(tmp_path / "y.npy"), model(model.preprocess(pixels)))


def test_run_takes_many_files_and_numbers_the_outputs(path: Path, tmp_path: Path) -> None:
    model = coverslip.load(path)
    inputs = [np.full((1, 3, 8, 8), i, np.float32) for i in range(3)]
    for i, x in enumerate(inputs):
        np.save(tmp_path / f"x{i}.npy", x)
    result = slip("run", path, *(tmp_path / f"x{i}.npy" for i in range(3)), "-o", tmp_path / "y.npy", "--json")
    assert [run["source"] for run in result.json()["runs"]] == [str(tmp_path / f"x{i}.npy") for i in range(3)]
    for i, x in enumerate(inputs):
        assert np.array_equal(np.load(tmp_path / f"y.{i}.npy"), model(x))


def test_run_takes_a_file_for_each_of_several_inputs(save: Save, graphs: Graphs, tmp_path: Path) -> None:
    path = save(graphs["two_by_two"]())
    a, b = np.array([[1, 2, 3], [4, 5, 6]], np.float32), np.array([[2, 2, 2], [0, 0, 1]], np.float32)
    np.save(tmp_path / "a.npy", a)
    np.save(tmp_path / "b.npy", b)
    assert slip("run", path, tmp_path / "a.npy", tmp_path / "b.npy", "-o", tmp_path / "y.npy").code == OK
    assert np.array_equal(np.load(tmp_path / "y.0.npy"), a + b)
    assert np.array_equal(np.load(tmp_path / "y.1.npy"), a * b)
    assert slip("run", path, tmp_path / "a.npy").code == USAGE


def npy_of(tmp_path: Path, array: np.ndarray[Any, Any]) -> bytes:
    np.save(tmp_path / "saved.npy", array)
    return (tmp_path / "saved.npy").read_bytes()


def test_an_array_that_does_not_fit_is_refused(path: Path, tmp_path: Path) -> None:
    x = np.zeros((1, 3, 8, 8), np.float32)
    whole = npy_of(tmp_path, x)
    cases = [
        (npy_of(tmp_path, x.astype(np.float64)), UNSUPPORTED),
        (npy_of(tmp_path, np.asfortranarray(np.ones((1, 3, 8, 8), np.float32))), UNSUPPORTED),
        (npy_of(tmp_path, x.astype(np.uint8)), BAD),
        (npy_of(tmp_path, x[0]), BAD),
        (whole[:-1], BAD),
        (whole + b"x", BAD),
        (whole[:40], BAD),
        (whole[:7], BAD),
        (whole.replace(b"(1, 3, 8, 8)", b"(1, 3, 8, -8"), BAD),
        (whole.replace(b"(1, 3, 8, 8)", b"(1, 3, 8, 8 "), BAD),
        (whole.replace(b"'shape'", b"'shade'"), BAD),
        (b"", BAD),
        (b"some text that is no picture", BAD),
    ]
    for i, (contents, code) in enumerate(cases):
        file = tmp_path / f"{i}.npy"
        file.write_bytes(contents)
        result = slip("run", path, file)
        assert result.code == code, (i, result)
        assert str(file) in result.err or "input 'x'" in result.err


def test_no_flipped_bit_of_an_array_s_header_does_harm(path: Path, tmp_path: Path) -> None:
    whole = npy_of(tmp_path, np.zeros((1, 3, 8, 8), np.float32))
    random = np.random.default_rng(5)
    for _ in range(150):
        flipped = bytearray(whole)
        flipped[random.integers(0, 80)] ^= 1 << random.integers(0, 8)
        (tmp_path / "flipped.npy").write_bytes(flipped)
        assert slip("run", path, tmp_path / "flipped.npy").code in (OK, BAD, UNSUPPORTED)


# --- errors -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["run", "bench", "info", "verify", "pack"])
def test_each_kind_of_error_has_its_exit_code(verb: str, save: Save, graphs: Graphs, tmp_path: Path) -> None:
    good = save(graphs["classifier"]())
    short = tmp_path / "short.slip"
    short.write_bytes(good.read_bytes()[:-70])
    graph = graphs["unknown"]()
    graph.golden = graphs["classifier"]().golden
    assert graph.golden is not None
    graph.golden.shapes = [(1, 3, 4, 4)]
    unknown = save(graph, "unknown.slip")
    cases: list[tuple[int, str, list[str | Path]]] = [
        (IO, "Io", [tmp_path / "none.slip"]),
        (IO, "Io", [tmp_path]),
        (BAD, "BadModel", [short]),
        (UNSUPPORTED, "Unsupported", [unknown]),
        (UNSUPPORTED, "Unsupported", [good, "--precision", "int8"]),
        (MEMORY, "OverBudget", [good, "--max-memory", "1k"]),
    ]
    for code, name, arguments in cases:
        arguments += ["-o", tmp_path / "packed.slip"] if verb == "pack" else []
        result = slip(verb, *arguments)
        assert result.code == code and result.err.startswith("slip: "), (arguments, result)
        with_json = slip(verb, *arguments, "--json")
        error = with_json.json()["error"]
        assert with_json.code == code and error["code"] == name and error["message"] and error["where"]


def test_the_least_memory_that_an_error_names_is_enough_and_changes_no_bit(
    save: Save, graphs: Graphs, tmp_path: Path
) -> None:
    path = save(graphs["row"](layers=4))
    whole = slip("info", path, "--threads", "1", "--json").json()["memory"]["peak"]
    refused = slip("run", path, "--threads", "1", "--max-memory", "1k")
    least = re.search(r"at least (\d+) bytes", refused.err)
    assert refused.code == MEMORY and least and int(least[1]) < whole
    answers = []
    for i, limit in enumerate((whole, int(least[1]))):
        written = tmp_path / f"y{i}.npy"
        assert slip("run", path, "--threads", "1", "--max-memory", str(limit), "-o", written).code == OK
        answers.append(np.load(written))
    assert np.array_equal(*answers)
    assert slip("run", path, "--threads", "1", "--max-memory", str(int(least[1]) - 1)).code == MEMORY


def test_an_output_that_cannot_be_written_is_an_error(path: Path, tmp_path: Path) -> None:
    assert slip("run", path, "-o", tmp_path / "no folder" / "y.npy").code == IO
    if Path("/dev/full").exists():
        assert slip("run", path, "-o", "/dev/full").code == IO
        with open("/dev/full", "wb") as full:
            assert subprocess.run([SLIP, "cpu"], stdout=full, stderr=subprocess.DEVNULL).returncode == IO


def test_names_never_command_a_terminal(save: Save, graphs: Graphs, tmp_path: Path) -> None:
    graph = graphs["classifier"]()
    graph.nodes[0].name = "\u202eevil\u2066"
    path = save(graph, "a\x1b[31mb\u009bc.slip")
    missing = tmp_path / "x\x1b]0;title\x07.slip"
    for result in (
        slip("info", path, "--steps"),
        slip("info", path, "--steps", "--json"),
        slip("run", path),
        slip("run", path, "--json"),
        slip("bench", path, "--seconds", "0.05", "--profile"),
        slip("verify", path),
        slip("info", missing),
        slip("info", missing, "--json"),
        slip("run", path, "--target", "\x1b[2J"),
    ):
        printed = result.out + result.err
        assert printed and not set(printed) & set("\x1b\x07\x9b\u202e\u2066"), printed
    document = slip("info", path, "--steps", "--json").json()
    assert document["model"] == str(path)
    assert any("\u202eevil\u2066" in step["node"] for step in document["steps"])


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_terminal_sees_progress_and_nobody_else_does(path: Path) -> None:
    import pty

    try:
        main, side = pty.openpty()
    except OSError:
        pytest.skip("this machine has no pseudo-terminals, as containers may")
    subprocess.run([SLIP, "bench", path, "--seconds", "1.5"], stdout=subprocess.DEVNULL, stderr=side, timeout=60)
    os.close(side)
    assert b"measuring" in os.read(main, 10_000)
    os.close(main)
    assert not slip("bench", path, "--seconds", "1.2").err
