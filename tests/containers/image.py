"""Images made without an engine: the environment from the image's lock alone, and the folders that it copies, no more.

In: docker/Dockerfile. Out: a folder that looks like the inside of a container.
"""

import dataclasses
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

from tests.containers.compose import ROOT

UV = pathlib.Path(sys.executable).with_name("uv")


@dataclasses.dataclass(frozen=True)
class Stage:
    """One stage of the Dockerfile. `base` is an image, or another stage; `own` are its other instructions, in order."""

    base: str
    own: list[tuple[str, str]]


def stages() -> dict[str, Stage]:
    """Name to stage."""
    text = (ROOT / "docker" / "Dockerfile").read_text().replace("\\\n", " ")
    found: dict[str, Stage] = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        instruction, rest = line.split(maxsplit=1)
        if instruction == "FROM":
            base, name = re.fullmatch(r"(\S+) AS (\S+)", rest).groups()
            found[name] = Stage(base, own=[])
        else:
            found[name].own.append((instruction, rest))
    return found


def instructions(name: str) -> list[tuple[str, str]]:
    """What makes the image `name`: its stage's instructions after those of the stages that it is built on."""
    stage = stages()[name]
    return [*(instructions(stage.base) if stage.base in stages() else []), *stage.own]


def copied(found: list[tuple[str, str]]) -> list[str]:
    """What instructions take from the project: paths as COPY names them, without those of other stages."""
    rests = [rest for instruction, rest in found if instruction == "COPY" and not rest.startswith("--from")]
    return [source for rest in rests for source in rest.split()[:-1]]


@dataclasses.dataclass(frozen=True)
class Image:
    """A container's inside under `folder`: bardloop/ (its working directory), environment/, and what it writes."""

    folder: pathlib.Path
    environment: dict[str, str]
    entrypoint: list[str]
    standard_command: list[str]
    secrets: str = "secrets"
    """The folder in `folder` that is mounted as /run/secrets."""

    @property
    def workdir(self) -> pathlib.Path:
        return self.folder / "bardloop"

    def command(self, *command: str) -> list[str]:
        """The command line that Docker would run: entrypoint and command, with the places that they have here."""
        return [self.here(word) for word in (*self.entrypoint, *(command or self.standard_command))]

    def here(self, text: str) -> str:
        """`text` with the container's absolute paths as they are on this machine."""
        places = {"/bardloop": "bardloop", "/opt/ml": "environment", "/run/secrets": self.secrets}
        places |= {"/airflow": "airflow", "/data": "data"}
        for inside, outside in places.items():
            text = re.sub(rf"(?<![\w.:/@]){inside}(?![\w.])", str(self.folder / outside), text)
        return text

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess:
        """Run a command to its end as the container would, with nothing of this process's environment."""
        return subprocess.run(
            self.command(*command),
            cwd=self.workdir,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=300,
        )


def make(name: str, folder: pathlib.Path, lock: str) -> Image:
    """What `docker build --target NAME` would make, with requirements/<lock>.txt as its lock.

    Packages are hard links into uv's cache: seconds, and no disk.
    """
    found = instructions(name)
    for source in copied(found):
        place, copy = ROOT / source, folder / "bardloop" / source
        copy.parent.mkdir(parents=True, exist_ok=True)
        if place.is_dir():
            shutil.copytree(place, copy, ignore=shutil.ignore_patterns("__pycache__"))
        elif place.is_file():  # not requirements/${LOCK}.txt
            shutil.copy(place, copy)
    for written in ("airflow", "data", "secrets"):
        (folder / written).mkdir()
    environment = folder / "environment"
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, environment], check=True)
    sync = [UV, "pip", "sync", "--quiet", "--python", environment / "bin" / "python", f"requirements/{lock}.txt"]
    subprocess.run(sync, cwd=ROOT, check=True, env=os.environ | {"UV_FIND_LINKS": torch_wheels()})
    last = dict(found)
    image = Image(folder, {}, json.loads(last["ENTRYPOINT"]), json.loads(last.get("CMD", "[]")))
    said = [rest for instruction, rest in found if instruction == "ENV"]
    variables = dict(pair.split("=", 1) for rest in said for pair in shlex.split(rest))
    variables = {variable: image.here(value) for variable, value in variables.items()}
    variables |= {"PATH": f"{environment / 'bin'}:{os.environ['PATH']}", "HOME": str(folder)}
    image.environment.update(variables)
    return image


def torch_wheels() -> str:
    """Where torch's CPU build lies: as this machine says, else as requirements/install.sh does."""
    for variable in ("UV_FIND_LINKS", "PIP_FIND_LINKS"):
        if os.environ.get(variable):
            return os.environ[variable]
    return re.search(r"links:-(\S+)}", (ROOT / "requirements" / "install.sh").read_text())[1]
