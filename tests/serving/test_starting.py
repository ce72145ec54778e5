"""Ray Serve's proxy before the app is there: as long as an engine's start, for whoever asks then."""

import json
import pathlib
import subprocess
import sys

import pytest

from tests.ports import free_ports

pytestmark = pytest.mark.slow

BEFORE_THE_APP = """
import json, pathlib, sys
import httpx
from serving.ray_environment import prepare

home, port, dashboard = pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:])
prepare(home)
from ray import serve
from serving.ray_instance import OwnRay

ray = OwnRay("127.0.0.1", dashboard)
try:
    ray.start()
    serve.start(proxy_location="HeadOnly", http_options={"host": "127.0.0.1", "port": port})
    answers = [httpx.get(f"http://127.0.0.1:{port}{path}") for path in ("/v1/models", "/-/routes")]
finally:
    ray.stop("bardloop")
print(json.dumps([[answer.status_code, answer.headers.get("Retry-After"), answer.text] for answer in answers]))
"""


def test_who_asks_too_early_is_told_to_come_again(tmp_path):
    command = [sys.executable, "-c", BEFORE_THE_APP, tmp_path, *map(str, free_ports(2))]
    root = pathlib.Path(__file__).resolve().parents[2]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    early, hidden = json.loads(ran.stdout.splitlines()[-1])
    assert early[:2] == [503, "10"]
    assert json.loads(early[2])["error"]["code"] == "starting"
    assert hidden == [404, None, ""]  # what Ray itself shows stays hidden
