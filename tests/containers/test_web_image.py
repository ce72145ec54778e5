"""The voting site as its container runs it: its lock alone, its folders alone, a database that asks for a password."""

import httpx
import pytest

from tests.containers import image
from tests.containers.containers import Containers
from tests.ports import free_port

pytestmark = pytest.mark.slow

THROUGH_THE_PROXY = {"Host": "localhost", "X-Forwarded-Proto": "https"}


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
        with httpx.Client(base_url=address, headers=THROUGH_THE_PROXY, timeout=30) as client:
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
            to_https = client.get("/", headers={"X-Forwarded-Proto": "http"})
            assert (to_https.status_code, to_https.headers["Location"]) == (301, "https://localhost/")


def test_django_finds_nothing_that_is_not_safe(web):
    checked = web.run("web", "python", "webapp/manage.py", "check", "--deploy", "--fail-level", "WARNING")
    assert checked.returncode == 0, checked.stderr
