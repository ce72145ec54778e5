"""One request and its reply: what is counted, measured and logged of it. Never what was said.

In: a request that was admitted. Out: a JSON line in the log `serving.requests`, Prometheus metrics through Ray, and
what the rollout control judges versions by.
"""

import logging
import time
from typing import Literal

from fastapi import Request

from serving.api.errors import ApiError
from serving.metrics import RequestMetrics
from serving.rollouts.follower import Follower
from serving.rollouts.states import Observed

log = logging.getLogger("serving.requests")

REQUEST_ID = "X-Request-Id"
"""The caller's, or one of Ray Serve's making: its proxy adds it to requests without one, and to every reply."""
LONGEST_ID = 128
CONVERSATION_ID = "X-Conversation-Id"

Outcome = Literal["answered", "failed", "refused", "gone"]
"""`failed` is the engine's fault, `refused` the client's, `gone` a client that did not wait for the end."""


def request_id(request: Request) -> str:
    """What this request is called in the logs of both sides."""
    return request.headers[REQUEST_ID][:LONGEST_ID]


def outcome_of(error: Exception) -> Outcome:
    """Whose fault an error is: a client that asks for nonsense must not end a rollout."""
    return "refused" if isinstance(error, ApiError) and error.status < 500 else "failed"


class Exchange:
    """A context: ends with the outcome that was set last, `gone` when none was.

    `vllm_request` goes to vLLM, which leaves in it how many tokens it counted; it has no headers that vLLM could obey.
    """

    def __init__(
        self, identity: str, key: str, version: str, stream: bool, metrics: RequestMetrics, follower: Follower | None
    ):
        """`follower` judges versions by what becomes of this; None where the caller has chosen the version itself."""
        self.identity, self.version, self.outcome = identity, version, "gone"
        self.vllm_request = Request({"type": "http", "headers": []})
        self._key, self._stream, self._metrics, self._follower = key, stream, metrics, follower
        self._began, self._chunks = time.monotonic(), 0
        self._first_at: float | None = None
        self._last_at = self._began

    def chunk(self) -> None:
        """A piece of the reply is about to be sent."""
        self._chunks += 1
        self._last_at = time.monotonic()
        if self._first_at is None:
            self._first_at = self._last_at

    def __enter__(self) -> "Exchange":
        return self

    def __exit__(self, kind, error, stack) -> None:
        if isinstance(error, Exception):
            self.outcome = outcome_of(error)
        seconds = time.monotonic() - self._began
        prompt, reply = self._tokens()
        first_s = self._first_at - self._began if self._first_at and self._stream else None
        token_s = (self._last_at - self._first_at) / (reply - 1) if first_s and reply > 1 else None
        self._metrics.count(self.version, self.outcome, (prompt, reply), seconds, first_s, token_s)
        if self._follower:
            gave_up_s = (
                seconds if self.outcome == "gone" and self._stream else None
            )  # as long at least it would have been
            first = tuple(filter(None, (first_s or gave_up_s,)))
            self._follower.observe(self.version, Observed(self.outcome == "answered", self.outcome == "failed", first))
        line = {"id": self.identity, "key": self._key, "version": self.version, "stream": self._stream}
        line |= {"outcome": self.outcome, "prompt_tokens": prompt, "reply_tokens": reply, "seconds": round(seconds, 3)}
        log.info("request", extra=line | {"first_token_s": first_s and round(first_s, 3)})

    def _tokens(self) -> tuple[int, int]:
        """Of prompt and reply, as vLLM counted them at the reply's end.

        A stream that did not come to its end counts its pieces, mostly a token each, and no prompt.
        """
        counted = getattr(self.vllm_request.state, "request_metadata", None)
        usage = counted and counted.final_usage_info
        return (usage.prompt_tokens, usage.completion_tokens) if usage else (0, self._chunks)
