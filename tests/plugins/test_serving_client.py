"""The client of the inference service, against an HTTP server that answers as the service's border says."""

import http.server
import json
import threading

import pytest

from bardloop_airflow.serving import client
from bardloop_airflow.serving.client import RolloutRefused, ServingClient, ServingError

ROLLOUT = {"id": "0a1b2c", "version": "demo@0123456789ab", "state": "loading", "weight": 0.0}
ASKED = ("demo@0123456789ab", "airflow", "run manual__1", {"steps": [1.0]})


@pytest.fixture
def service():
    """A server that gives the answers in `service.answers` (path to list of status and body), the last one for ever."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            answers = self.server.answers[self.path]
            status, body = answers.pop(0) if len(answers) > 1 else answers[0]
            length = int(self.headers.get("Content-Length", 0))
            self.server.seen.append((self.path, self.headers["Authorization"], self.rfile.read(length)))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

        do_POST = do_GET

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.answers, server.seen = {}, []
        server.client = ServingClient(f"http://127.0.0.1:{server.server_port}", "admin-key")
        threading.Thread(target=server.serve_forever).start()
        yield server
        server.shutdown()


def test_it_works(service):
    live = ROLLOUT | {"state": "live", "weight": 1.0}
    service.answers = {"/health": [(200, {})], "/admin/rollouts": [(202, ROLLOUT), (200, {"rollouts": [live]})]}
    service.client.wait_until_ready(5)
    assert service.client.roll_out(*ASKED) == ROLLOUT
    assert service.client.rollouts() == [live]
    path, key, body = service.seen[-2]
    assert (path, key) == ("/admin/rollouts", "Bearer admin-key")
    assert tuple(json.loads(body).values()) == (*ASKED, False)


def test_it_waits_while_the_engine_starts(service, monkeypatch):
    monkeypatch.setattr(client, "PAUSE_S", 0.01)
    service.answers = {"/health": [(503, {}), (503, {}), (200, {})]}
    service.client.wait_until_ready(5)
    assert len(service.seen) == 3


def test_it_does_not_wait_for_ever(service, monkeypatch):
    monkeypatch.setattr(client, "PAUSE_S", 0.01)
    service.answers = {"/health": [(503, {})]}
    with pytest.raises(ServingError, match=r"/health answers 503 after 0 s: is the engine running\?"):
        service.client.wait_until_ready(0.1)


def test_a_service_that_is_not_there_is_said_so():
    nobody = ServingClient("http://127.0.0.1:9", "admin-key")
    with pytest.raises(ServingError, match=r"http://127\.0\.0\.1:9/health does not answer .*Connection refused"):
        nobody.wait_until_ready(0)
    with pytest.raises(ServingError, match="no answer about the rollout of demo@0123456789ab"):
        nobody.roll_out(*ASKED)


def test_a_refusal_gives_message_and_code(service):
    error = {"message": "trained on another base", "code": "wrong_base"}
    service.answers = {"/admin/rollouts": [(422, {"error": error})]}
    with pytest.raises(
        RolloutRefused, match=r"^the rollout of demo@0123456789ab: trained on another base \(wrong_base\)$"
    ):
        service.client.roll_out(*ASKED)


def test_while_another_rollout_is_under_way_there_is_none(service):
    error = {"message": "rollout 0a1b2c of song@000000000001 is under way", "code": "in_progress"}
    service.answers = {"/admin/rollouts": [(409, {"error": error})]}
    assert service.client.roll_out(*ASKED) is None


@pytest.mark.parametrize("status", [429, 500])
def test_what_may_go_well_later_is_no_refusal(service, status):
    service.answers = {"/admin/rollouts": [(status, b"busy")]}
    with pytest.raises(ServingError, match=f"answers {status}: 'busy'"):
        service.client.roll_out(*ASKED)
