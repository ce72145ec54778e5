"""Jobs, engine and Ray's nodes as their containers run them, with the lock for machines without a GPU; and the lock for
those with one, resolved without being downloaded.
"""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile

import httpx
import pytest

from bardloop_airflow.batch.interface import Place
from bardloop_airflow.batch.ray import RayBackend
from contracts.job_spec import JobSpec
from tests.containers import image, measured
from tests.containers.compose import ROOT
from tests.containers.containers import Containers, until
from tests.ports import free_ports

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ml(secrets, tmp_path_factory):
    """The image."""
    gcs, dashboard, metrics, agent = free_ports(4)
    return Containers(
        made=image.make("ml", tmp_path_factory.mktemp("ml"), "ml"),
        secrets=secrets,
        network={
            "=6379": f"={gcs}",
            "ray:6379": f"127.0.0.1:{gcs}",
            "127.0.0.1:8265": f"127.0.0.1:{dashboard}",
            "=8265": f"={dashboard}",
            "=8090": f"={metrics}",
            "127.0.0.1:52365": f"127.0.0.1:{agent}",
            "0.0.0.0": "127.0.0.1",
        },
        one_machine={},
    )


@pytest.fixture(scope="module")
def ray(ml):
    """The head, healthy."""
    folder = tempfile.mkdtemp(prefix="ray-")  # short: Unix sockets lie in it
    agent = ml.network["127.0.0.1:52365"].split(":")[1]
    lean = [f"--temp-dir={folder}", f"--dashboard-agent-listen-port={agent}", "--object-store-memory=100000000"]
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stack.enter_context(ml.running("ray", *lean))
        ml.await_health("ray")
        yield ml


def test_jobs_say_what_they_can(ml):
    helped = ml.run("ray", "python", "-m", "jobs", "--help")
    assert helped.returncode == 0, helped.stderr
    for job in ("download", "corpus", "train", "evaluate", "merge", "votes"):
        assert job in helped.stdout


def test_the_engine_and_what_it_stands_on_can_be_imported(ml):
    done = ml.run("serving", "python", "-c", "import serving.app, serving.server, vllm; print(vllm.__version__)")
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_job_of_the_ray_backend_is_kept_by_what_the_image_holds(ml):
    folder = ml.made.folder / "data" / "batch"
    python = str(ml.made.folder / "environment" / "bin" / "python")
    spec = JobSpec(
        submission_id="shown",
        command=(python, "-c", "import os; print(os.environ['BARDLOOP_EXPORT_KEY'])"),
        working_directory=str(ml.made.workdir),
        cpus=1,
        time_limit_s=60,
    )
    job = RayBackend(folder, Place("nowhere")).describe(spec)
    started = ml.run("ray", "python", "-S", "-E", "plugins/bardloop_airflow/batch/job_start.py", str(job))
    assert started.returncode == 0, started.stderr
    assert (job / "stdout").read_text().strip() == (ml.secrets / "export_key").read_text()


def test_ray_is_healthy_and_asks_for_its_token(ray):
    until(lambda: ray.is_healthy("ray-gpu"))  # its check asks a node's own agent, and the head is a node
    address = f"http://{ray.network['127.0.0.1:8265']}/api/jobs/"
    assert httpx.get(address, timeout=30).status_code == 401
    token = (ray.secrets / "ray_token").read_text()
    assert httpx.get(address, headers={"Authorization": f"Bearer {token}"}, timeout=30).json() == []


def test_dashboards_and_alerts_ask_for_what_ray_sends(ray):
    """Those of GPUs need a GPU: they are looked up in the dashboards that Ray ships.

    What an engine sends: tests/serving/test_metrics.py.
    """
    wanted = {name for name in measured.metrics() if name.startswith("ray_") and not name.startswith(measured.ENGINES)}
    of_nodes = {"ray_node_disk_free", "ray_node_mem_used", "ray_resources", "ray_cluster_active_nodes"}
    until(lambda: of_nodes <= sent_by(ray))
    sent = sent_by(ray)
    own = next((ray.made.folder / "environment").glob("lib/python*/site-packages/ray/dashboard"))
    for name in wanted - sent:
        assert subprocess.run(["grep", "-rqw", "--include=*.py", name, own]).returncode == 0, name


def sent_by(ray: Containers) -> set[str]:
    """Names of the metrics that Prometheus would read from the head; none while it is not up."""
    try:
        page = httpx.get(f"http://127.0.0.1:{ray.network['=8090'][1:]}/metrics", timeout=30)
    except httpx.ConnectError:
        return set()
    return set(re.findall(r"^(\w+)", page.text, re.MULTILINE))


def test_the_gpu_lock_is_whole_and_agrees_with_itself(tmp_path):
    """Resolving every requirement of every package of the lock gives the lock: nothing is missing or contradicts."""
    lock = "requirements/ml-gpu.txt"
    # Without the place where torch's CPU build lies, which would do as well by its number.
    environment = {name: value for name, value in os.environ.items() if not name.endswith("FIND_LINKS")}
    resolve = [image.UV, "pip", "compile", "--quiet", "--python-version", "3.11", "--no-header", "--no-annotate", lock]
    done = subprocess.run(resolve, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    pinned = set(re.findall(r"^[\w.-]+==\S+", (ROOT / lock).read_text(), re.MULTILINE))
    assert set(re.findall(r"^[\w.-]+==\S+", done.stdout, re.MULTILINE)) == pinned
    assert any(name.startswith("nvidia-cu") for name in pinned)
