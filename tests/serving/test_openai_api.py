"""The API as users of OpenAI's official client see it."""

import time

import httpx
import openai
import pytest

from tests.serving.adapters import publish

pytestmark = pytest.mark.slow

MESSAGES = [
    {"role": "system", "content": "You are Mira in a forum role-play."},
    {"role": "user", "content": "Tarn: “Who goes there?”"},
]


@pytest.fixture(scope="module")
def adapter(engine, trained) -> str:
    """The stable version of the name `spoken`."""
    reference = publish(trained[0], engine.home, "spoken")
    engine.roll_out(reference)
    return reference


def test_it_works(engine):
    answer = engine.client().chat.completions.create(model=engine.base, messages=MESSAGES, max_tokens=8, temperature=0)

    assert answer.model == engine.base
    assert answer.choices[0].message.content.strip()
    assert answer.usage.completion_tokens <= 8


def test_stream_and_whole_reply_are_the_same_text(engine, adapter):
    question = {"model": "spoken", "messages": MESSAGES, "max_tokens": 16, "temperature": 0}
    whole = engine.client().chat.completions.create(**question)
    chunks = list(engine.client().chat.completions.create(**question, stream=True))

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole.choices[0].message.content
    assert len(chunks) > 8
    assert {chunk.model for chunk in chunks} == {whole.model} == {adapter}


def test_completions_stream(engine, adapter):
    question = {"model": adapter, "prompt": "Once, in the north,", "max_tokens": 8, "temperature": 0}
    whole = engine.client().completions.create(**question)
    chunks = list(engine.client().completions.create(**question, stream=True))

    assert "".join(chunk.choices[0].text for chunk in chunks) == whole.choices[0].text
    assert {chunk.model for chunk in chunks} == {whole.model} == {adapter}


def test_models_lists_base_name_and_version(engine, adapter):
    cards = {card.id: card for card in engine.client().models.list()}

    assert (cards[engine.base].root, cards[engine.base].parent) == (engine.base, None)
    assert (cards["spoken"].root, cards["spoken"].parent) == (adapter, engine.base)
    assert (cards[adapter].root, cards[adapter].parent) == (adapter, engine.base)
    assert engine.client().models.retrieve("spoken").root == adapter


def test_unknown_model_is_a_404_in_openai_form(engine):
    with pytest.raises(openai.NotFoundError) as raised:
        engine.client().chat.completions.create(model="gpt-5", messages=MESSAGES)

    assert raised.value.code == "model_not_found"
    assert raised.value.param == "model"
    assert "gpt-5" in raised.value.message


@pytest.mark.parametrize("model", ["", None])
def test_a_request_without_a_model_is_not_silently_the_base(engine, model):
    body = {"messages": MESSAGES} | ({} if model is None else {"model": model})
    headers = {"Authorization": f"Bearer {engine.api_key}"}
    assert httpx.post(f"{engine.base_url}/v1/chat/completions", json=body, headers=headers).status_code in (400, 404)


@pytest.mark.parametrize(
    "body", [{"max_tokens": -1}, {"messages": "none"}, {"max_tokens": 100_000}, {"temperature": -2}]
)
def test_a_wrong_request_is_a_400_in_openai_form(engine, body):
    headers = {"Authorization": f"Bearer {engine.api_key}"}
    body = {"model": engine.base, "messages": MESSAGES} | body
    answer = httpx.post(f"{engine.base_url}/v1/chat/completions", json=body, headers=headers)

    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


def test_no_key_and_wrong_keys_are_401(engine):
    for key in (None, "wrong"):
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        answer = httpx.get(f"{engine.base_url}/v1/models", headers=headers)
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "invalid_api_key"


def test_keys_open_either_the_api_or_the_operations(engine):
    user, admin = ({"Authorization": f"Bearer {key}"} for key in (engine.api_key, engine.admin_key))
    body = {"adapter": "spoken@000000000000"}
    for answer in (
        httpx.get(f"{engine.base_url}/v1/models", headers=admin),
        httpx.get(f"{engine.base_url}/admin/registry", headers=user),
        httpx.post(f"{engine.base_url}/admin/rollouts", json=body, headers=user),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "wrong_key")


def test_health_needs_no_key(engine):
    assert httpx.get(f"{engine.base_url}/health", timeout=30).status_code == 200


def test_a_client_that_goes_away_frees_its_slot(engine):
    question = {
        "model": engine.base,
        "prompt": "A very long story:",
        "max_tokens": 1500,
        "extra_body": {"ignore_eos": True},
    }
    streams = [engine.client().completions.create(**question, stream=True) for _ in range(8)]  # all max_num_seqs slots
    for stream in streams:
        next(iter(stream))
        stream.close()
    waiting = httpx.Client(timeout=1.5)  # and one that does not stream
    with pytest.raises(httpx.ReadTimeout):
        waiting.post(
            f"{engine.base_url}/v1/completions",
            json={"model": engine.base, "prompt": "Another:", "max_tokens": 1500, "ignore_eos": True},
            headers={"Authorization": f"Bearer {engine.api_key}"},
        )
    waiting.close()

    began = time.monotonic()
    engine.client().completions.create(model=engine.base, prompt="Short.", max_tokens=2)
    assert time.monotonic() - began < 10  # nine stories of 1500 tokens would take minutes


def test_callers_do_not_steer_ray_serve(engine):
    headers = {"Authorization": f"Bearer {engine.api_key}", "X-Request-Timeout-Seconds": "0.001"}
    body = {"model": engine.base, "prompt": "Once", "max_tokens": 8}
    answer = httpx.post(f"{engine.base_url}/v1/completions", json=body, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    for route in ("/-/routes", "/-/healthz"):
        assert httpx.get(f"{engine.base_url}{route}", timeout=60).status_code == 404
