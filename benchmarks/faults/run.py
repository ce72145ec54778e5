"""kill -9 at random moments while jobs run: `make bench-faults`.

In: the number of schedules, a seed. Out: a line for each schedule, a table of what was killed, lost and doubled; exit
code 1 when anything was. Runs share the services, so each meets the kills of the others too, and each is judged alone.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import pathlib
import shutil
import statistics
import sys
import tempfile
import threading
import time

import psutil

from benchmarks.faults.schedules import PARTS, SERVICES, Kill, Schedule, schedules
from tests.airflow_services import RunningAirflow
from tests.faults.outcome import Outcome, outcome, start_run
from tests.faults.supervision import IDLE_WORKER, supervised

GIVE_UP_AFTER_S = 60.0


class Killer:
    """Kills parts of running services; counts what it killed. Several threads may use it."""

    def __init__(self, running: RunningAirflow):
        self._running, self.killed, self._count = running, collections.Counter(), threading.Lock()

    def kill(self, kill: Kill) -> bool:
        """Kill, wait, start again; False when it was away already, killed by another schedule."""
        if kill.what in SERVICES:
            try:
                self._running.kill(kill.what)
            except (KeyError, psutil.NoSuchProcess, FileNotFoundError):
                return False
            self._counted(kill)
            time.sleep(kill.pause_s)
            self._running.start(kill.what)
            return True
        with contextlib.suppress(KeyError, IndexError, psutil.NoSuchProcess):
            if kill.what == "trigger runner":
                process = psutil.Process(self._running.processes["airflow-triggerer"].pid).children()[0]
            else:
                found = self._running.task_runner()
                if found is None:
                    return False
                process = found[0] if kill.what == "worker" else found[1]
            process.kill()
            self._counted(kill)
            return True
        return False

    def _counted(self, kill: Kill) -> None:
        with self._count:
            self.killed[kill.what] += 1


def main() -> int:
    """Run the schedules; 1 when a line was lost, a job doubled, a run did not succeed or a process was left."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults.run", description=__doc__.splitlines()[0])
    parser.add_argument("--schedules", type=int, default=50, help="(default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="(default: %(default)s)")
    parser.add_argument("--at-once", type=int, default=3, help="runs under way at a time (default: %(default)s)")
    options = parser.parse_args()
    home = pathlib.Path(tempfile.mkdtemp(prefix="bardloop-bench-"))
    running = RunningAirflow(home)
    outcomes: dict[int, Outcome] = {}
    begun = time.monotonic()
    try:
        running.start_all()
        killer = Killer(running)
        print(f"services up after {time.monotonic() - begun:.0f} s", flush=True)
        with supervised(running), concurrent.futures.ThreadPoolExecutor(options.at_once) as lanes:
            for number, result in lanes.map(
                lambda schedule: one(running, killer, schedule), schedules(options.schedules, options.seed)
            ):
                outcomes[number] = result
    finally:
        left = running.stop()
        if len(outcomes) == options.schedules and all(result.well for result in outcomes.values()):
            shutil.rmtree(home)
        else:
            print(f"logs: {home}")
    return tell(list(outcomes.values()), killer.killed, left, options, time.monotonic() - begun)


def one(running: RunningAirflow, killer: Killer, schedule: Schedule) -> tuple[int, Outcome]:
    """Carry out one schedule and print its line."""
    run = start_run(running, f"schedule-{schedule.number}")
    begun = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(3) as hands:
        done = []
        for kill in schedule.kills:
            time.sleep(max(0.0, begun + kill.at_s - time.monotonic()))
            done.append(hands.submit(killer.kill, kill))
        time.sleep(max(0.0, begun + schedule.job_s - time.monotonic()))
        result = outcome(running, run)
        missed = sum(not each.result(GIVE_UP_AFTER_S) for each in done)
    facts = (
        f"{schedule.number:3} {'well' if result.well else 'NOT WELL'}: {result.state}",
        f"tries {result.tries}, jobs {result.started}, lines {result.lines}",
        f"lost {result.lost}, repeated {result.repeated}, left {result.left}, ended after {result.took_s:.1f} s",
        f"{schedule}" + (f" ({missed} found nothing to kill)" if missed else ""),
    )
    print(" | ".join(facts), flush=True)
    return schedule.number, result


def tell(outcomes: list[Outcome], killed: collections.Counter, left: list[str], options, seconds: float) -> int:
    """Print the table; the exit code."""
    strange = [title for title in left if not title.startswith(IDLE_WORKER)]
    took = [result.took_s for result in outcomes]
    rows = {f"killed: {what}": killed[what] for what in SERVICES + PARTS}
    rows |= {
        "kills": killed.total(),
        "runs": len(outcomes),
        "runs that succeeded": sum(result.state == "success" for result in outcomes),
        "jobs started": sum(result.started for result in outcomes),
        "jobs doubled": sum(result.started > 1 or result.doubled for result in outcomes),
        "lines written": sum(result.lines for result in outcomes),
        "lines lost": sum(result.lost for result in outcomes),
        "lines repeated": sum(result.repeated for result in outcomes),
        "processes of jobs left": sum(result.left for result in outcomes),
        "other processes left at the end": len(strange),
        "idle workers of killed schedulers, ended at the end": len(left) - len(strange),
        "seconds from the job's end to the run's, median": f"{statistics.median(took):.1f}" if took else "-",
        "the same, longest": f"{max(took):.1f}" if took else "-",
        "minutes in all": f"{seconds / 60:.1f}",
    }
    print(f"\n{options.schedules} schedules, seed {options.seed}, {options.at_once} runs at a time")
    for name, value in rows.items():
        print(f"{name:55} {value:>8}")
    for title in strange:
        print(f"left: {title}")
    complete = len(outcomes) == options.schedules
    return 0 if complete and all(result.well for result in outcomes) and not strange else 1


if __name__ == "__main__":
    sys.exit(main())
