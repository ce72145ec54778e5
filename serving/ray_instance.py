"""The Ray that the engine runs on: one of its own, which it ends without a trace, or one that is already there.

RAY_ADDRESS names one that is there. Importing this module imports ray, which reads its environment at that moment:
call `serving.ray_environment.prepare` first.
"""

import contextlib
import os
import shutil
import tempfile

import psutil
import ray
from ray import serve

OBJECT_STORE_BYTES = 256 * 2**20
"""Serve passes requests, not data sets; Ray's own default is a third of the machine's memory."""


class JoinedRay:
    """A Ray cluster that somebody else runs. `stop` takes away what we put there and leaves the rest alone."""

    def __init__(self, address: str):
        self._address = address

    def start(self) -> None:
        """Connect."""
        ray.init(address=self._address, namespace="serve", logging_level="warning")

    def has_died(self) -> bool:
        """Whether Ray is gone; the driver notices by itself here."""
        return not ray.is_initialized()

    def stop(self, application: str) -> None:
        """Delete our application."""
        if ray.is_initialized():
            serve.delete(application)
            ray.shutdown()


class OwnRay:
    """A Ray of our own on this machine. When this process is killed, the kernel ends Ray's processes with it."""

    def __init__(self, dashboard_host: str, dashboard_port: int):
        self._dashboard = {"dashboard_host": dashboard_host, "dashboard_port": dashboard_port}
        # Not under home: Ray's Unix sockets need a short path.
        self._folder = tempfile.mkdtemp(prefix="bardloop-ray-")
        self._daemons: list[psutil.Process] = []

    def start(self) -> None:
        """Start Ray's daemons and connect. When this is interrupted, `stop` ends what has been started."""
        ray.init(
            address="local",
            namespace="serve",
            include_dashboard=True,
            num_cpus=os.cpu_count() + 1,  # one for the engine's actor: a batch job may ask for all that are there
            object_store_memory=OBJECT_STORE_BYTES,
            logging_level="warning",
            _temp_dir=self._folder,
            **self._dashboard,
        )
        self._daemons = psutil.Process().children()

    def has_died(self) -> bool:
        """Whether one of Ray's daemons has ended; none of them can be started again alone."""
        try:
            return any(not daemon.is_running() or daemon.status() == psutil.STATUS_ZOMBIE for daemon in self._daemons)
        except psutil.NoSuchProcess:  # between the two looks
            return True

    def stop(self, application: str) -> None:
        """End every process that came from this one: Ray's, the replica, vLLM's; at most about 15 s."""
        ours = psutil.Process().children(recursive=True)
        ray.shutdown()
        _, living = psutil.wait_procs(ours, timeout=8)
        for process in living:
            with contextlib.suppress(psutil.NoSuchProcess):  # ended between the look and the signal
                process.kill()
        psutil.wait_procs(living, timeout=4)
        shutil.rmtree(self._folder, ignore_errors=True)
