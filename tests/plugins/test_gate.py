"""What the DAG `rollout` does with an adapter that people vote on, against servers that answer as the borders say."""

import http.server
import json
import threading

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from bardloop_airflow.gate import has_passed
from bardloop_airflow.rollouts import approved_by, is_live
from contracts.recipe import load_recipe
from tests.dags.test_rollout_run import ROOT

ADAPTER, STABLE = "demo@0123456789ab", "demo@fedcba987654"
VOTES = {"recipe": "demo", "overrides": ["rollout.approval=votes"], "adapter": ADAPTER, "passed": True}
HELD = {"id": "0a1b2c", "version": ADAPTER, "state": "held", "weight": 0.0, "previous": STABLE, "reason": None}
RULES = load_recipe(ROOT / "recipes" / "demo.yaml").gate.model_dump(mode="json") | {"tags": ["Drama", "Horror"]}
NUMBERS = {"voters": 31, "voters_open": 2, "capital": 4.5, "threshold": 20.0}
BY = ("airflow", "run manual__1")


def told(answer: str, code: str, **changes) -> dict:
    """The gate's answer, what matters of it."""
    reasons = [f"Because it is {code}."]
    fields = {"answer": answer, "code": code, "reasons": reasons, "against": STABLE, "numbers": NUMBERS, "rules": RULES}
    return fields | changes


@pytest.fixture
def world(monkeypatch):
    """Engine and site as one server: `rollouts` and `gate` are what they answer, `changes` what was sent."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            path, _, self.server.question = self.path.partition("?")
            answers = {
                "/health": {},
                "/admin/rollouts": {"rollouts": self.server.rollouts},
                "/api/gate": self.server.gate,
            }
            self.answer(answers[path] if self.server.rollouts is not None else None)

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.server.changes.append((self.path, body))
            self.answer(HELD)

        def answer(self, body):
            self.send_response(503 if body is None else 200)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.rollouts, server.gate, server.changes, server.question = [HELD], None, [], ""
        place = {"conn_type": "http", "host": "127.0.0.1", "port": server.server_port, "password": "a-key"}
        for name in ("SERVING", "WEB"):
            monkeypatch.setenv(f"AIRFLOW_CONN_BARDLOOP_{name}", json.dumps(place))
        threading.Thread(target=server.serve_forever).start()
        yield server
        server.shutdown()


def test_what_passes_is_released(world):
    world.gate = told("pass", "better")
    assert has_passed(VOTES, *BY) == {"code": "better", "reasons": ["Because it is better."]}
    assert world.changes == [("/admin/rollouts/0a1b2c/release", {"who": "airflow", "why": "Because it is better."})]
    assert world.question == f"candidate={ADAPTER}&stable={STABLE}".replace("@", "%40")


def test_while_people_vote_nothing_happens(world):
    world.gate = told("continue", "undecided")
    assert has_passed(VOTES, *BY) is None and world.changes == []


def test_what_is_stopped_is_withdrawn_and_the_run_is_not_a_failure(world):
    world.gate = told("stop", "harm")
    with pytest.raises(AirflowSkipException, match=r"demo@0123456789ab is not promoted \(harm\): Because it is harm."):
        has_passed(VOTES, *BY)
    wanted = {"name": "demo", "version": ADAPTER, "who": "airflow", "why": "Because it is harm."}
    assert world.changes == [("/admin/rollbacks", wanted)]


def test_a_site_that_does_not_answer_is_waited_for(world, monkeypatch):
    assert has_passed(VOTES, *BY) is None
    monkeypatch.setenv("AIRFLOW_CONN_BARDLOOP_WEB", json.dumps({"conn_type": "http", "host": "127.0.0.1", "port": 9}))
    assert has_passed(VOTES, *BY) is None
    assert world.changes == []


def test_an_engine_that_does_not_answer_is_waited_for(world):
    world.rollouts, world.gate = None, told("pass", "better")
    assert has_passed(VOTES, *BY) is None and world.changes == []


def test_an_engine_that_was_started_again_holds_it_again(world):
    world.rollouts, world.gate = [], told("pass", "better")
    assert has_passed(VOTES, *BY) is None
    ((path, body),) = world.changes
    assert (path, body["adapter"], body["hold"]) == ("/admin/rollouts", ADAPTER, True)


def test_after_the_release_it_is_held_no_more(world):
    world.rollouts = []
    assert is_live(VOTES, *BY) is None
    ((path, body),) = world.changes
    assert (path, body["hold"]) == ("/admin/rollouts", False)


def test_the_first_adapter_has_to_beat_the_base(world):
    world.rollouts, world.gate = [HELD | {"previous": None}], told("continue", "undecided")
    assert has_passed(VOTES, *BY) is None
    assert "stable" not in world.question


def test_a_site_with_other_rules_decides_nothing(world):
    world.gate = told("pass", "better", rules=RULES | {"alpha": 0.5})
    with pytest.raises(AirflowFailException, match=r"other rules than this run: alpha 0\.5, here 0\.05"):
        has_passed(VOTES, *BY)
    assert [path for path, _ in world.changes] == ["/admin/rollbacks"]


@pytest.mark.parametrize("state", ["refused", "rolled_back"])
def test_what_somebody_has_withdrawn_is_not_begun_again(world, state):
    world.rollouts = [HELD | {"state": state, "reason": {"code": "withdrawn", "message": "it was rolled back by hand"}}]
    with pytest.raises(AirflowFailException, match=f"was {state}: it was rolled back by hand"):
        has_passed(VOTES, *BY)
    assert world.changes == []


def test_what_somebody_has_released_goes_on(world):
    world.rollouts = [HELD | {"state": "canary"}]
    assert has_passed(VOTES, *BY)["code"] == "released"


def test_without_votes_nobody_is_asked():
    assert has_passed(VOTES | {"overrides": []}, *BY)["code"] == "not_asked"


@pytest.mark.parametrize(
    ("approval", "passed", "next_task"),
    [
        *[("person", passed, "ask") for passed in (True, False, None)],
        *[(approval, passed, "go") for approval in ("automatic", "votes") for passed in (True, None)],
        *[(approval, False, None) for approval in ("automatic", "votes")],
        ("never", True, None),
    ],
)
def test_who_approves(approval, passed, next_task):
    settings = VOTES | {"overrides": [f"rollout.approval={approval}"], "passed": passed}
    assert approved_by(settings, person="ask", nobody="go") == next_task
