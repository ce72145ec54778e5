"""Reference models behind an OpenAI-compatible API, on a real server around the tiny model."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import fastapi
import pytest
import uvicorn

from jobs.evaluation.local_model import LocalModel
from jobs.next_reply.chat import read_chat
from jobs.training.base_model import read_base
from tests.evaluation import scenes
from tests.ports import free_port

KEY = "a-key-of-the-test"


def application(model: LocalModel) -> fastapi.FastAPI:
    """POST /v1/chat/completions in OpenAI's form."""
    app, turn = fastapi.FastAPI(), threading.Lock()

    @app.post("/v1/chat/completions")
    def complete(body: dict, authorization: str = fastapi.Header("")):
        if authorization != f"Bearer {KEY}":
            raise fastapi.HTTPException(401, "wrong key")
        with turn:  # torch's random state is one for all threads
            (reply,) = model.replies([body["messages"]], body["max_tokens"], body["temperature"])
        return {
            "id": "1",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": body["model"],
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": reply.text},
                    "finish_reason": "stop" if reply.ended else "length",
                }
            ],
        }

    return app


@contextlib.contextmanager
def served(app: fastapi.FastAPI) -> Iterator[str]:
    """The application on a free port; its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def address(trained_home) -> Iterator[str]:
    """The base model of the run, served."""
    recipe, folder = scenes.recipe(trained_home), trained_home / "models/tiny"
    assert read_base(folder)
    with served(application(LocalModel(folder, recipe, read_chat(recipe, folder)))) as url:
        yield url


def endpoint(name: str, url: str, key_variable: str = "REFERENCE_KEY") -> str:
    return f"{{name: {name}, url: '{url}', model: tiny, key_variable: {key_variable}}}"


def test_a_reference_model_stands_in_the_same_table_and_failures_lose_nothing(scenes_home, address, monkeypatch):
    """The reference is the base itself, so that its figures are known: those of the base in memory."""
    monkeypatch.setenv("REFERENCE_KEY", KEY)
    monkeypatch.setenv("WRONG_KEY", "another")
    monkeypatch.delenv("NO_KEY", raising=False)
    gone = f"http://127.0.0.1:{free_port()}/v1"
    endpoints = [
        endpoint("reference", address),
        endpoint("gone", gone),
        endpoint("refuses", address, "WRONG_KEY"),
        endpoint("keyless", address, "NO_KEY"),
    ]
    summary = scenes.evaluated(scenes_home, f"evaluate.endpoints=[{', '.join(endpoints)}]", "evaluate.batch_size=1")
    models = scenes.report(scenes_home)["models"]
    assert summary["passed"] is True and list(models) == ["adapter", "base", "reference", "gone", "refuses", "keyless"]
    written = {metric: value for metric, value in models["base"]["metrics"].items() if "loss" not in metric}
    reference = models["reference"]["metrics"]
    assert "loss" not in reference and "choice/accuracy" not in reference, "an API tells no likelihoods"
    assert {"choice/generated_accuracy", "choice/unreadable", "generation/chrf"} <= reference.keys()
    counted = "generation/tokens"  # by the text, without what a tokenizer cannot give back
    assert {key: value for key, value in reference.items() if key != counted} == {
        key: written[key] for key in reference if key != counted
    }
    assert f"{gone} cannot be reached" in models["gone"]["error"]
    assert "AuthenticationError" in models["refuses"]["error"] and "401" in models["refuses"]["error"]
    assert models["keyless"]["error"] == "the environment variable NO_KEY (key_variable) is not set"
    page = (scenes_home / "runs/demo/first/evaluation.html").read_text()
    assert "<strong>gone did not answer.</strong>" in page and KEY not in page
    assert KEY not in (scenes_home / "runs/demo/first/evaluation.json").read_text()
