"""The inference engine as the site sees it: which models there are, and one reply, streamed.

In: names and chat messages. Out: text, and the resolved name of the model that wrote it. Anything else is an
`EngineFault` with a reason code, never half a reply taken for a whole one.
"""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import httpx
from django.conf import settings
from pydantic import BaseModel

from webapp.arena.refusals import Refusal

MESSAGES = {
    "unreachable": "The storytellers cannot be reached: the inference engine is not running, or it is still starting. "
    "Try again in a minute.",
    "no_adapter": "No trained adapter is live yet, so there are no two storytellers to compare. The first one appears "
    "when its training has finished. Try again in a few minutes.",
    "no_pair": "None of the meetings that the operator wants can be played now: another version has to be loaded "
    "first. Try again later.",
    "key_refused": "The inference engine does not accept this site's key. The operator has to check BARDLOOP_API_KEY.",
    "timeout": "The storytellers took too long to answer. Try again in a minute.",
    "busy": "The storytellers are busy with other scenes. Try again in a minute.",
    "too_long": "The storytellers cannot take this post; most likely it is too long for them. Write a shorter one.",
    "scene_too_long": "The scene has grown too long for the storytellers. Vote on what you have read, or shorten your "
    "last post.",
    "model_gone": "One of the two storytellers has just left the stage. Try again: you will get two that are there.",
    "cut_off": "The connection to the storytellers broke before both replies were complete. Try again.",
    "empty_reply": "One of the storytellers had nothing to say. Try again.",
    "wrong_model": "The engine answered with another model than it was asked for, so this comparison would be worth "
    "nothing. Try again; if it happens twice, tell the operator.",
    "version_changed": "One of the storytellers was replaced while you played, so this turn is not by the two that you "
    "began with. Vote on what you have read so far, or start another scene.",
    "engine_error": "The inference engine reported an error. Try again in a minute.",
}
"""Reason code to what a person reads. None of them says which of the two models it was."""


ON_TRIAL = ("candidate", "canary")
"""Stages of a version that may become the stable one."""


class EngineFault(Refusal):
    """The engine did not do what it was asked. `detail` is for the log: it may name the model."""

    def __init__(self, code: str, detail: str = ""):
        super().__init__(503, code, MESSAGES[code])
        self.detail = detail


@dataclass(frozen=True)
class ServedPair:
    """A base model and an adapter on it: its name, if something answers by it, and its versions that are loaded."""

    base: str
    adapter: str | None
    """The name to ask for the stable version; None where a first version is only held yet."""
    stable: str | None
    """The version that the name stands for."""
    candidates: tuple[str, ...] = ()
    """Versions that are on trial: held for votes, or answering a share."""
    others: tuple[str, ...] = ()
    """Further versions that are loaded, older ones."""


def is_adapter_version(name: str) -> bool:
    """Whether `name` is a resolved adapter version (`name@sha12`) and not a base model."""
    return "@" in name


async def served_pairs() -> list[ServedPair]:
    """Every adapter that is live or has a version on trial, with its base.

    Raises:
        EngineFault: the engine is down, refuses the key, or has no adapter.
    """
    try:
        response = await _client().get("/v1/models", timeout=httpx.Timeout(15, connect=5))
        if response.status_code in (502, 503, 504):
            raise EngineFault("unreachable", f"/v1/models: HTTP {response.status_code}")
        _check_status(response.status_code, "/v1/models")
        cards = [Card.model_validate(card) for card in response.json()["data"]]
    except httpx.HTTPError as error:
        raise _fault(error, "/v1/models") from error
    except (ValueError, KeyError, TypeError) as error:
        raise EngineFault("engine_error", f"/v1/models is not a list of models: {error!r}") from error
    pairs = _pairs(cards)
    if not pairs:
        raise EngineFault("no_adapter", f"/v1/models lists {', '.join(card.id for card in cards) or 'nothing'}")
    return pairs


class Card(BaseModel):
    """One line of the engine's list of models."""

    id: str
    root: str | None = None
    parent: str | None = None
    """The base; None: it is one."""
    stage: str | None = None
    """What a version is there for, see docs/serving.md."""


def _pairs(cards: Sequence[Card]) -> list[ServedPair]:
    bases = {card.id for card in cards if not card.parent}
    adapters = [card for card in cards if card.parent in bases]
    names = dict.fromkeys((card.id.split("@")[0], card.parent) for card in adapters)
    pairs = []
    for name, base in names:
        named = next((card for card in adapters if card.id == name), None)
        stable = (named.root or name) if named else None
        versions = [card for card in adapters if card.id.startswith(f"{name}@") and card.id != stable]
        on_trial = tuple(card.id for card in versions if card.stage in ON_TRIAL)
        others = tuple(card.id for card in versions if card.stage not in ON_TRIAL)
        if named or on_trial:
            pairs.append(ServedPair(base, name if named else None, stable, on_trial, others))
    return pairs


