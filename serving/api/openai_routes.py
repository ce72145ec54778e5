"""OpenAI's routes: vLLM's own answers, `model` being the base's name or the `name@version` that the request's model
stood for when it came in.
"""

import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from vllm.entrypoints.serve.engine.protocol import ErrorInfo, ErrorResponse

from serving.api.access import Access
from serving.api.disconnects import while_connected
from serving.api.errors import ApiError, by_vllm
from serving.api.exchange import CONVERSATION_ID, Exchange, outcome_of, request_id
from serving.api.questions import ChatQuestion, CompletionQuestion, Question
from serving.engine import Engine
from serving.keys import Key
from serving.metrics import RequestMetrics
from serving.rollouts.follower import Follower

DATA = "data: "
BROKEN = DATA + '{"error"'
"""How vLLM begins the piece of a stream that says that there will be no reply."""
LONGEST_NAME = 256
"""Of a model, in a message."""
STREAM = {200: {"content": {"text/event-stream": {}}}}


def openai_routes(engine: Engine, follower: Follower, access: Access) -> APIRouter:
    """/models, /chat/completions, /completions: what clients of OpenAI's API ask."""
    routes = APIRouter()
    started, metrics = int(time.time()), RequestMetrics()
    asking = Annotated[Key, Depends(access.key(admin=False))]

    def cards(key: Key) -> list[dict]:
        base = engine.settings.base.name
        common = {"object": "model", "created": started, "owned_by": "bardloop"}
        limit = {"max_model_len": engine.settings.engine.max_model_len}
        adapters = follower.served()
        every = [{"id": base, **common, "root": base, "parent": None, **limit}] + [
            {"id": name, **common, "root": version, "parent": base, "stage": follower.stage(version), **limit}
            for name, version in adapters.items()
        ]
        return [card for card in every if key.may_ask(card["id"])]

    @routes.get("/models")
    async def models(key: asking):
        """Base, adapter names and loaded versions, as far as the key may ask them."""
        return {"object": "list", "data": cards(key)}

    @routes.get("/models/{name}")
    async def model(name: str, key: asking):
        """One of them."""
        for card in cards(key):
            if card["id"] == name:
                return card
        raise _no_such_model(name, follower)

    @routes.post("/chat/completions", responses=STREAM)
    async def chat_completions(request: ChatQuestion, raw_request: Request, key: asking):
        """A reply to chat messages."""
        return await while_connected(raw_request, answer(request, raw_request, key, engine.chat.create_chat_completion))

    @routes.post("/completions", responses=STREAM)
    async def completions(request: CompletionQuestion, raw_request: Request, key: asking):
        """A continuation of a plain prompt."""
        return await while_connected(
            raw_request, answer(request, raw_request, key, engine.completion.create_completion)
        )

    async def answer(question: Question, http: Request, key: Key, ask: Callable[..., Awaitable]) -> Response:
        access.check_model(key, question.model)
        version = follower.resolve(question.model, http.headers.get(CONVERSATION_ID))
        if not version:
            raise _no_such_model(question.model, follower)
        _check_size(question, engine)
        asked = question.for_vllm(version)  # once: a stream ends with the version that it began with
        identity = request_id(http)
        with contextlib.ExitStack() as opened:
            opened.enter_context(access.admit(key, question.replies))
            opened.enter_context(engine.using(version))
            judge = follower if question.model != version else None
            exchange = Exchange(identity, key.name, version, bool(question.stream), metrics, judge)
            opened.enter_context(exchange)
            try:
                reply = await ask(asked, exchange.vllm_request)  # not the caller's: vLLM would obey some of its headers
            except Exception as error:  # vLLM raises many kinds for what a client did wrong
                raise by_vllm(error) from error
            if isinstance(reply, ErrorResponse):
                raise by_vllm(reply.error)
            if isinstance(reply, AsyncIterator):
                return Streamed(reply, exchange, opened.pop_all())
            exchange.outcome = "answered"
            return JSONResponse(reply.model_dump())

    return routes


class Streamed(StreamingResponse):
    """Server-sent events. What was `opened` for the request is closed whatever becomes of the reply, begun or not."""

    def __init__(self, pieces: AsyncIterator[str], exchange: Exchange, opened: contextlib.ExitStack):
        super().__init__(self._counted(pieces, exchange), media_type="text/event-stream")
        self._opened = opened

    async def __call__(self, scope, receive, send) -> None:
        with self._opened:
            await super().__call__(scope, receive, send)

    @staticmethod
    async def _counted(pieces: AsyncIterator[str], exchange: Exchange) -> AsyncIterator[str]:
        outcome = "answered"
        async for piece in pieces:
            if piece.startswith(BROKEN):
                error = by_vllm(ErrorInfo(**json.loads(piece.removeprefix(DATA))["error"]))
                outcome = outcome_of(error)
                piece = f"{DATA}{json.dumps(error.document())}\n\n"
            else:
                exchange.chunk()
            yield piece
        exchange.outcome = outcome


def _check_size(question: Question, engine: Engine) -> None:
    """Raises ApiError: more is asked for than the recipe allows."""
    limits = engine.settings.engine
    for field in ("max_tokens", "max_completion_tokens"):
        asked = getattr(question, field, None)
        if asked is not None and asked > limits.max_reply_tokens:
            message = f"{field}: {asked} is more than this service gives, {limits.max_reply_tokens}"
            raise ApiError(400, message, "too_many_tokens", param=field)
    if question.replies > limits.max_choices:
        what = f"n: {question.replies}" if question.replies == question.n else f"{question.replies} replies"
        message = f"{what} is more than this service gives to one request, {limits.max_choices}"
        raise ApiError(400, message, None, param="n")


def _no_such_model(model: str, follower: Follower) -> ApiError:
    message = f"The model {model[:LONGEST_NAME]!r} does not exist."
    if refused := follower.refused(model):
        message = f"The model {model!r} is not served now ({refused.code})."  # /admin/registry says more, paths too
    return ApiError(404, message, "model_not_found", param="model")
