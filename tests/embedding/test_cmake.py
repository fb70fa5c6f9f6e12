"""Programs of others that take coverslip in: by CMake in three ways, by pkg-config, and by hand."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from places import CXX, HERE, NEWER, RELEASE, ROOT, cached, cached_folders, pkg_config, run, shared_library

OUTSIDE = HERE / "outside"
ANSWER = "platelet"  # of the classifier for zeros
OLD_CPU = "Nehalem"  # SSE4.2, no AVX
# Warnings that the outside program asks for in its own files.
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]


def third_party() -> Path:
    """Where build/release has its private Highway and stb; the outside build needs no copy of its own."""
    return Path(cached("COVERSLIP_THIRD_PARTY_DIR"))


def configure(build: Path, *definitions: str) -> str:
    return run("cmake", "-S", OUTSIDE, "-B", build, "-G", "Ninja", f"-DNEWER={NEWER}", *definitions)


def vector_code(program: Path) -> set[str]:
    """The functions that hold AVX instructions, without those of kernels for such CPUs."""
    listing = run("objdump", "-d", "--no-show-raw-insn", "--demangle", program)
    found, function = set(), ""
    for line in listing.splitlines():
        if line.endswith(">:"):
            function = line.split(" ", 1)[1][1:-2]
        elif re.search(r"\sv[a-z]+[0-9a-z]*\s.*%[xyz]mm", line) and "::N_AVX" not in function:
            found.add(function)
    return found


def answers(program: Path, model: Path) -> None:
    """The program runs the network, on a CPU without AVX too, and tells errors by their type."""
    assert run(program, model) == f"{ANSWER}\n"
    assert "mean" in run(program, model, "mean")
    assert run(program, model.parent / "none.slip", fails=True).startswith("Io: ")
    if NEWER and shutil.which("qemu-x86_64"):
        assert run("qemu-x86_64", "-cpu", OLD_CPU, program, model) == f"{ANSWER}\n"


@pytest.mark.parametrize("shared", [False, True], ids=["static", "shared"])
def test_find_package_needs_nothing_but_the_prefix(tmp_path: Path, prefix: Path, model: Path, shared: bool) -> None:
    configure(tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}", f"-DBUILD_SHARED_LIBS={shared}")
    run("cmake", "--build", tmp_path / "build")
    program = tmp_path / "build" / "outside"
    answers(program, model)
    assert ("libcoverslip.so" in run("ldd", program)) == shared
    assert str(ROOT) not in run("ldd", program)


def test_find_package_names_what_is_missing(tmp_path: Path, prefix: Path) -> None:
    without_tbb = ("-DCMAKE_DISABLE_FIND_PACKAGE_TBB=ON", f"-DCMAKE_PREFIX_PATH={prefix}")
    told = run("cmake", "-S", OUTSIDE, "-B", tmp_path / "build", *without_tbb, fails=True)
    assert "oneTBB (Debian: libtbb-dev, Homebrew: tbb) is missing" in " ".join(told.split())
    told = run("cmake", "-S", OUTSIDE, "-B", tmp_path / "other", "-DCMAKE_DISABLE_FIND_PACKAGE_TBB=ON",
               "-DCOVERSLIP_FROM=subdirectory", f"-DCOVERSLIP_SOURCE={ROOT}", fails=True)  # fmt: skip
    assert "coverslip: no oneTBB. Install it" in " ".join(told.split())


def test_find_package_misses_a_highway_that_was_installed_with_it(tmp_path: Path, prefix: Path) -> None:
    if not [*prefix.glob("**/libhwy.so.1")]:
        pytest.skip("Highway is the system's")
    shutil.copytree(prefix, tmp_path / "prefix", ignore=shutil.ignore_patterns("libhwy*", "bin", "hwy"))
    told = run(
        "cmake", "-S", OUTSIDE, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={tmp_path / 'prefix'}", fails=True
    )
    assert "libhwy.so.1, which is installed with it, is missing" in " ".join(told.split())


def test_pkg_config_names_the_flags(tmp_path: Path, prefix: Path, model: Path) -> None:
    library = pkg_config(prefix, "--variable=libdir")[0]
    flags = pkg_config(prefix, "--cflags")
    newer, program = tmp_path / "newer.o", tmp_path / "program"
    run(CXX, "-std=c++20", "-O1", *STRICT, *NEWER.split(), *flags, "-c", OUTSIDE / "newer.cpp", "-o", newer)
    command = [CXX, "-std=c++20", "-O1", *STRICT, *flags, str(newer), str(OUTSIDE / "main.cpp"), "-o", str(program)]
    run(*command, *pkg_config(prefix, "--libs"), f"-Wl,-rpath,{library}")
    answers(program, model)
    run(*command, *pkg_config(prefix, "--libs", "--static"), f"-Wl,-rpath,{library}/coverslip")
    answers(program, model)
    assert "libcoverslip.so" not in run("ldd", program)


def test_code_for_newer_cpus_stays_where_it_was_asked_for(tmp_path: Path, prefix: Path) -> None:
    if not NEWER:
        pytest.skip("x86 alone has the flag")
    for shared in (False, True):
        build = tmp_path / f"build{shared}"
        configure(build, f"-DCMAKE_PREFIX_PATH={prefix}", f"-DBUILD_SHARED_LIBS={shared}", "-DCMAKE_CXX_FLAGS=-O2")
        run("cmake", "--build", build)
        assert vector_code(build / "outside") <= {"mean_of(float const*, unsigned long)"}


def test_the_engine_uses_no_inline_function_of_the_program(tmp_path: Path, prefix: Path, model: Path) -> None:
    if not NEWER or not shutil.which("qemu-x86_64"):
        pytest.skip("needs qemu-x86_64")
    for shared in (False, True):  # newer.cpp has AVX2 code in functions that the engine calls as well
        build = tmp_path / f"build{shared}"
        configure(build, f"-DCMAKE_PREFIX_PATH={prefix}", f"-DBUILD_SHARED_LIBS={shared}",
                  "-DCMAKE_CXX_FLAGS=-O1 -DCOPIES_TENSORS")  # fmt: skip
        run("cmake", "--build", build)
        assert any("std::vector<coverslip" in name for name in vector_code(build / "outside"))
        assert run("qemu-x86_64", "-cpu", OLD_CPU, build / "outside", model) == f"{ANSWER}\n"


def test_the_static_library_offers_no_inline_function(prefix: Path) -> None:
    archive = next(prefix.glob("**/libcoverslip.a"))
    symbols = [line.split(" ", 1)[1] for line in run("nm", "--demangle", "--defined-only", archive).splitlines()
               if re.match("[0-9a-f]+ ", line)]  # fmt: skip
    weak_code = [symbol for symbol in symbols if symbol.startswith(("W ", "u "))]
    assert symbols and not weak_code


def test_the_shared_library_exports_the_two_apis_alone(prefix: Path) -> None:
    library = shared_library(prefix)
    exported = [line.split(" ", 2)[2] for line in run("nm", "-D", "--demangle", "--defined-only", library).splitlines()]
    api = re.compile(r"coverslip_[a-z]|coverslip::v0::|(typeinfo|typeinfo name|vtable) for coverslip::v0::Error$")
    assert [name for name in exported if not api.match(name)] == []
    assert {"coverslip_model_load", "coverslip::v0::Session::model() const"} <= set(exported)
    assert not any("State" in name and "(" in name for name in exported)  # what stands behind the API
    assert re.search(r"SONAME.*libcoverslip\.so\.0\.\d+\]", run("readelf", "-d", library))


def outside_options(source: str) -> list[str]:
    """A build that is quick: scalar kernels, no optimisation."""
    return [f"-DCOVERSLIP_FROM={source}", f"-DCOVERSLIP_SOURCE={ROOT}", "-DCOVERSLIP_TARGETS=SCALAR",
            f"-DCOVERSLIP_THIRD_PARTY_DIR={third_party()}", "-DCMAKE_CXX_FLAGS=-O0"]  # fmt: skip


def test_a_project_above_gets_the_library_alone(tmp_path: Path) -> None:
    for source in ("subdirectory", "fetch"):
        build = tmp_path / source
        configure(build, *outside_options(source))
        commands = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
        ours = [entry for entry in commands if "/outside/" not in entry["file"]]
        assert ours and all("generated" in entry["file"] for entry in ours)  # no tests, programs, benchmarks
        assert not any("-Werror" in entry["command"] for entry in ours)
        theirs = [entry["command"] for entry in commands if "/outside/" in entry["file"]]
        assert not any("-ffp-contract" in command for command in theirs)
        rules = [path for path in build.rglob("cmake_install.cmake") if "libcoverslip" in path.read_text()]
        assert rules == []


def test_add_subdirectory_builds_and_runs(tmp_path: Path, model: Path) -> None:
    configure(tmp_path / "build", *outside_options("subdirectory"))
    run("cmake", "--build", tmp_path / "build", "--target", "outside")
    answers(tmp_path / "build" / "outside", model)


@pytest.mark.slow
def test_fetch_content_builds_and_runs(tmp_path: Path, model: Path) -> None:
    configure(tmp_path / "build", *outside_options("fetch"), "-DBUILD_SHARED_LIBS=ON")
    run("cmake", "--build", tmp_path / "build", "--target", "outside")
    answers(tmp_path / "build" / "outside", model)


def by_hand(folder: Path) -> list[str]:
    """README's command for those without a build system."""
    line = re.search(r"^g\+\+ .*impl\.cpp.*$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert line is not None
    shutil.copytree(ROOT / "include", folder / "include")
    shutil.copy(OUTSIDE / "main.cpp", folder / "main.cpp")
    (folder / "impl.cpp").write_text(
        "#include <coverslip/impl.hpp>\nfloat mean_of(const float* x, std::size_t) { return *x; }\n", encoding="utf-8"
    )
    return [CXX, *line[0].split()[1:]]


def where_highway_is() -> dict[str, str]:
    """Variables by which a compiler finds Highway and stb: of get_debs.sh, or fetched by CMake, or the system's."""
    usr = third_party() / "usr"
    others = cached_folders("highway_SOURCE_DIR", "stb_SOURCE_DIR", "COVERSLIP_STB_SYSTEM")
    headers = [usr / "include", usr / "include" / "stb", *others]
    libraries = [*usr.glob("lib/*"), *cached_folders("highway_BINARY_DIR")]
    found = {"CPLUS_INCLUDE_PATH": headers, "LIBRARY_PATH": libraries, "LD_LIBRARY_PATH": libraries}
    return {name: ":".join(map(str, folders)) for name, folders in found.items()}


def test_the_headers_alone_make_a_program(tmp_path: Path, model: Path) -> None:
    quick = {"-O2": ["-O0", "-DHWY_COMPILE_ONLY_SCALAR"]}
    command = [new for word in by_hand(tmp_path) for new in quick.get(word, [word])]
    run(*command[: command.index("main.cpp")], "-c", "impl.cpp", cwd=tmp_path, variables=where_highway_is())
    command[command.index("impl.cpp")] = "impl.o"
    run(*command, cwd=tmp_path, variables=where_highway_is())
    assert run(tmp_path / "program", model, variables=where_highway_is()) == f"{ANSWER}\n"
    # Two copies of the engine, compiled apart, could run code for the wrong CPU: they do not link.
    shutil.copy(tmp_path / "impl.o", tmp_path / "other.o")
    told = run(*command, "other.o", cwd=tmp_path, variables=where_highway_is(), fails=True)
    assert "impl_hpp_belongs_in_exactly_one_cpp" in told


@pytest.mark.slow
def test_the_headers_alone_make_a_program_as_readme_has_it(tmp_path: Path, model: Path) -> None:
    run(*by_hand(tmp_path), cwd=tmp_path, variables=where_highway_is())
    assert run(tmp_path / "program", model, variables=where_highway_is()) == f"{ANSWER}\n"


def test_installed_files_say_nothing_of_where_they_were_built(prefix: Path) -> None:
    texts = [path for path in prefix.rglob("*") if path.suffix in (".cmake", ".pc")]
    assert texts and not [path for path in texts if str(ROOT) in path.read_text(encoding="utf-8")]
    for program in [*prefix.glob("bin/*"), *prefix.glob("lib*/**/*.so")]:
        shown = subprocess.run(["readelf", "-d", program], capture_output=True, text=True, check=True).stdout
        assert str(RELEASE) not in shown and str(third_party()) not in shown
