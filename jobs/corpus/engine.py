"""Where parts are parsed: on this machine's cores, or on a Ray cluster. The work is the same function on both.

In: the parts of the archive. Out: their staging folders. On a cluster all nodes see the same home.
"""

import logging
import os
import pathlib
import socket
from collections.abc import Mapping

from contracts.recipe import Recipe
from jobs.corpus.cores import Processes
from jobs.corpus.fetching.sidecar import Sidecar
from jobs.corpus.parsing.part import parse_part, staging_folder
from jobs.errors import JobError

log = logging.getLogger(__name__)

CODE = pathlib.Path(__file__).resolve().parents[2]
"""The nodes of a cluster get this code with the job; what it imports is installed there."""


def parse_parts(recipe: Recipe, home: pathlib.Path, sidecars: Mapping[str, Sidecar]) -> dict[str, pathlib.Path]:
    """Parse those parts of `sidecars` that are not parsed yet, several at once; staging folder by part.

    Raises:
        JobError: the first failure of a part; no Ray cluster to be found.
    """
    folders = {part: staging_folder(recipe, home, part, sidecar) for part, sidecar in sidecars.items()}
    missing = {part: sidecars[part] for part, folder in folders.items() if not folder.exists()}
    if missing:
        {"local": _on_cores, "ray": _on_ray}[recipe.corpus.engine](recipe, home, missing)
    return folders


def _on_cores(recipe: Recipe, home: pathlib.Path, sidecars: Mapping[str, Sidecar]) -> None:
    # the largest first: no core waits for one that began last
    largest_first = sorted(sidecars.items(), key=lambda item: -item[1].size)
    with Processes() as processes:
        processes.run(parse_part, [(recipe, home, part, sidecar) for part, sidecar in largest_first])


def _on_ray(recipe: Recipe, home: pathlib.Path, sidecars: Mapping[str, Sidecar]) -> None:
    import ray

    address = os.environ.get("RAY_ADDRESS", "auto")
    code = [str(CODE / "contracts"), str(CODE / "jobs")]
    try:
        _reach(address)
        ray.init(address=address, runtime_env={"py_modules": code})
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise JobError(
            f"corpus.engine: ray: cannot join a cluster at {address} ({' '.join(str(error).split())}); "
            "set RAY_ADDRESS and its RAY_AUTH_TOKEN, or corpus.engine=local"
        ) from error
    try:
        failures = _parse_rows(recipe, home, sidecars)
    finally:
        ray.shutdown()
    if failures:
        raise JobError(failures[0])


def _reach(address: str) -> None:
    """Raise OSError when nobody answers at `host:port`: Ray itself takes minutes to say so."""
    host, _, port = address.rpartition(":")
    if port.isdigit():
        socket.create_connection((host.removeprefix("ray://"), int(port)), timeout=10).close()


def _parse_rows(recipe: Recipe, home: pathlib.Path, sidecars: Mapping[str, Sidecar]) -> list[str]:
    """Parse one part a row on the cluster; what went wrong."""
    import ray.data

    ray.data.DataContext.get_current().enable_progress_bars = False
    rows = [{"part": part, "sidecar": sidecar.model_dump_json()} for part, sidecar in sidecars.items()]
    facts = {"recipe": recipe.model_dump_json(), "home": str(home)}
    parts = ray.data.from_items(rows, override_num_blocks=len(rows))
    parsed = parts.map(_parse_row, fn_kwargs=facts, num_cpus=1).take_all()
    for row in parsed:
        log.info("%s: parsed on Ray node %s", row["part"], row["node"])
    return [row["failure"] for row in parsed if row["failure"]]


def _parse_row(row: dict, recipe: str, home: str) -> dict:
    """`parse_part` as Ray Data calls it: rows in, rows out. What a person can mend comes back as text."""
    import ray

    node = ray.get_runtime_context().get_node_id()
    sidecar = Sidecar.model_validate_json(row["sidecar"])
    try:
        parse_part(Recipe.model_validate_json(recipe), pathlib.Path(home), row["part"], sidecar)
    except JobError as error:
        return {"part": row["part"], "node": node, "failure": str(error)}
    return {"part": row["part"], "node": node, "failure": ""}
