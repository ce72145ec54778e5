"""Packages that cannot live in the project's environment, each in a folder of its own in the user's cache.

In: exact requirements. Out: a folder to put on PYTHONPATH, filled once a machine.
"""

import importlib.util
import logging
import os
import pathlib
import shutil
import subprocess
import sys

from filelock import FileLock

from jobs.errors import JobError

log = logging.getLogger(__name__)


def cache_root() -> pathlib.Path:
    """`$XDG_CACHE_HOME/bardloop`, by default `~/.cache/bardloop`: outlives the checkout and every home folder."""
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "bardloop"


def installed(name: str, *requirements: str) -> pathlib.Path:
    """The folder `name` of the cache, which holds `requirements` without what they depend on.

    The interpreter that runs this has the rest (numpy, torch, transformers): nothing is brought twice.

    Raises:
        JobError: the packages could not be fetched.
    """
    folder = cache_root() / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / f".{name}.lock"):
        if not folder.is_dir():
            stage = folder.parent / f".{name}.part"
            shutil.rmtree(stage, ignore_errors=True)
            log.info("installing %s in %s, once", ", ".join(requirements), folder)
            command = [*_installer(), "--no-deps", "--target", str(stage), *requirements]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise JobError(
                    f"{', '.join(requirements)}: not installed in {folder}: {last_words(done.stderr)}; "
                    f"check the network and the package index"
                )
            stage.rename(folder)
    return folder


def python_with(folder: pathlib.Path) -> dict[str, str]:
    """Environment in which this interpreter imports from `folder` first."""
    return os.environ | {"PYTHONPATH": str(folder)}


def last_words(text: str) -> str:
    """The end of what a program said, on one line."""
    return " ".join(text.split())[-400:]


def _installer() -> list[str]:
    """uv where there is one, else pip: environments that uv makes have no pip."""
    beside = pathlib.Path(sys.executable).with_name("uv")
    if uv := str(beside) if beside.is_file() else shutil.which("uv"):
        return [uv, "pip", "install", "--quiet", "--python", sys.executable]
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "install", "--quiet"]
    raise JobError(f"neither uv nor pip beside {sys.executable}: install one of them")
