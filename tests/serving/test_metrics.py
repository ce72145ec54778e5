"""What Prometheus would read from a running engine: all that dashboards and alerts ask for, by version, and true."""

import re
import time

import httpx
import openai
import pytest

from serving.keys import LOOK_EVERY_S, KeyFile
from tests.containers import measured
from tests.serving.adapters import publish
from tests.serving.conftest import RunningEngine

pytestmark = pytest.mark.slow

WITHIN_S = 60
"""Ray's processes tell its agent every ten seconds."""
KINDS = ("prompt", "reply")


def read(engine: RunningEngine) -> dict[str, dict[tuple[str, ...], float]]:
    """Metric to labels (`key="value"`) to value, from every endpoint that Ray names to Prometheus."""
    token = (engine.home / "serving" / "ray_token").read_text()
    places = httpx.get(f"{engine.ray_url}/api/prometheus/sd", headers={"Authorization": f"Bearer {token}"}, timeout=30)
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for target in places.json()[0]["targets"]:
        try:
            page = httpx.get(f"http://{target}/metrics", timeout=30).text
        except httpx.TransportError:  # Ray names some that it has not started; Prometheus passes them over, too
            continue
        for name, labels, value in re.findall(r"^(\w+)\{(.*)\} (\S+)$", page, re.MULTILINE):
            found.setdefault(name, {})[tuple(re.findall(r'\w+="[^"]*"', labels))] = float(value)
    return found


def value(metrics: dict, metric: str, /, **labels: str) -> float:
    """Sum of the series that have these labels."""
    wanted = {f'{key}="{text}"' for key, text in labels.items()}
    return sum(number for series, number in metrics.get(metric, {}).items() if wanted <= set(series))


def until(look, true, otherwise=sorted):
    """What `look` gives once `true` of it; fails with what `otherwise` says of it."""
    give_up = time.monotonic() + WITHIN_S
    while not true(metrics := look()):
        assert time.monotonic() < give_up, otherwise(metrics)
        time.sleep(1)
    return metrics


@pytest.fixture(scope="module")
def adapter(engine, trained):
    """An adapter that is live."""
    reference = publish(trained[0], engine.home, "measured")
    engine.roll_out(reference)
    yield reference
    engine.retire("measured")


def test_dashboards_and_alerts_ask_for_what_the_engine_sends(engine, adapter):
    wanted = {name for name in measured.metrics() if name.startswith(measured.ENGINES)}
    assert len(wanted) > 15
    client, seen = engine.client(), set()
    keys = KeyFile(engine.home)
    limited = client.with_options(api_key=keys.add("limited", requests_per_minute=1))
    time.sleep(LOOK_EVERY_S)
    try:
        limited.completions.create(model=engine.base, prompt="Once", max_tokens=1)
        with pytest.raises(openai.RateLimitError):
            limited.completions.create(model=engine.base, prompt="Once", max_tokens=1)
    finally:
        keys.remove("limited")

    def look() -> set[str]:
        """vLLM tells of its queue while it computes."""
        for piece in client.chat.completions.create(**_question("measured"), stream=True, max_tokens=40):
            assert piece.model == adapter
        seen.update(read(engine))
        return seen

    until(look, lambda names: wanted <= names, lambda names: f"not sent: {sorted(wanted - names)}")
    turned_away = {"key": "limited", "code": "rate_limited"}
    until(lambda: read(engine), lambda now: value(now, "ray_bardloop_refused_total", **turned_away) == 1)
    until(lambda: read(engine), lambda now: value(now, "ray_bardloop_version_held", version=adapter) == 1)


def test_tokens_are_counted_as_vllm_counts_them(engine, trained):
    version = publish(trained[1], engine.home, "counted")
    engine.roll_out(version)
    client = engine.client()
    whole = client.chat.completions.create(**_question("counted"), max_tokens=7).usage
    for _ in client.chat.completions.create(**_question("counted"), max_tokens=9, stream=True):
        pass  # a stream whose client did not ask for its usage
    engine.retire("counted")

    def tokens() -> dict[str, float]:
        metrics = read(engine)
        return {kind: value(metrics, f"ray_bardloop_{kind}_tokens_total", version=version) for kind in KINDS}

    until(tokens, lambda now: now == {"prompt": 2 * whole.prompt_tokens, "reply": 7 + 9}, str)


def test_rollouts_are_counted_by_event(engine):
    assert engine.end_of(engine.begin("absent@000000000000"))["state"] == "refused"
    seen = {"event": "refused", "name": "absent"}
    until(lambda: read(engine), lambda now: value(now, "ray_bardloop_rollout_events_total", **seen) == 1)


def _question(model: str) -> dict:
    messages = [{"role": "user", "content": "Who sings at the gate?"}]
    return {"model": model, "messages": messages, "temperature": 0, "extra_body": {"ignore_eos": True}}
