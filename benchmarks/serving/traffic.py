"""A steady load of streams, and what became of each.

In: a service, a model's name, how many streams at a time. Out: a list of requests with their times and outcomes.
"""

import dataclasses
import json
import threading
import time

import httpx

from benchmarks.serving.load import SCENE, Service

STREAMS = 3
PAUSE_S = 0.2
"""After a request that failed: people, too, do not come again at once."""

GIVES_UP_AFTER_S = 30.0


@dataclasses.dataclass(frozen=True)
class Request:
    """One request. Times are time.monotonic(). `failed`: why; empty when it was answered to its end by one version."""

    began: float
    ended: float
    version: str
    failed: str = ""


class Traffic:
    """Within its block, `streams` streams of `tokens` tokens are asked of `model` all the time."""

    def __init__(self, service: Service, model: str, tokens: int = 8, streams: int = STREAMS):
        self.requests: list[Request] = []
        self._service, self._model, self._tokens = service, model, tokens
        self._stop = threading.Event()
        self._lanes = [threading.Thread(target=self._ask_on) for _ in range(streams)]

    def __enter__(self) -> "Traffic":
        for lane in self._lanes:
            lane.start()
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        for lane in self._lanes:
            lane.join()

    def since(self, began: float) -> list[Request]:
        """The requests that ended after `began`."""
        return [request for request in self.requests if request.ended >= began]

    def _ask_on(self) -> None:
        headers = {"Authorization": f"Bearer {self._service.key}"}
        with httpx.Client(base_url=self._service.url, headers=headers, timeout=GIVES_UP_AFTER_S) as client:
            while not self._stop.is_set():
                request = self._ask(client)
                self.requests.append(request)
                if request.failed:
                    self._stop.wait(PAUSE_S)

    def _ask(self, client: httpx.Client) -> Request:
        began, versions, done, failed = time.monotonic(), set(), False, ""
        body = {"model": self._model, "prompt": SCENE, "max_tokens": self._tokens, "stream": True, "ignore_eos": True}
        try:
            with client.stream("POST", "/v1/completions", json=body) as answer:
                if answer.status_code != 200:
                    failed = f"{answer.status_code}: {answer.read().decode(errors='replace')[:200]}"
                for line in answer.iter_lines() if not failed else ():
                    done |= line == "data: [DONE]"
                    if line.startswith("data: {"):
                        piece = json.loads(line[6:])
                        failed = failed or str(piece.get("error") or "")
                        versions.add(piece.get("model"))
        except (httpx.HTTPError, json.JSONDecodeError) as error:  # the latter: a piece that was cut
            failed = type(error).__name__
        if not failed and (not done or len(versions) != 1):
            failed = f"done: {done}, versions: {versions}"
        return Request(began, time.monotonic(), str(next(iter(versions), "")), failed)
