"""Brings the services up in the order that they need one another, as many at once as that allows.

In: the layout. Out: every service answers, or a `StartError` that says which does not and where its log is.
"""

import concurrent.futures
import graphlib
import pathlib
import socket
import subprocess
import time
from collections.abc import Callable, Sequence

import psutil

from demo import services
from demo.layout import ROOT, Layout
from demo.services import PREPARATIONS, SERVICES, Service
from demo.supervision import Supervision, end, left_behind

Report = Callable[[str], None]


class StartError(RuntimeError):
    """A service or preparation did not come up. The message says why and where the log is."""


FIRST_RUN = "first-run"


def needed_for_runs(backend: str) -> tuple[str, ...]:
    """Services that a run of the loop needs from its first task on, with the batch backend of its recipe."""
    return ("archive", "airflow-scheduler", "airflow-dags", *(("serving",) if backend == "ray" else ()))


def bring_up(
    layout: Layout, report: Report, first_run: Callable[[], None] | None = None, needs: Sequence[str] = ()
) -> None:
    """Start what is not running and return when everything answers.

    `first_run` is called as soon as the services in `needs` answer, while slower ones (the engine) still start.

    Raises:
        StartError: a port is taken, a preparation failed, a service ended or did not answer in time.
    """
    supervision = Supervision(layout)
    if not supervision.is_running():
        end(left_behind(layout.home))  # of a demo whose supervisor was killed: they hold our ports and data
        check_ports(layout, SERVICES)
    supervision.start()
    services_by_name = {service.name: service for service in SERVICES}
    order = graphlib.TopologicalSorter({name: after for name, (after, _) in PREPARATIONS.items()})
    for service in SERVICES:
        order.add(service.name, *service.after)
    if first_run is not None:
        order.add(FIRST_RUN, *needs)
    order.prepare()
    with concurrent.futures.ThreadPoolExecutor(max_workers=len(SERVICES)) as pool:
        waiting: dict[concurrent.futures.Future, str] = {}
        try:
            while order.is_active():
                for name in order.get_ready():
                    if name == FIRST_RUN:
                        work = pool.submit(_timed, first_run)
                    elif name in PREPARATIONS:
                        work = pool.submit(prepare, name, layout)
                    else:
                        work = pool.submit(wait_until_up, services_by_name[name], supervision, layout)
                    waiting[work] = name
                ended, _ = concurrent.futures.wait(waiting, return_when=concurrent.futures.FIRST_COMPLETED)
                for future in ended:
                    name = waiting.pop(future)
                    seconds = future.result()
                    report(f"{name} {'up' if name in services_by_name else 'done'} after {seconds:.0f} s")
                    order.done(name)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            supervision.stop()  # which also ends the waiting of the other threads
            raise


def _timed(work: Callable[[], None]) -> float:
    begin = time.monotonic()
    work()
    return time.monotonic() - begin


def prepare(name: str, layout: Layout) -> float:
    """Run one preparation to its end and return the seconds it took."""
    begin = time.monotonic()
    log = layout.logs / f"{name}.log"
    with log.open("ab") as output:
        done = subprocess.run(
            services.command(name, layout),
            cwd=ROOT,
            env=services.environment(name, layout),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    if done.returncode != 0:
        raise StartError(
            f"{name} failed with exit code {done.returncode}: {last_line(log) or 'it wrote nothing'}\n  log: {log}"
        )
    return time.monotonic() - begin


def wait_until_up(service: Service, supervision: Supervision, layout: Layout) -> float:
    """Start `service`, ask until it is up, and return the seconds it took."""
    begin = time.monotonic()
    log = layout.logs / f"{service.name}.log"
    supervision.start_service(service.name)
    while not service.is_up(layout):
        try:
            state, description = supervision.states()[service.name]
        except OSError as error:
            raise StartError(f"{service.name}: supervisord is gone") from error
        if state in ("FATAL", "EXITED", "STOPPED"):
            raise StartError(
                f"{service.name} ended ({description}): {last_line(log) or 'it wrote nothing'}\n  log: {log}"
            )
        if time.monotonic() - begin > service.patience_s:
            raise StartError(f"{service.name} does not answer after {service.patience_s:.0f} s\n  log: {log}")
        time.sleep(0.5)
    return time.monotonic() - begin


def check_ports(layout: Layout, wanted: tuple[Service, ...]) -> None:
    """Raise StartError when another process listens on a port that one of the services needs."""
    taken = []
    for service in wanted:
        for variable in service.ports:
            port = layout.ports[variable]
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    taken.append(
                        f"port {port}, which {service.name} needs, is in use by {_listener(port)}; "
                        f"end that process or set {variable} to a free port"
                    )
    if taken:
        raise StartError("\n".join(taken))


def _listener(port: int) -> str:
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
            return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return "another user's process"


def last_line(log: pathlib.Path) -> str:
    """The last line of a log that says something, for an error message."""
    if not log.exists():
        return ""
    lines = log.read_text(errors="replace")[-20_000:].replace("\r", "\n").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
