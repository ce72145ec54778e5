"""From the recipe's `batch.backend` to the backend. Imports only the one that is asked for."""

import pathlib

from bardloop_airflow.batch.interface import BatchBackend, BatchError


def backend(name: str, home: pathlib.Path) -> BatchBackend:
    """The batch backend `name`, with its records under `home`/batch.

    Raises:
        BatchError: there is no such backend (yet).
    """
    if name == "local":
        from bardloop_airflow.batch.local import LocalBackend

        return LocalBackend(home / "batch")
    raise BatchError(f"batch.backend: {name!r} is not available yet, expected 'local'")
