"""What orchestration costs: `make bench-airflow`. Imports of the DAG files, a whole loop, a job that waits.

In: nothing; it starts a demo of its own on free ports, in a home that it removes. Out: three tables, a verdict for each
limit; exit code 1 when one is missed.
"""

import argparse
import os
import pathlib
import platform
import shutil
import signal
import sys
import tempfile
import time
from importlib.metadata import version

from benchmarks.airflow.imports import import_costs
from benchmarks.airflow.overhead import Cost, Span, charge, job_spans
from benchmarks.airflow.waiting import slots_in_use, statements_per_second
from demo import credentials
from demo.airflow_api import Airflow
from demo.follow import STAGES, FirstLoop, RunFailed
from demo.layout import Layout
from demo.start import StartError, bring_up
from demo.supervision import Supervision
from tests.stack import Stack

IMPORT_S, OVERHEAD_S, STATEMENTS_PER_S = 0.5, 90, 1
WATCHED = ("train", "train", "deferred")
"""DAG, task and state of the wait that is measured: the job writes lines and its progress all the time."""
SETTLES_S = 5
WATCHED_FOR_S = 45
"""Less than PostgreSQL lets a session be idle in a transaction, as those of the services that are held still may be."""
ELSEWHERE = ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "DATABASE_URL", "RAY_ADDRESS", "BARDLOOP_BATCH_BACKEND")
"""Variables that would make the demo use what is not its own."""


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.airflow.run", description=__doc__.splitlines()[0])
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="KEY=VALUE")
    overrides = parser.parse_args().overrides
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; ", end="")
    print(f"Airflow {version('apache-airflow')}; demo {' '.join(overrides)}\n", flush=True)
    claims = imports()
    home = pathlib.Path(tempfile.mkdtemp(prefix="bench-airflow-"))  # short: a Unix socket lies in it
    stack = Stack(home)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends it so wants what Ctrl-C does
    for name in ELSEWHERE:
        os.environ.pop(name, None)
    os.environ |= {name: value for name, value in stack.environment.items() if name not in ELSEWHERE}
    os.environ["BARDLOOP_RECIPE"] = str(stack.layout.recipe)
    try:
        claims += loop(stack.layout, overrides)
    except (StartError, TimeoutError, RunFailed) as error:
        _say(f"{error}\n{home} is kept")
        return 1
    except KeyboardInterrupt:
        Supervision(stack.layout).stop()
        shutil.rmtree(home)
        return 130
    finally:
        Supervision(stack.layout).stop()
    shutil.rmtree(home)
    for passed, numbers in claims:
        print(f"{'pass' if passed else 'FAIL'}  {numbers}")
    return 0 if all(passed for passed, _ in claims) else 1


def imports() -> list[tuple[bool, str]]:
    """Measure and print what each DAG file costs."""
    costs = import_costs()
    print(f"{'DAG file':22} {'CPU s':>6}  heavy modules")
    for file, (seconds, heavy) in costs.items():
        print(f"{file:22} {seconds:6.2f}  {', '.join(sorted(heavy)) or '-'}")
    print(flush=True)
    slowest = max(seconds for seconds, _ in costs.values())
    heavy = sum(len(modules) for _, modules in costs.values())
    return [
        (slowest < IMPORT_S, f"the slowest DAG file takes {slowest:.2f} s, under {IMPORT_S} s"),
        (heavy == 0, f"heavy modules loaded by DAG files: {heavy}, 0"),
    ]


def loop(layout: Layout, overrides: list[str]) -> list[tuple[bool, str]]:
    """Run the demo's loop once everything is up, and measure it and the wait for its training."""
    password = credentials.load(layout.home)["airflow_password"]
    bring_up(layout, report=_say)
    airflow, first = Airflow(layout, password), FirstLoop(layout, password)
    airflow.wait_for_dags(STAGES)
    _say("the loop runs, as long as `make demo` takes")
    nothing_waits = statements_per_second(layout, WATCHED_FOR_S)
    first.begin(layout.recipe.stem, overrides)
    waits = None
    for snapshot in first.follow():
        if waits is None and WATCHED in [(line.stage, line.task_id, line.state) for line in snapshot.lines]:
            time.sleep(SETTLES_S)
            waits = statements_per_second(layout, WATCHED_FOR_S), slots_in_use(layout)
            _say(f"{nothing_waits:.2f} statements/s before, {waits[0]:.2f} while the training is waited for")
            [state] = [task.state for task in airflow.tasks(airflow.latest_run("train")) if task.task_id == "train"]
            if state != "deferred":
                raise RunFailed("the training ended while its wait was measured: set train.max_steps higher")
    if waits is None:
        raise RunFailed("the training did not wait long enough to be seen: set train.max_steps higher")
    seconds = _print_costs(*_spans(airflow, layout))
    statements, slots = waits[0] - nothing_waits, waits[1]
    print(f"{'the triggerer, statements a second':38} {nothing_waits:6.2f}   with a job that waits {waits[0]:6.2f}")
    print(f"{'worker slots':38} {'':6}   with a job that waits {slots:6}\n")
    return [
        (seconds <= OVERHEAD_S, f"{seconds:.0f} s of the loop without a job, at most {OVERHEAD_S} s"),
        (statements < STATEMENTS_PER_S, f"a job that waits: {statements:.2f} statements/s, under {STATEMENTS_PER_S}"),
        (slots == 0, f"a job that waits: {slots} worker slots, 0"),
    ]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _spans(airflow: Airflow, layout: Layout) -> tuple[Span, list[Span], list[Span]]:
    """The loop from its trigger to the end of its last run, its tasks, its jobs."""
    runs = [airflow.latest_run(stage) for stage in STAGES]
    whole = Span("end of the last run", runs[0].run_after.timestamp(), runs[-1].ended.timestamp())
    tasks = [
        Span(f"{run.dag_id}.{task.task_id}", task.started.timestamp(), task.ended.timestamp())
        for run in runs
        for task in airflow.tasks(run)
        if task.started is not None and task.ended is not None and task.state != "skipped"
    ]
    return whole, tasks, job_spans(layout.home / "batch", [run.run_id for run in runs])


def _print_costs(whole: Span, tasks: list[Span], jobs: list[Span]) -> float:
    """Print the loop by task; seconds in which no job ran."""
    costs = charge(whole, tasks, jobs)
    print(f"{'seconds of the loop':26} {'in jobs':>8} {'before the task':>16} {'around its job':>15}")
    total = Cost(*(sum(getattr(cost, part) for cost in costs.values()) for part in ("in_jobs", "before", "around")))
    for name, cost in (costs | {"all": total}).items():
        print(f"{name:26} {cost.in_jobs:8.1f} {cost.before:16.1f} {cost.around:15.1f}")
    print()
    return total.before + total.around


if __name__ == "__main__":
    sys.exit(main())
