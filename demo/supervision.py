"""The demo's services under supervisord: one private daemon a home folder, reached through a Unix socket there."""

import contextlib
import http.client
import pathlib
import subprocess
import sys
import time
import xmlrpc.client

import psutil
from supervisor.xmlrpc import Faults, SupervisorTransport

from demo.layout import ROOT, Layout
from demo.services import SERVICES, STACK_VARIABLE

GONE = (OSError, http.client.HTTPException)
"""What a daemon says that is not there, or that ends in the middle of its answer."""


class Supervision:
    """Starts and asks the supervisord of one home folder. Whether it runs is found out anew at each call."""

    def __init__(self, layout: Layout):
        self._layout = layout

    def is_running(self) -> bool:
        """Whether the daemon answers on its socket. One that is shutting down is waited for: it will not run."""
        while True:
            try:
                self._proxy().getState()
            except GONE:
                return False
            except xmlrpc.client.Fault as fault:
                if fault.faultCode != Faults.SHUTDOWN_STATE:
                    raise
                time.sleep(0.2)
            else:
                return True

    def start(self) -> None:
        """Start the daemon unless it runs. It starts no service by itself."""
        if self.is_running():
            return
        self._layout.logs.mkdir(parents=True, exist_ok=True)
        configuration = self._layout.home / "supervisord.conf"
        configuration.write_text(_configuration(self._layout))
        supervisord = pathlib.Path(sys.executable).with_name("supervisord")
        subprocess.run(
            [supervisord, "--configuration", configuration],
            cwd=ROOT,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 20
        while not self.is_running():
            if time.monotonic() > deadline:
                raise RuntimeError(f"supervisord does not answer; see {self._layout.logs / 'supervisord.log'}")
            time.sleep(0.1)

    def start_service(self, name: str) -> None:
        """Start one service unless it runs."""
        if self.states()[name][0] not in ("STARTING", "RUNNING"):
            self._proxy().startProcess(name, False)

    def states(self) -> dict[str, tuple[str, str]]:
        """Service name to supervisord's state (`RUNNING`, `STOPPED`, `FATAL`, ...) and its description."""
        return {info["name"]: (info["statename"], info["description"]) for info in self._proxy().getAllProcessInfo()}

    def stop(self, patience_s: float = 90) -> None:
        """Stop all services and the daemon, then whatever a service that was killed left behind."""
        if self.is_running():
            try:
                self._stop_daemon(patience_s)
            except GONE:
                pass  # somebody else stopped it meanwhile
            except xmlrpc.client.Fault as fault:
                if fault.faultCode != Faults.SHUTDOWN_STATE:
                    raise
                self.is_running()  # somebody else stops it: waits for the end of that
        end(left_behind(self._layout.home))

    def _stop_daemon(self, patience_s: float) -> None:
        pid = self._proxy().getPID()
        # supervisord's own shutdown stops one service after the other; the database is to go last.
        running = [name for name, (state, _) in self.states().items() if state in ("STARTING", "RUNNING")]
        clients = [name for name in running if name != "postgres"]
        for name in clients:
            with contextlib.suppress(xmlrpc.client.Fault):  # it ended by itself meanwhile
                self._proxy().stopProcess(name, False)
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline and any(self.states()[name][0] == "STOPPING" for name in clients):
            time.sleep(0.2)
        self._proxy().shutdown()
        with contextlib.suppress(psutil.NoSuchProcess):  # it was quicker than we
            psutil.Process(pid).wait(patience_s)

    def _proxy(self):
        transport = SupervisorTransport(serverurl=f"unix://{self._layout.supervisor_socket}")
        return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor


def left_behind(home: pathlib.Path) -> list[psutil.Process]:
    """Living processes that carry this home's mark in their environment: started by this demo, whoever their parent."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(STACK_VARIABLE) == str(home) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue  # gone meanwhile, or another user's: not ours
    return found


def end(processes: list[psutil.Process], patience_s: float = 15) -> None:
    """Ask these processes to end, and kill those that have not after `patience_s`."""
    for process in processes:
        _signal(process.terminate)
    _, living = psutil.wait_procs(processes, timeout=patience_s)
    for process in living:
        _signal(process.kill)
    psutil.wait_procs(living, timeout=5)


def _signal(send) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):  # ended between the look and the signal
        send()


def _configuration(layout: Layout) -> str:
    """supervisord's configuration. Environments are set by `demo.services`, so no secret stands in this file."""
    sections = [
        f"""
[supervisord]
logfile={layout.logs}/supervisord.log
pidfile={layout.home}/supervisord.pid
directory={ROOT}
[unix_http_server]
file={layout.supervisor_socket}
chmod=0700
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
    ]
    for service in SERVICES:
        sections.append(
            f"""
[program:{service.name}]
command={sys.executable} -m demo.services {service.name}
autostart=false
startsecs=2
startretries=2
stopasgroup=true
killasgroup=true
stopwaitsecs=30
redirect_stderr=true
stdout_logfile={layout.logs}/{service.name}.log
stdout_logfile_maxbytes=20MB
stdout_logfile_backups=2
"""
        )
    return "".join(sections).replace("%", "%%")
