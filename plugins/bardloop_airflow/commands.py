"""The command line of a job: `python -m jobs NAME …`, for training led by `accelerate launch …`."""

import pathlib
from collections.abc import Mapping, Sequence

from bardloop_airflow.places import ACCELERATE_CONFIGS, RECIPES


def job_command(
    python: str,
    home: pathlib.Path,
    job: str,
    recipe: str,
    overrides: Sequence[str] = (),
    arguments: Mapping[str, str] | None = None,
    launcher: Sequence[str] = ("-m",),
) -> tuple[str, ...]:
    """Command that runs `job`, to be started in the project's root.

    Args:
        python: interpreter that has the jobs' packages.
        recipe: stem of a file in recipes/.
        arguments: the job's own options without dashes, e.g. {"part": "uuub3g"} for `--part uuub3g`.
        launcher: what stands between the interpreter and the module name `jobs`, see `accelerate_launcher`.
    """
    changes = [word for override in overrides for word in ("--set", override)]
    options = [word for name, value in (arguments or {}).items() for word in (f"--{name.replace('_', '-')}", value)]
    recipe_file = str(RECIPES / f"{recipe}.yaml")
    return (python, *launcher, "jobs", job, "--recipe", recipe_file, "--home", str(home), *changes, *options)


def accelerate_launcher(config: str, processes: int, machines: int = 1) -> tuple[str, ...]:
    """`accelerate launch` with a file of config/accelerate, for a module; `processes` in all.

    `--quiet` leaves out Accelerate's own traceback, so that the last line of stderr is the job's. Started on several
    machines it has to know which one it is on and where they meet: the words in braces, each a word of its own, are
    filled in on the machine by the backend.
    """
    path = str(ACCELERATE_CONFIGS / config)
    launch = ("-m", "accelerate.commands.launch", "--config_file", path, "--num_processes", str(processes))
    if machines > 1:
        launch += ("--num_machines", str(machines), "--machine_rank", "{machine_rank}")
        launch += ("--main_process_ip", "{main_process_ip}", "--main_process_port", "{main_process_port}")
    return (*launch, "--quiet", "-m")
