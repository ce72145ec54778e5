"""What reading each DAG file costs Airflow.

In: dags/. Out: seconds of CPU time and the heavy modules that were loaded, for each file, measured as the test does.
"""

import json
import pathlib
import tempfile

from tests.dags.test_import_cost import DAG_FILES, HEAVY, ROOT, import_alone


def import_costs() -> dict[str, tuple[float, set[str]]]:
    """DAG file's name to CPU seconds of its import, in a process that knows Airflow, and the heavy modules it loads.

    Raises:
        RuntimeError: a file cannot be imported; the message is what Python said.
    """
    with tempfile.TemporaryDirectory(prefix="bench-airflow-") as folder:
        done = import_alone(DAG_FILES, folder, [ROOT, ROOT / "plugins"])
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"file"')]
    return {pathlib.Path(line["file"]).name: (line["seconds"], HEAVY & set(line["modules"])) for line in lines}