class Reply:
    """One reply being written. `text` and `model` (the resolved name) are whole once `deltas` has ended.

    `first_token` and `seconds` say how long after the question the first words and the end came.
    """

    def __init__(self, asked: str, messages: list[dict], conversation: str):
        """`conversation`: while a new version is tried out, all replies of one come from the same version."""
        self.asked = asked
        self.messages = messages
        self.conversation = conversation
        self.text = ""
        self.model = ""
        self.first_token: float | None = None
        self.seconds: float | None = None

    async def deltas(self) -> AsyncIterator[str]:
        """The reply's text, piece by piece as the engine sends it.

        Raises:
            EngineFault: the reply did not come, broke off, is empty, or is another model's.
        """
        request = {
            "model": self.asked,
            "messages": self.messages,
            "stream": True,
            "temperature": settings.REPLY_TEMPERATURE,
            "max_tokens": settings.REPLY_TOKENS,
        }
        headers = {
            "X-Conversation-Id": self.conversation,
            "X-Request-Id": f"{self.conversation}.{uuid.uuid4().hex[:8]}",  # the engine's log has it
        }
        began = time.monotonic()
        asked = _client().stream(
            "POST",
            "/v1/chat/completions",
            json=request,
            headers=headers,
            timeout=httpx.Timeout(settings.REPLY_TIMEOUT_S, connect=5),
        )
        try:
            async with asked as response:
                _check_status(response.status_code, self.asked)
                async for chunk in self._chunks(response):
                    self.first_token = self.first_token or time.monotonic() - began
                    self.text += chunk
                    yield chunk
                self.seconds = time.monotonic() - began
        except httpx.HTTPError as error:
            raise _fault(error, self.asked) from error
        if not self.text.strip():
            raise EngineFault("empty_reply", self.asked)

    async def _chunks(self, response: httpx.Response) -> AsyncIterator[str]:
        """Texts in the event stream, up to its `[DONE]`."""
        async for line in response.aiter_lines():
            if not line.startswith("data:"):
                continue
            data = line.removeprefix("data:").strip()
            if data == "[DONE]":
                return
            try:
                event = json.loads(data)
                if "error" in event:
                    raise EngineFault("engine_error", f"{self.asked}: {event['error']}")
                if not self.model:
                    self._take_model(event["model"])
                # the last chunk may hold only the usage
                text = event["choices"][0]["delta"].get("content") if event["choices"] else None
            except (ValueError, KeyError, TypeError) as error:
                raise EngineFault("engine_error", f"{self.asked}: not a chat completion chunk: {data[:200]}") from error
            if text:
                yield _storable(text)
        raise EngineFault("cut_off", f"{self.asked}: the stream ended without [DONE]")

    def _take_model(self, reported: str) -> None:
        """Keep the name of the model that answered; a base answers as itself, an alias as one of its versions."""
        if reported != self.asked and not reported.startswith(f"{self.asked}@"):
            raise EngineFault("wrong_model", f"asked {self.asked}, answered by {reported}")
        self.model = reported


def _storable(text: str) -> str:
    """`text` without what PostgreSQL cannot hold: NUL and lone surrogates. A model may write anything."""
    return text.replace("\x00", "").encode(errors="replace").decode()


_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = WeakKeyDictionary()
"""One for each event loop, of which a process of the site has one: all its replies share it."""


def _client() -> httpx.AsyncClient:
    loop = asyncio.get_running_loop()
    if loop not in _clients:
        headers = {"Authorization": f"Bearer {settings.INFERENCE_KEY}"} if settings.INFERENCE_KEY else {}
        _clients[loop] = httpx.AsyncClient(
            base_url=settings.INFERENCE_URL,
            headers=headers,
            # Every reply holds a connection. Idle ones are given up before the engine would hang up on them.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=2),
            trust_env=False,  # the engine is ours and reached directly, whatever proxy the machine uses for the web
        )
    return _clients[loop]


def _check_status(status: int, what: str) -> None:
    if status == 200:
        return
    code = {400: "too_long", 401: "key_refused", 403: "key_refused", 404: "model_gone", 429: "busy", 503: "busy"}
    raise EngineFault(code.get(status, "engine_error"), f"{what}: HTTP {status}")


def _fault(error: httpx.HTTPError, what: str) -> EngineFault:
    """The fault that a transport error amounts to."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        code = "unreachable"
    elif isinstance(error, httpx.TimeoutException):
        code = "timeout"
    else:
        code = "cut_off"
    return EngineFault(code, f"{what}: {error!r}")
