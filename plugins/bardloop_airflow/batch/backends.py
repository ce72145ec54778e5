"""The batch backend that a recipe names.

In: `batch.backend` and the place where it is reached. Out: the backend; only its module is imported.
"""

import pathlib

from bardloop_airflow.batch.interface import BatchBackend, BatchError, Place


def records_folder(home: pathlib.Path) -> pathlib.Path:
    """The folder with one folder for each job, named by its submission id, whichever backend runs it."""
    return home / "batch"


def backend(name: str, home: pathlib.Path, place: Place) -> BatchBackend:
    """The batch backend `name`, with its records under `home`. `local` needs nothing of `place`.

    Raises:
        BatchError: there is no such backend.
    """
    if name == "local":
        from bardloop_airflow.batch.local import LocalBackend

        return LocalBackend(records_folder(home))
    if name == "ray":
        from bardloop_airflow.batch.ray import RayBackend

        return RayBackend(records_folder(home), place)
    if name == "slurm":
        from bardloop_airflow.batch.slurm import SlurmBackend

        return SlurmBackend(records_folder(home), place)
    raise BatchError(f"batch.backend: no backend {name!r}, expected 'local', 'ray' or 'slurm'")
