"""Names for work, so that a retry finds the running job instead of starting another."""

import hashlib
import json
import re
from collections.abc import Sequence


def work_id(dag_id: str, run_id: str, task_id: str, map_index: int, command: Sequence[str]) -> str:
    """Id of what one task of one DAG run does, the same at every try: `<dag>-<task>-<digest>`.

    The interpreter (first word of `command`) does not count: the same job under another one is the same work.
    """
    inputs = json.dumps([dag_id, run_id, task_id, map_index, *command[1:]])
    label = re.sub(r"[^a-z0-9._]+", "-", f"{dag_id}-{task_id}".lower())[:80]
    return f"{label}-{hashlib.sha256(inputs.encode()).hexdigest()[:16]}"


def submission_id(work: str, attempt: int) -> str:
    """Id of one attempt (1, 2, …) at the work."""
    return f"{work}-{attempt}"


def job_run_id(run_id: str) -> str:
    """Airflow's run id as a folder name under runs/<recipe>/: `manual__2026-11-21T03-46-24.384571-00-00`."""
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", run_id).lstrip("._-")
    if len(slug) <= 100:
        return slug
    return f"{slug[:100]}-{hashlib.sha256(run_id.encode()).hexdigest()[:12]}"
