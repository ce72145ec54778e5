"""The voting site as its container runs it: its lock alone, its folders alone, a database that asks for a password."""

import httpx
import pytest

from tests.containers import image
from tests.containers.containers import Containers
from tests.ports import free_port

pytestmark = pytest.mark.slow

LEFT_TO_THE_PROXY = {"security.W004", "security.W008"}
"""HSTS and the way from http to https: docker/Caddyfile."""
SECURE_COOKIES = {"security.W012", "security.W016"}
"""Browsers that have seen the site once ask for it by https alone, so no cookie travels in the open."""


@pytest.fixture(scope="module")
def web(database, tmp_path_factory):
    """The image, with a database that is set up."""
    port = free_port()
    containers = Containers(
        made=image.make("web", tmp_path_factory.mktemp("web"), "web"),
        secrets=database.secrets,
        network={"@postgres/": "@/", "0.0.0.0": "127.0.0.1", "127.0.0.1:8000": f"127.0.0.1:{port}", "8000": str(port)},
        one_machine={"PGHOST": database.socket},
    )
    prepared = containers.run("web-database")
    assert prepared.returncode == 0, prepared.stderr
    return containers


def test_a_page_is_shown_and_the_site_is_healthy(web):
    with web.running("web"):
        web.await_health("web")
        address = f"http://{web.network['127.0.0.1:8000']}"
        with httpx.Client(base_url=address, headers={"Host": "localhost"}, timeout=30) as client:
            page = client.get("/")
            assert page.status_code == 200
            assert "Bardloop" in page.text
            assert client.get("/admin/login/").status_code == 200
            key = (web.secrets / "export_key").read_text()
            asked = {"adapter": "demo", "after": 0}
            assert client.get("/api/votes/count", params=asked).status_code == 401
            counted = client.get("/api/votes/count", params=asked, headers={"Authorization": f"Bearer {key}"})
            assert counted.json()["votes"] == 0
            assert client.get("/", headers={"Host": "elsewhere.example"}).status_code == 400


def test_django_finds_nothing_that_the_proxy_does_not_do(web):
    checked = web.run("web", "python", "webapp/manage.py", "check", "--deploy")
    assert checked.returncode == 0, checked.stderr
    found = {line.split("(")[1].split(")")[0] for line in checked.stderr.splitlines() if line.startswith("?:")}
    assert found <= LEFT_TO_THE_PROXY | SECURE_COOKIES
