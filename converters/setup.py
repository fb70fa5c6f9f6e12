"""Builds the compiled engine into the package, and makes wheels carry the libraries that it needs."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

HERE = Path(__file__).resolve().parent


class BuildEngine(build_ext):
    """Runs CMake, with what CMAKE_ARGS adds. An editable install takes the module that a build of the whole project
    puts beside the sources."""

    def run(self) -> None:
        if not self.editable_mode:
            super().run()

    def build_extension(self, ext: Extension) -> None:
        module, build = Path(self.get_ext_fullpath(ext.name)).resolve(), Path(self.build_temp).resolve()
        definitions = {
            "CMAKE_BUILD_TYPE": "Release",
            "CMAKE_CXX_FLAGS_RELEASE": "-O2 -DNDEBUG",
            "COVERSLIP_MODULE_FOLDER": module.parent,
            "Python_EXECUTABLE": sys.executable,
        }
        given = [f"-D{name}={value}" for name, value in definitions.items()]
        given += shlex.split(os.environ.get("CMAKE_ARGS", ""))
        subprocess.run(["cmake", "-S", HERE, "-B", build, "-G", "Ninja", *given], check=True)
        subprocess.run(["cmake", "--build", build, "--target", "_engine"], check=True)


class CarryLibraries(bdist_wheel):
    """Copies Highway and oneTBB into the wheel where auditwheel can, and names the oldest system that it fits."""

    def run(self) -> None:
        super().run()
        if sys.platform != "linux":
            return
        made = max(Path(self.dist_dir).glob("*.whl"), key=lambda path: path.stat().st_mtime)
        with tempfile.TemporaryDirectory() as folder:
            repair = [sys.executable, "-m", "auditwheel", "repair", "--wheel-dir", folder, str(made)]
            if subprocess.run(repair).returncode != 0:
                self.warn(f"auditwheel cannot take Highway and oneTBB into {made.name}: it works on this system alone")
                return
            (repaired,) = Path(folder).glob("*.whl")
            made.unlink()
            (made.parent / repaired.name).write_bytes(repaired.read_bytes())


setup(
    ext_modules=[Extension("coverslip._engine", sources=[])],
    cmdclass={"build_ext": BuildEngine, "bdist_wheel": CarryLibraries},
)
