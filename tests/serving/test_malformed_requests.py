"""Nothing that comes in over HTTP makes the service fail, tell what it should not, or lose a place for a request."""

import collections
import concurrent.futures
import contextlib
import http.client
import json
import pathlib
import re
import time
import urllib.parse

import httpx
import hypothesis
import openai
import psutil
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from openai.types import ErrorObject
from pydantic import TypeAdapter
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from serving.keys import KeyFile
from tests.serving.conftest import ROOT
from tests.serving.malformed import Maker, Malformed

pytestmark = pytest.mark.slow

COUNT = 1000
SEED = 20_250_301
WARM_UP = 300
AT_ONCE = 8
PLACES = 16
"""Requests that the key of these tests may have under way."""
GROWTH_BYTES = 64 * 2**20
"""Of the engine's processes over the requests after the first ones. Measured: a few MiB."""
FEW_AND_ALWAYS_THE_SAME = hypothesis.settings(
    max_examples=8,  # for each operation and key, right values and wrong ones
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
CHECKS = [
    *(not_a_server_error, negative_data_rejection),
    *(status_code_conformance, content_type_conformance, response_schema_conformance),
]
QUESTION = {"prompt": "Once, in the north,", "max_tokens": 8, "temperature": 0}
TOLD_BY_MISTAKE = re.compile(r'Traceback|site-packages|File "|\.py\b|, line \d|0x[0-9a-f]{6}|pydantic\.dev|object at')


@pytest.fixture
def key(engine):
    """A key with so many places."""
    file = KeyFile(engine.home)
    made = file.add("malformed", streams=PLACES)
    time.sleep(1.2)  # a change holds within a second
    yield made
    file.remove("malformed")


@pytest.fixture
def secrets(engine, key) -> list[str]:
    """What no answer may hold."""
    return [engine.api_key, engine.admin_key, key, str(engine.home), str(ROOT)]


def send(base_url: str, request: Malformed) -> tuple[int, str, bytes]:
    """Status, content type, body. Not by httpx, which would put some of it right."""
    address = urllib.parse.urlsplit(base_url)
    with contextlib.closing(http.client.HTTPConnection(address.hostname, address.port, timeout=60)) as connection:
        connection.putrequest(request.method, request.path)
        for name, value in (*request.headers, ("Content-Length", str(len(request.body)).encode())):
            connection.putheader(name, value)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before it is all there
            connection.endheaders(request.body)
        answer = connection.getresponse()
        return answer.status, answer.headers.get("content-type", ""), answer.read()


def fault(request: Malformed, answer: tuple[int, str, bytes], secrets: list[str]) -> str | None:
    """What is wrong with an answer."""
    status, kind, body = answer
    text = body.decode()
    if status not in request.statuses:
        return f"{status}, expected {sorted(request.statuses)}"
    if any(secret in text for secret in secrets) or (status != 200 and TOLD_BY_MISTAKE.search(text)):
        return "tells too much"
    if status >= 400 and request.method != "HEAD":
        if kind != "application/json":
            return f"an error as {kind}"
        document = json.loads(text)
        TypeAdapter(ErrorObject).validate_python(document["error"], strict=True)
        if len(text) > 2000:
            return f"an error of {len(text)} characters"
    return None


def engine_processes(engine) -> list[psutil.Process]:
    """The replica of the running engine, and what it started."""
    for driver in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if driver.environ().get("BARDLOOP_HOME") == str(engine.home) and "serving" in driver.cmdline():
                workers = driver.children(recursive=True)
                [replica] = [
                    each for each in workers if "ray::ServeReplica:bardloop:engine" in " ".join(each.cmdline())
                ]
                return [replica, *replica.children(recursive=True)]
    raise AssertionError("no engine")


def size(processes: list[psutil.Process]) -> int:
    return sum(process.memory_info().rss for process in processes)


def test_a_thousand_malformed_requests(engine, key, secrets):
    client = openai.OpenAI(base_url=f"{engine.base_url}/v1", api_key=key, max_retries=0, timeout=60)
    before = client.completions.create(model=engine.base, **QUESTION).choices[0].text
    processes = engine_processes(engine)
    logged = len((engine.home / "serving.log").read_text())
    requests = list(Maker(engine.base, key, engine.admin_key, SEED).make(COUNT))
    assert len(requests) == COUNT

    answers = []
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for part in (requests[:WARM_UP], requests[WARM_UP:]):
            warm = size(processes)
            answers += pool.map(lambda request: send(engine.base_url, request), part)
    grown = size(processes) - warm

    faults = [
        (request, found)
        for request, answer in zip(requests, answers, strict=True)
        if (found := fault(request, answer, secrets))
    ]
    assert not faults, "\n".join(f"{found}: {str(request)[:600]}" for request, found in faults[:20])
    refused = collections.Counter(status for status, *_ in answers)
    assert refused.total() - refused[200] > 0.8 * COUNT, refused

    assert engine_processes(engine) == processes  # none died, none was started anew
    assert grown < GROWTH_BYTES, f"{grown / 2**20:.0f} MiB"
    assert_no_place_is_lost(client, engine.base)
    assert client.completions.create(model=engine.base, **QUESTION).choices[0].text == before
    assert_none_failed(engine.home / "serving.log", logged)


def assert_no_place_is_lost(client: openai.OpenAI, model: str) -> None:
    """The key has all its places, and not one more."""
    with contextlib.ExitStack() as opened:
        for _ in range(PLACES):
            long = {"prompt": "A very long story:", "max_tokens": 1500, "extra_body": {"ignore_eos": True}}
            opened.enter_context(client.completions.create(model=model, **long, stream=True))
        with pytest.raises(openai.RateLimitError, match=f"{PLACES} requests under way"):
            client.completions.create(model=model, **QUESTION)


def assert_none_failed(log: pathlib.Path, since: int) -> None:
    """Neither what was malformed nor the clients that left are held against the version that they asked."""
    give_up = time.monotonic() + 20
    while (lines := log.read_text()[since:]).count('"outcome": "gone"') < PLACES:  # Ray carries them here in its time
        assert time.monotonic() < give_up, lines[-2000:]
        time.sleep(0.2)
    failed = [line for line in lines.splitlines() if '"outcome": "failed"' in line]
    assert not failed, failed[:3]


@pytest.mark.parametrize("opens", ["api", "operations", "nothing"])
def test_what_the_openapi_document_says_holds(engine, secrets, opens):
    """schemathesis: right and wrong values for each operation; answers are what the document says."""
    schema = schemathesis.openapi.from_dict(httpx.get(f"{engine.base_url}/v1/openapi.json").json())
    api_key = {"api": engine.api_key, "operations": engine.admin_key, "nothing": "none"}[opens]
    if opens == "operations":  # operators are told where files lie
        secrets = [secret for secret in secrets if "/" not in secret]
    statuses = collections.Counter()

    def check(case: schemathesis.Case) -> None:
        right = case.meta.generation.mode is GenerationMode.POSITIVE
        if right and isinstance(case.body, dict) and "model" in case.body:
            case.body |= {"model": engine.base, "max_tokens": 2, "n": 1}  # what is invented is a 404, or takes long
            case.body.pop("max_completion_tokens", None)
        answer = case.call(base_url=engine.base_url, headers={"Authorization": f"Bearer {api_key}"}, timeout=60)
        case.validate_response(answer, checks=CHECKS)
        statuses[f"{case.method} {answer.status_code}"] += 1
        assert not any(secret in answer.text for secret in secrets)

    for operation in (each.ok() for each in schema.get_all_operations()):
        for mode in GenerationMode:
            with contextlib.suppress(hypothesis.errors.Unsatisfiable):  # nothing in it can be wrong
                FEW_AND_ALWAYS_THE_SAME(hypothesis.given(operation.as_strategy(generation_mode=mode))(check))()
    assert statuses.total() > 100, statuses
    assert {"api": "POST 200", "operations": "POST 404", "nothing": "POST 401"}[opens] in statuses, statuses
