"""What goes wrong while streams run, and what becomes of them: `make bench-serving-faults`.

In: how many rollouts. Out: a line for each fault with the requests sent, answered and failed, the seconds until the
service answered again, and whether the state was right; exit code 1 when a rollout cost a request or a state was wrong.

Two replicas of the engine serve the demo's base; a supervisor starts the service again where it ends, as supervisord
and containers do.
"""

import argparse
import contextlib
import dataclasses
import os
import pathlib
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator

import httpx
import psutil

from benchmarks.serving.run import RECIPE, prepare
from benchmarks.serving.servers import ADMIN_KEY, Server, ours
from benchmarks.serving.traffic import STREAMS, Traffic

NAME = "voice"
BACK_WITHIN_S = 400.0
ENGINE, REPLICA, HEAD = "VLLM::EngineCore", "ServeReplica:bardloop:engine", "gcs_server"
CONTROL, CONTROLLER = "ServeReplica:bardloop:rollouts", "ServeController"
REPLACED = (ENGINE, REPLICA, HEAD)
"""Processes that take a replica with them."""
MOST_FAILED = {
    "engine process killed": STREAMS,
    "replica killed, canary under way": STREAMS,
    "Ray's head killed": 10**6,
}
"""Requests that a fault may cost: those that ran on what was killed; the head takes everything with it; others none."""
QUICK = {"steps": [0.5, 1.0], "hold_seconds": 0.5, "requests": 1000}
LONG = {"steps": [0.5, 1.0], "hold_seconds": 600, "requests": 1_000_000}


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Of one fault. `back_s`: seconds from it to the first answer after the last failure; `wrong`: of the state."""

    fault: str
    sent: int
    failed: int
    back_s: float
    wrong: str
    reasons: Counter

    def __str__(self) -> str:
        line = f"{self.fault:44}{self.sent:7}{self.sent - self.failed:10}{self.failed:8}{self.back_s:9.1f}  "
        return line + (self.wrong or "right") + (f"  {dict(self.reasons)}" if self.reasons else "")


class Bench:
    """A running service with three versions of one name, the first live, and a steady load on it."""

    def __init__(self, server: Server, versions: tuple[str, ...], traffic: Traffic):
        self.server, self.versions, self.traffic = server, versions, traffic
        headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
        self._fault_at, self._replaced = time.monotonic(), False
        self._admin = httpx.Client(base_url=server.url, headers=headers, timeout=120)

    # What an operator does

    def begin(self, version: str, canary: dict) -> dict:
        """A rollout that has to begin."""
        answer = self._admin.post("/admin/rollouts", json={"adapter": version, "canary": canary})
        answer.raise_for_status()
        return answer.json()

    def follow(self, rollout: dict, *states: str) -> dict:
        """The rollout, once it is in one of these states."""
        give_up = time.monotonic() + BACK_WITHIN_S
        while rollout["state"] not in states:
            if time.monotonic() > give_up:
                raise TimeoutError(f"still {rollout['state']}: {rollout}")
            time.sleep(0.05)
            with contextlib.suppress(httpx.HTTPError):
                answer = self._admin.get(f"/admin/rollouts/{rollout['id']}")
                rollout = answer.json() if answer.status_code == 200 else rollout
        return rollout

    def rollout(self, identity: str) -> dict:
        """How far it is."""
        return self._admin.get(f"/admin/rollouts/{identity}").raise_for_status().json()

    def roll_out(self, version: str, canary: dict | None = None) -> None:
        """A rollout that has to go live."""
        end = self.follow(self.begin(version, canary or {"steps": []}), "live", "refused", "rolled_back")
        if end["state"] != "live":
            raise RuntimeError(f"{version}: {end}")

    def roll_back(self) -> None:
        """Back to the version before."""
        self._admin.post("/admin/rollbacks", json={"name": NAME}).raise_for_status()

    def registry(self) -> dict:
        """What the service says of itself."""
        return self._admin.get("/admin/registry").raise_for_status().json()

    # What is killed

    def processes(self, title: str) -> list[psutil.Process]:
        """The service's processes whose command line holds `title`."""
        found = []
        for process in psutil.Process(self.server.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if title in " ".join(process.cmdline()):
                    found.append(process)
        return found

    def kill(self, title: str) -> None:
        """kill -9 for one of them."""
        self._fault_at, self._replaced = time.monotonic(), title in REPLACED
        self.processes(title)[0].kill()

    # What came of it

    def outcome(self, fault: str, act: Callable[[], str]) -> Outcome:
        """Carry out `act`, which says what is wrong; wait for two replicas, and for the first version to answer."""
        began, before = time.monotonic(), self.registry()["replicas"]
        self._replaced = False
        wrong = act() or self._settled(before, self.versions[0])
        seen = sorted(self.traffic.since(began), key=lambda request: request.ended)
        failures = [request for request in seen if request.failed]
        back = self._fault_at
        if failures:
            back = next((request.ended for request in seen if request.ended > failures[-1].ended), float("inf"))
        reasons = Counter(f"{request.failed[:50]} ({request.ended - self._fault_at:.0f} s)" for request in failures)
        return Outcome(fault, len(seen), len(failures), back - self._fault_at, wrong, reasons)

    def _settled(self, before: list[str], version: str) -> str:
        """What is wrong once two replicas are there that live: which version is stable, and which answers."""
        give_up = time.monotonic() + BACK_WITHIN_S
        registry: dict = {}
        while len(there := registry.get("replicas", ())) != 2 or (self._replaced and there == before):
            if time.monotonic() > give_up:
                return f"replicas: {registry.get('replicas')}"
            time.sleep(0.5)
            with contextlib.suppress(httpx.HTTPError):
                registry = self.registry()
        pointer = registry["adapters"][NAME]
        if (pointer["stable"], pointer["canary"]) != (version, None) or registry["not_served"]:
            return f"{pointer}, not served: {registry['not_served']}"
        began = time.monotonic()
        while len(answered := [r.version for r in self.traffic.since(began) if r.began >= began and not r.failed]) < 10:
            if time.monotonic() > give_up + BACK_WITHIN_S:
                return f"answers: {Counter(answered)}"
            time.sleep(0.1)
        return "" if set(answered) == {version} else f"answers: {Counter(answered)}"


def faults(bench: Bench, rollouts: int) -> Iterator[tuple[str, Callable[[], str]]]:
    """What happens, and a function that makes it happen and says what is wrong then."""
    second = bench.versions[1]

    def back_and_forth() -> str:
        for number in range(rollouts // 2):
            version = bench.versions[1 + number % 2]  # the one of the rollout before is taken off
            if number % 3 == 1:
                bench.follow(bench.begin(version, LONG), "canary")
            else:
                bench.roll_out(version, QUICK)
            bench.roll_back()
        return ""

    yield f"{rollouts} rollouts and rollbacks", back_and_forth

    def engine_killed() -> str:
        bench.kill(ENGINE)
        return ""

    yield "engine process killed", engine_killed

    def replica_killed() -> str:
        rollout = bench.follow(bench.begin(second, LONG), "canary")
        bench.kill(REPLICA)
        time.sleep(5)
        weight = bench.rollout(rollout["id"])["weight"]
        bench.roll_back()
        return "" if weight == 0.5 else f"the canary has {weight}"

    yield "replica killed, canary under way", replica_killed

    def control_killed() -> str:
        bench.follow(bench.begin(second, LONG), "canary")
        bench.kill(CONTROL)
        return ""

    yield "rollout control killed, canary under way", control_killed

    def controller_killed() -> str:
        bench.kill(CONTROLLER)
        time.sleep(10)
        return ""

    yield "Ray Serve's controller killed", controller_killed

    def registry_truncated() -> str:
        path = bench.server.home / "serving" / "registry.json"
        os.truncate(path, path.stat().st_size // 2)
        bench.kill(CONTROL)
        return ""

    yield "registry truncated, rollout control killed", registry_truncated

    def disk_full() -> str:
        part = bench.server.home / "serving" / "registry.json.part"
        part.symlink_to("/dev/full")  # every write fails with ENOSPC
        end = bench.follow(bench.begin(second, QUICK), "live", "refused", "rolled_back")
        part.unlink()
        return "" if end["state"] == "refused" and end["reason"]["code"] == "registry_not_written" else str(end)

    yield "disk full at a rollout", disk_full

    def head_killed() -> str:
        before = bench.server.pid
        bench.kill(HEAD)
        give_up = time.monotonic() + BACK_WITHIN_S
        while bench.server.pid == before:  # it ends, and the supervisor starts it again
            if time.monotonic() > give_up:
                return "the service did not end"
            time.sleep(0.1)
        return ""

    yield "Ray's head killed", head_killed


@contextlib.contextmanager
def bench(home: pathlib.Path) -> Iterator[Bench]:
    """One on a home with the base model."""
    from tests.serving.adapters import peft_adapter, publish

    [base] = [path.parent for path in (home / "models").glob("*/base.json")]
    versions = tuple(publish(peft_adapter(base, home / f"peft{seed}", seed), home, NAME) for seed in range(3))
    with ours(home, RECIPE, "min-replicas=2", "max-replicas=2", supervised=True) as server:
        Bench(server, versions, Traffic(server, NAME)).roll_out(versions[0])
        with Traffic(server, NAME) as traffic:
            yield Bench(server, versions, traffic)


def main() -> int:
    """Carry out all, print, judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving.faults", description=__doc__.splitlines()[0])
    parser.add_argument("--rollouts", type=int, default=20, help="and rollbacks, in a row (default: %(default)s)")
    parser.add_argument("--home", type=pathlib.Path, help="one with the demo's base model (default: made here)")
    parser.add_argument("--only", default="", metavar="WORDS", help="the faults with these words in their names")
    options = parser.parse_args()
    home = pathlib.Path(tempfile.mkdtemp(prefix="bench-serving-"))
    print(f"{'':44}{'sent':>7}{'answered':>10}{'failed':>8}{'back, s':>9}  state")
    outcomes = []
    with bench(prepare(home, options.home)) as made:
        for fault, act in faults(made, options.rollouts):
            if options.only in fault:
                outcomes.append(made.outcome(fault, act))
                print(outcomes[-1], flush=True)
    well = not any(outcome.wrong or outcome.failed > MOST_FAILED.get(outcome.fault, 0) for outcome in outcomes)
    if well:
        shutil.rmtree(home)
    else:
        print(f"logs: {home}")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
