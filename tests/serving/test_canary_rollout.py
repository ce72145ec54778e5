"""A new version gets shares of real requests, and comes back off by itself when it is bad."""

import itertools
import json
import threading
import time

import pytest

from tests.serving.adapters import publish

pytestmark = pytest.mark.slow

PROMPT = "The bard tuned her lute and"


@pytest.fixture
def pair(engine, trained, request):
    """A name with a live version, and another version of it."""
    name = f"inn{abs(hash(request.node.name)) % 10**8}"
    old, new = (publish(trained[i], engine.home, name) for i in (0, 1))
    engine.roll_out(old)
    yield name, old, new
    engine.admin("POST", "rollbacks", name=name)  # ends the rollout of a test that failed: others could not begin
    engine.retire(name)


@pytest.fixture
def traffic(engine):
    """Sends requests all the time, until the test is over; what was answered, by whom."""
    answers, stop, threads = [], threading.Event(), []

    def send(model: str, **headers) -> None:
        client = engine.client()
        while not stop.is_set():
            try:
                stream = client.completions.create(
                    model=model, prompt=PROMPT, max_tokens=4, stream=True, extra_headers=headers
                )
                answers.append({chunk.model for chunk in stream})
            except Exception as error:  # noqa: BLE001  (whatever it is: a request that failed)
                answers.append(error)

    def start(model: str, at_once: int = 2, **headers) -> list:
        threads.extend(threading.Thread(target=send, args=(model,), kwargs=headers) for _ in range(at_once))
        for thread in threads[-at_once:]:
            thread.start()
        return answers

    yield start
    stop.set()
    for thread in threads:
        thread.join(60)


def registry(engine, name: str) -> dict:
    return json.loads((engine.home / "serving" / "registry.json").read_text())[name]


def talk_with(engine, name: str, version: str) -> str:
    """The id of a conversation that this version answers now."""
    for number in itertools.count():
        headers = {"X-Conversation-Id": f"talk-{number}"}
        client = engine.client()
        if client.completions.create(model=name, prompt="A", max_tokens=1, extra_headers=headers).model == version:
            return headers["X-Conversation-Id"]
    raise AssertionError


def until(condition, within_s: float = 60) -> None:
    give_up = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.05)


def test_a_good_version_takes_over_step_by_step(engine, pair, traffic):
    name, old, new = pair
    answers = traffic(name)
    end = engine.end_of(engine.begin(new, canary={"steps": [0.5, 1.0], "hold_seconds": 120, "requests": 20}))
    assert (end["state"], end["previous"]) == ("live", old)
    assert [step["weight"] for step in end["steps"]] == [0.5, 1.0]
    assert all(step["requests"] >= 20 and step["failed"] == 0 for step in end["steps"])
    assert registry(engine, name) == {"stable": new, "canary": None, "weight": 0, "previous": old}
    assert [each for each in answers if not isinstance(each, set)] == []
    assert {frozenset(each) for each in answers} == {frozenset({old}), frozenset({new})}


def test_a_share_is_a_share_and_a_conversation_stays_with_its_version(engine, pair):
    name, old, new = pair
    rollout = engine.begin(new, canary={"steps": [0.3, 1.0], "hold_seconds": 600, "requests": 100_000})
    until(lambda: engine.admin("GET", f"rollouts/{rollout['id']}").json()["weight"] == 0.3)
    ask = lambda conversation: (  # noqa: E731
        engine.client()
        .completions.create(model=name, prompt="A", max_tokens=1, extra_headers={"X-Conversation-Id": conversation})
        .model
    )
    first = [ask(f"talk-{number}") for number in range(60)]
    assert 0.1 < first.count(new) / len(first) < 0.55
    assert [ask(f"talk-{number}") for number in range(60)] == first
    assert engine.admin("POST", "rollbacks", name=name, why="seen enough").status_code == 200
    assert {ask(f"talk-{number}") for number in range(10)} == {old}
    end = engine.end_of(rollout)
    assert (end["state"], end["reason"]["code"]) == ("rolled_back", "withdrawn")
    assert registry(engine, name)["stable"] == old


def test_a_slow_version_comes_back_off_by_itself(engine, pair):
    name, old, new = pair
    rollout = engine.begin(new, canary={"steps": [0.5, 1.0], "hold_seconds": 600, "requests": 100_000, "slowest": 1.5})
    until(lambda: engine.admin("GET", f"rollouts/{rollout['id']}").json()["state"] == "canary")
    slow, quick = (talk_with(engine, name, version) for version in (new, old))
    stops = time.monotonic() + 600
    for number in itertools.count():  # its replies take long because what it is asked is long
        for conversation, prompt in ((slow, f"{number} " + "and on " * 200), (quick, f"{number}")):
            headers = {"X-Conversation-Id": conversation}
            question = {"model": name, "prompt": prompt, "max_tokens": 1, "stream": True}
            list(engine.client().completions.create(**question, extra_headers=headers))
        if engine.admin("GET", f"rollouts/{rollout['id']}").json()["state"] != "canary":
            break
        assert time.monotonic() < stops
    end = engine.end_of(rollout)
    assert end["reason"]["code"] == "breach" and "the first token takes" in end["reason"]["message"]
    assert registry(engine, name)["stable"] == old
    history = engine.admin("GET", "history").json()["history"]
    assert [line["event"] for line in history if line["name"] == name] == ["rollout", "canary", "breach"]
