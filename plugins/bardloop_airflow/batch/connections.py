"""From Airflow's connections to places: `bardloop_ray` and `bardloop_slurm` say where those backends are reached.

In: the backend's name. Out: its `Place`, or a `BatchError` that says which connection is missing.
"""

import json

from bardloop_airflow.batch.interface import BatchError, Place


def place_of(backend: str) -> Place:
    """Host, port, password (as token) and extra (as options) of the connection `bardloop_<backend>`.

    The local backend is here: it has no connection.

    Raises:
        BatchError: there is no such connection, or its extra is no JSON object.
    """
    if backend == "local":
        return Place()
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    name = f"bardloop_{backend}"
    try:
        connection = BaseHook.get_connection(name)
    except AirflowNotFoundException:
        variable = f"AIRFLOW_CONN_{name.upper()}"
        raise BatchError(
            f"batch.backend is {backend}, but Airflow has no connection {name!r}: add it (Admin, Connections) or set "
            f"{variable}"
        ) from None
    try:  # not extra_dejson, which takes what it cannot read for empty
        options = json.loads(connection.extra or "{}")
    except json.JSONDecodeError as error:
        raise BatchError(f"connection {name!r}: its extra is no JSON ({error})") from None
    if not isinstance(options, dict):
        raise BatchError(f"connection {name!r}: its extra is {options!r}, expected a JSON object")
    return Place(connection.host or "", connection.port, connection.password or "", options)
