"""Builds the wheel: the package, with the shared library and the universal model inside.

The library is built by CMake from the sources of this repository, or is the one that METAFORMER_LIBRARY names; the model is
that of the repository, or the one that METAFORMER_UNIVERSAL_MODEL names.
"""
import os
import pathlib
import re
import shutil
import subprocess

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py
from wheel.bdist_wheel import bdist_wheel

here = pathlib.Path(__file__).resolve().parent
root = here.parent.parent


def version():
    # The version has one place: the header.
    header = (root / "include" / "metaformer.h").read_text()
    return ".".join(re.findall(r"#define MF_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", header))


def build_library(folder):
    # With the runtime of GCC, which is there wherever Python's packages for numbers are.
    options = ["-DCMAKE_BUILD_TYPE=Release", "-DMETAFORMER_LLVM_OPENMP=OFF"]
    subprocess.check_call(["cmake", "-S", root / "CSources", "-B", folder, *options])
    subprocess.check_call(["cmake", "--build", folder, "--parallel"])
    return folder / "libmetaformer.so"


class BuildWithLibrary(build_py):
    def run(self):
        super().run()
        given = os.environ.get("METAFORMER_LIBRARY")
        library = pathlib.Path(given) if given else build_library(pathlib.Path(self.build_lib).resolve() / ".cmake")
        destination = pathlib.Path(self.build_lib) / "metaformer" / "libmetaformer.so"
        shutil.copyfile(library.resolve(), destination)
        given = os.environ.get("METAFORMER_UNIVERSAL_MODEL")
        model = pathlib.Path(given) if given else root / "Sources/MetaformerModels/Resources/universal.safetensors"
        shutil.copyfile(model, destination.with_name("universal.safetensors"))
        shutil.rmtree(pathlib.Path(self.build_lib) / ".cmake", ignore_errors=True)


class LibraryDistribution(Distribution):
    def has_ext_modules(self):
        return True  # the library is one: the wheel is for one platform


class PlatformWheel(bdist_wheel):
    """No Python is compiled, so any Python 3 will do; the library is for one platform."""

    def finalize_options(self):
        super().finalize_options()
        self.root_is_pure = False

    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


setup(version=version(), cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": PlatformWheel}, distclass=LibraryDistribution)
