"""A Ray cluster on this machine, guarded by a token: its head, more nodes, and ways to kill them.

As a program, `python ray_cluster.py PORT`: the head, with its dashboard on PORT, until the input ends; each line of
input adds a node with so many CPUs. Out: a line for each node, the pid of its raylet.
"""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile

import httpx
import psutil

from bardloop_airflow.batch.interface import Place
from contracts.job_spec import JobSpec
from tests.ports import free_port

OBJECT_STORE_BYTES = 100 << 20
HEAD_CPUS = 4


class RayCluster:
    """A head with HEAD_CPUS CPUs and two GPUs, as far as Ray knows: the jobs of the tests sleep."""

    def __init__(self, port: int | None = None):
        self.port = port or free_port()
        self.token = secrets.token_hex(32)
        self._start()

    def _start(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        environment |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self.token, "RAY_USAGE_STATS_ENABLED": "0"}
        # A dead node is noticed after 2 s, not 20.
        environment |= {"RAY_health_check_period_ms": "500", "RAY_health_check_failure_threshold": "3"}
        environment["RAY_health_check_initial_delay_ms"] = "500"
        self._folder = tempfile.mkdtemp(prefix="ray-")  # not pytest's: Ray's Unix sockets need a short path
        self._program = subprocess.Popen(
            [sys.executable, __file__, str(self.port), self._folder],
            env=environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.head = self._answer()

    def says(self, spec: JobSpec) -> str:
        """Ray's own word for the job's state."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.get(f"http://127.0.0.1:{self.port}/api/jobs/{spec.submission_id}", headers=headers).json()[
            "status"
        ]

    def place(self) -> Place:
        return Place("127.0.0.1", self.port, self.token)

    def add_node(self, cpus: int) -> psutil.Process:
        """The raylet of a new node with so many CPUs; whatever runs on the node descends from it."""
        self._program.stdin.write(f"{cpus}\n")
        self._program.stdin.flush()
        return self._answer()

    def kill(self) -> None:
        """As when the machine of the head loses its power: every process is gone, the keepers of jobs too."""
        kill_tree(psutil.Process(self._program.pid))
        self._program.communicate()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start_again(self) -> None:
        """A new head at the same address, which knows nothing of the one before."""
        self._start()

    def _answer(self) -> psutil.Process:
        line = self._program.stdout.readline()
        assert line, "Ray did not start: its output is above"
        return psutil.Process(int(line))


def kill_tree(root: psutil.Process) -> None:
    """SIGKILL to a process and all its descendants, stopped first so that none can react."""
    tree = [root, *root.children(recursive=True)]
    for act in (psutil.Process.suspend, psutil.Process.kill):
        for process in tree:
            try:
                act(process)
            except psutil.NoSuchProcess:
                continue
    psutil.wait_procs(tree, timeout=10)


def serve(port: int, folder: str) -> None:
    from ray.cluster_utils import Cluster

    lean = {"object_store_memory": OBJECT_STORE_BYTES, "dashboard_agent_listen_port": 0}
    dashboard = {"include_dashboard": True, "dashboard_host": "127.0.0.1", "dashboard_port": port, "temp_dir": folder}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": HEAD_CPUS, "num_gpus": 2, **lean, **dashboard})
    try:
        node = cluster.head_node
        while True:
            print(node.all_processes["raylet"][0].process.pid, flush=True)
            line = sys.stdin.readline()
            if not line:
                break
            node = cluster.add_node(num_cpus=int(line), **lean)
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2])
