"""Where parts are parsed: on this machine's cores, or on a Ray cluster. The work is the same function on both.

In: the parts that are still to be parsed. Out: their staging folders. On a cluster all nodes see the same home.
"""

import concurrent.futures
import logging
import multiprocessing
import os
import pathlib
import sys
import threading
from collections.abc import Mapping

from contracts.recipe import Recipe
from jobs.corpus.fetching.sidecar import Sidecar
from jobs.corpus.parsing.part import parse_part
from jobs.errors import JobError

log = logging.getLogger(__name__)


def parse_parts(recipe: Recipe, home: pathlib.Path, sidecars: Mapping[str, Sidecar]) -> dict[str, pathlib.Path]:
    """Parse every part of `sidecars`, several at once; staging folder by part, in the same order.

    Raises:
        JobError: the first failure of a part; no Ray cluster to be found.
    """
    on = {"local": _on_cores, "ray": _on_ray}[recipe.corpus.engine]
    folders = on(recipe, home, sidecars)
    return {part: folders[part] for part in sidecars}


def _on_cores(recipe: Recipe, home: pathlib.Path, sidecars: Mapping[str, Sidecar]) -> dict[str, pathlib.Path]:
    workers = min(len(sidecars), len(os.sched_getaffinity(0)))
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(workers, context, initializer=_start_worker) as pool:
        # the largest first: no core waits for one that began last
        largest_first = sorted(sidecars.items(), key=lambda item: -item[1].size)
        waiting = {pool.submit(parse_part, recipe, home, part, sidecar): part for part, sidecar in largest_first}
        try:
            return {waiting[done]: done.result()[0] for done in concurrent.futures.as_completed(waiting)}
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _start_worker() -> None:
    """Log as the job does, and end when the job ends, however it ends."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)


def _on_ray(recipe: Recipe, home: pathlib.Path, sidecars: Mapping[str, Sidecar]) -> dict[str, pathlib.Path]:
    import ray

    import contracts
    import jobs

    address = os.environ.get("RAY_ADDRESS", "auto")
    started = not ray.is_initialized()
    try:
        if started:  # the nodes get this code with the job; what it imports is installed there
            ray.init(address=address, runtime_env={"py_modules": [contracts, jobs]}, log_to_driver=True)
    except ConnectionError as error:
        raise JobError(
            f"corpus.engine: ray: no cluster at {address} ({error}); set RAY_ADDRESS, or corpus.engine=local"
        ) from error
    try:
        rows = [{"part": part, "sidecar": sidecar.model_dump_json()} for part, sidecar in sidecars.items()]
        facts = {"recipe": recipe.model_dump_json(), "home": str(home)}
        parsed = ray.data.from_items(rows, override_num_blocks=len(rows)).map(_parse_row, fn_kwargs=facts, num_cpus=1)
        results = parsed.take_all()
    finally:
        if started:
            ray.shutdown()
    for result in results:
        if result["failure"]:
            raise JobError(result["failure"])
    return {result["part"]: pathlib.Path(result["folder"]) for result in results}


def _parse_row(row: dict, recipe: str, home: str) -> dict:
    """`parse_part` as Ray Data calls it: rows in, rows out. What a person can mend comes back as text."""
    sidecar = Sidecar.model_validate_json(row["sidecar"])
    try:
        folder, _ = parse_part(Recipe.model_validate_json(recipe), pathlib.Path(home), row["part"], sidecar)
    except JobError as error:
        return {"part": row["part"], "folder": "", "failure": str(error)}
    return {"part": row["part"], "folder": str(folder), "failure": ""}
