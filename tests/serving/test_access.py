"""Keys and their limits, the engine's queue, and the sizes of requests, as callers meet them."""

import json
import threading
import time

import httpx
import openai
import pytest

from contracts.recipe import load_recipe
from serving.keys import KeyFile
from tests.serving.adapters import publish
from tests.serving.conftest import RECIPE

pytestmark = pytest.mark.slow

LONG = {"prompt": "A very long story:", "max_tokens": 1500, "extra_body": {"ignore_eos": True}, "stream": True}


@pytest.fixture
def keyed(engine):
    """Makes a key with limits in the running engine's home; a client with it."""
    file, names = KeyFile(engine.home), []

    def keyed(**limits) -> openai.OpenAI:
        names.append(f"test-{time.monotonic_ns()}")
        key = file.add(names[-1], **limits)
        time.sleep(1.2)  # a change holds within a second
        return openai.OpenAI(base_url=f"{engine.base_url}/v1", api_key=key, max_retries=0, timeout=60)

    yield keyed
    for name in names:
        file.remove(name)


@pytest.fixture
def raw(engine):
    """Posts a body to a route as it is."""
    headers = {"Authorization": f"Bearer {engine.api_key}", "Content-Type": "application/json"}
    return lambda path, body: httpx.post(f"{engine.base_url}{path}", content=body, headers=headers, timeout=60)


def short(client: openai.OpenAI, model: str):
    return client.completions.create(model=model, prompt="Once", max_tokens=1)


def test_a_key_opens_and_a_removed_one_does_not(engine, keyed):
    client = keyed()
    assert short(client, engine.base).model == engine.base
    name = KeyFile(engine.home).all()[-1].name
    KeyFile(engine.home).remove(name)
    time.sleep(1.2)
    with pytest.raises(openai.AuthenticationError):
        short(client, engine.base)
    KeyFile(engine.home).add(name)


def test_a_key_for_some_models_sees_and_asks_no_others(engine, trained, keyed):
    version = publish(trained[0], engine.home, "theirs")
    engine.roll_out(version)
    client = keyed(models=("theirs",))
    assert {card.id for card in client.models.list()} == {"theirs", version}
    assert short(client, "theirs").model == short(client, version).model == version
    with pytest.raises(openai.PermissionDeniedError, match="may not ask"):
        short(client, engine.base)


def test_a_key_that_asks_too_often_is_told_when_to_come_again(engine, keyed):
    client = keyed(requests_per_minute=2)
    short(client, engine.base)
    short(client, engine.base)
    with pytest.raises(openai.RateLimitError, match="2 times a minute") as raised:
        short(client, engine.base)
    assert 1 <= int(raised.value.response.headers["Retry-After"]) <= 60
    assert raised.value.code == "rate_limited"


def test_a_key_has_so_many_requests_under_way(engine, keyed):
    client = keyed(streams=1)
    with client.completions.create(model=engine.base, **LONG) as stream:
        next(iter(stream))
        with pytest.raises(openai.RateLimitError, match="1 requests under way"):
            short(client, engine.base)
    give_up = time.monotonic() + 10
    while True:  # the slot is free again
        try:
            short(client, engine.base)
            break
        except openai.RateLimitError:
            assert time.monotonic() < give_up


def test_a_full_queue_is_a_429_and_no_time_out(engine):
    serving = load_recipe(RECIPE).serving
    room = serving.max_num_seqs + serving.max_waiting
    client, streams, told = engine.client(), [], []

    def ask() -> None:
        try:
            streams.append(client.completions.create(model=engine.base, **LONG))
        except openai.RateLimitError as error:
            told.append((error.code, int(error.response.headers["Retry-After"])))

    asking = [threading.Thread(target=ask) for _ in range(room + 3)]
    for each in asking:
        each.start()
    give_up = time.monotonic() + 60
    while len(told) < 3:
        assert time.monotonic() < give_up, (len(told), len(streams))
        time.sleep(0.1)
    for stream in streams:
        stream.close()
    for each in asking:
        each.join(60)
    for stream in streams:
        stream.close()
    assert len(told) == 3
    assert all(code == "queue_full" and after >= 1 for code, after in told)


def test_a_body_that_is_too_large_is_refused_before_it_is_read(raw):
    answer = raw("/v1/completions", json.dumps({"model": "x", "prompt": "y" * 2_000_000}))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")

    def pieces():
        yield b'{"prompt": "'
        for _ in range(40):
            yield b"y" * 100_000

    answer = raw("/v1/completions", pieces())  # in chunks, of which nobody said how many
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")


def test_more_tokens_or_replies_than_the_recipe_gives(engine):
    with pytest.raises(openai.BadRequestError, match="more than this service gives") as raised:
        engine.client().completions.create(model=engine.base, prompt="Once", max_tokens=1_000_000)
    assert raised.value.param == "max_tokens"
    with pytest.raises(openai.BadRequestError, match="n: 100 is more"):
        engine.client().completions.create(model=engine.base, prompt="Once", max_tokens=1, n=100)


def test_request_ids_lead_from_one_log_to_the_other(engine):
    answer = engine.client().completions.with_raw_response.create(
        model=engine.base, prompt="Once", max_tokens=1, extra_headers={"X-Request-Id": "battle-7.1"}
    )
    assert answer.headers["X-Request-Id"] == "battle-7.1"
    assert logged(engine, "battle-7.1") == {"key": "bardloop-api-key", "version": engine.base, "outcome": "answered"}
    without = engine.client().completions.with_raw_response.create(model=engine.base, prompt="Once", max_tokens=1)
    assert logged(engine, without.headers["X-Request-Id"])


def logged(engine, identity: str) -> dict:
    """What the service's log has of a request, as far as it is the same each time."""
    give_up = time.monotonic() + 10
    while True:  # Ray carries the replicas' lines to the driver's output, some time later
        for line in (engine.home / "serving.log").read_text().splitlines():
            if f'"id": "{identity}"' in line:
                document = json.loads(line[line.index("{") :])
                return {field: document[field] for field in ("key", "version", "outcome")}
        assert time.monotonic() < give_up, identity
        time.sleep(0.2)


def test_whoever_leaves_is_no_longer_counted(engine, keyed):
    """Again and again: now and then Ray Serve cancels a request before it says that its client has left."""
    client = keyed(streams=1)
    hurried = client.with_options(timeout=1)
    for _ in range(8):
        with pytest.raises(openai.APITimeoutError):
            hurried.completions.create(model=engine.base, **(LONG | {"stream": False}))
        give_up = time.monotonic() + 20  # the reply would take minutes
        while not answers(client, engine.base):
            assert time.monotonic() < give_up
            time.sleep(0.2)


def answers(client: openai.OpenAI, model: str) -> bool:
    """Whether the key may ask now."""
    try:
        return short(client, model).model == model
    except openai.RateLimitError:
        return False
