"""docs/EMBEDDING.md: every block of code does what the text says."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from places import CC, CXX, ROOT, run, shared_library

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall((ROOT / "docs" / "EMBEDDING.md").read_text(encoding="utf-8"))


def blocks(language: str) -> list[str]:
    return [text for found, text in BLOCKS if found == language]


def flags(prefix: Path) -> list[str]:
    library = shared_library(prefix).parent
    return [f"-I{prefix}/include", f"-L{library}", f"-Wl,-rpath,{library}", "-lcoverslip"]


def test_every_block_is_tried() -> None:
    assert {language for language, _ in BLOCKS} == {"cpp", "c", "python", "cmake", "sh"}
    assert len(blocks("cpp")) == 4 and len(blocks("c")) == 1 and len(blocks("python")) == 1
    assert len(blocks("cmake")) == 1 and len(blocks("sh")) == 2


@pytest.mark.parametrize("number", range(len(blocks("cpp"))))
def test_cpp_runs(tmp_path: Path, prefix: Path, model: Path, number: int) -> None:
    (tmp_path / "program.cpp").write_text(blocks("cpp")[number], encoding="utf-8")
    run(
        CXX,
        "-std=c++20",
        "-Wall",
        "-Wextra",
        "-Werror",
        "program.cpp",
        *flags(prefix),
        "-o",
        "program",
        cwd=model.parent,
    )
    run("./program", cwd=tmp_path)


def test_c_runs(tmp_path: Path, prefix: Path, model: Path) -> None:
    (tmp_path / "program.c").write_text(blocks("c")[0], encoding="utf-8")
    run(CC, "-std=c99", "-pedantic", "-Wall", "-Werror", "program.c", *flags(prefix), "-o", "program", cwd=model.parent)
    assert run("./program", cwd=tmp_path).startswith("red cell: ")


def test_python_runs(prefix: Path, model: Path) -> None:
    library = shared_library(prefix).parent
    run(sys.executable, "-c", blocks("python")[0], cwd=model.parent, variables={"LD_LIBRARY_PATH": str(library)})


def test_cmake_builds(tmp_path: Path, prefix: Path, model: Path) -> None:
    (tmp_path / "CMakeLists.txt").write_text(blocks("cmake")[0], encoding="utf-8")
    (tmp_path / "program.cpp").write_text(blocks("cpp")[0], encoding="utf-8")
    run("cmake", "-S", ".", "-B", "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}", cwd=tmp_path)
    run("cmake", "--build", "build", cwd=tmp_path)
    assert "x: f32 1x3x8x8" in run("build/program", cwd=model.parent)


def test_the_commands_build_install_and_link(tmp_path: Path, prefix: Path, model: Path) -> None:
    installing, linking = blocks("sh")
    build, install = installing.splitlines()
    configure, compile_all = build.split(" && ")
    run("sh", "-euc", configure.replace("cmake", "cmake -N", 1), cwd=ROOT)  # -N, -n: ./dev build did it
    run("sh", "-euc", f"{compile_all} -- -n", cwd=ROOT)
    opt = tmp_path / "opt"
    run("sh", "-euc", install.replace("/opt/coverslip", str(opt)), cwd=ROOT)
    (tmp_path / "program.cpp").write_text(blocks("cpp")[0], encoding="utf-8")
    script = linking.replace("/opt/coverslip/lib", str(shared_library(opt).parent)).replace("g++", CXX)
    run("sh", "-euc", script, cwd=tmp_path)
    assert "x: f32 1x3x8x8" in run("./program", cwd=model.parent)
