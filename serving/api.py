"""The HTTP face of the engine: an allow-list of routes. What is not here does not exist, vLLM's own routes included.

In: OpenAI requests with the API key, operations with the admin key. Out: vLLM's own answers to OpenAI requests,
with `model` being the base's name or the `name@version` that the request's model stood for when it came in.
"""

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.entrypoints.openai.completion.protocol import CompletionRequest
from vllm.entrypoints.serve import create_error_response
from vllm.entrypoints.serve.engine.protocol import ErrorResponse
from vllm.entrypoints.serve.utils.api_utils import with_cancellation
from vllm.exceptions import VLLMError

from serving.access import ApiError, bearer
from serving.engine import Engine
from serving.refusal import Refusal
from serving.rollout import Rollouts
from serving.settings import Keys

log = logging.getLogger(__name__)


class AdapterToRollOut(BaseModel):
    """Body of POST /admin/rollouts."""

    model_config = ConfigDict(extra="forbid")

    adapter: str
    """`name@version`."""


class NameToRollBack(BaseModel):
    """Body of POST /admin/rollbacks."""

    model_config = ConfigDict(extra="forbid")

    name: str


def build_api(engine: Engine, rollouts: Rollouts, keys: Keys) -> FastAPI:
    """The whole application. /v1 asks for the API key, /admin for the admin key, /health for none."""
    app = FastAPI(title="Bardloop inference", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(_openai_routes(engine, rollouts), prefix="/v1", dependencies=[Depends(bearer(keys.api))])
    app.include_router(_admin_routes(rollouts), prefix="/admin", dependencies=[Depends(bearer(keys.admin))])

    @app.get("/health")
    async def health() -> Response:
        """200 when the engine makes tokens, 503 when it does not."""
        if not await engine.can_generate():
            raise ApiError(503, "The engine cannot generate; its log says why.", "engine_down", "server_error")
        return JSONResponse({"status": "ok"})

    _answer_errors(app)
    return app


def _openai_routes(engine: Engine, rollouts: Rollouts) -> APIRouter:
    routes = APIRouter()
    started = int(time.time())

    def resolve(request: ChatCompletionRequest | CompletionRequest) -> None:
        """Put what the requested model stands for now in its place: once, so one reply is one version's."""
        resolved = rollouts.resolve(request.model or "")
        if not resolved:
            raise _no_such_model(request.model, rollouts)
        request.model = resolved

    def cards() -> list[dict]:
        base = engine.settings.base.name
        common = {"object": "model", "created": started, "owned_by": "bardloop"}
        limit = {"max_model_len": engine.settings.engine.max_model_len}
        adapters = rollouts.aliases | {reference: reference for reference in engine.loaded}
        return [{"id": base, **common, "root": base, "parent": None, **limit}] + [
            {"id": name, **common, "root": version, "parent": base, **limit} for name, version in adapters.items()
        ]

    @routes.get("/models")
    async def models():
        """Base, adapter names and loaded versions."""
        return {"object": "list", "data": cards()}

    @routes.get("/models/{name}")
    async def model(name: str):
        """One of them."""
        for card in cards():
            if card["id"] == name:
                return card
        raise _no_such_model(name, rollouts)

    @routes.post("/chat/completions")
    @with_cancellation
    async def chat_completions(request: ChatCompletionRequest, raw_request: Request):
        """A reply to chat messages."""
        resolve(request)
        return await _respond(engine.chat.create_chat_completion(request, raw_request))

    @routes.post("/completions")
    @with_cancellation
    async def completions(request: CompletionRequest, raw_request: Request):
        """A continuation of a plain prompt."""
        resolve(request)
        return await _respond(engine.completion.create_completion(request, raw_request))

    return routes


def _admin_routes(rollouts: Rollouts) -> APIRouter:
    routes = APIRouter()

    @routes.post("/rollouts")
    async def roll_out(body: AdapterToRollOut):
        """Make an adapter version the stable one of its name."""
        return await rollouts.roll_out(body.adapter)

    @routes.post("/rollbacks")
    async def roll_back(body: NameToRollBack):
        """Make the previous version of a name stable again."""
        return await rollouts.roll_back(body.name)

    @routes.get("/registry")
    async def registry():
        """The pointers, and the names that are not served with the reason."""
        refused = {name: {"code": r.code, "message": str(r)} for name, r in rollouts.not_served.items()}
        return {"adapters": rollouts.pointers, "not_served": refused}

    return routes


async def _respond(work: Awaitable) -> Response:
    """vLLM's answer as an HTTP response: an error, a whole JSON document, or server-sent events."""
    answer = await work
    if isinstance(answer, ErrorResponse):
        return JSONResponse(answer.model_dump(), status_code=answer.error.code)
    if isinstance(answer, AsyncIterator):
        return StreamingResponse(answer, media_type="text/event-stream")
    return JSONResponse(answer.model_dump())


def _no_such_model(model: str | None, rollouts: Rollouts) -> ApiError:
    message = f"The model {model!r} does not exist."
    if refusal := rollouts.not_served.get(model or ""):
        message = f"The model {model!r} is not served: {refusal} ({refusal.code})."
    return ApiError(404, message, "model_not_found", "invalid_request_error", param="model")


def _answer_errors(app: FastAPI) -> None:
    """Give every error OpenAI's form."""

    def answer(kind: type[Exception]) -> Callable:
        def register(make: Callable[[Exception], ApiError]) -> Callable:
            async def handle(request: Request, error: Exception) -> Response:
                return make(error).response()

            app.add_exception_handler(kind, handle)
            return make

        return register

    @answer(ApiError)
    def own(error: ApiError) -> ApiError:
        return error

    @answer(Refusal)
    def refused(error: Refusal) -> ApiError:
        return ApiError(error.status, str(error), error.code, "invalid_request_error")

    @answer(HTTPException)
    def by_the_framework(error: HTTPException) -> ApiError:
        return ApiError(error.status_code, str(error.detail), None, "invalid_request_error")

    @answer(RequestValidationError)
    def malformed(error: RequestValidationError) -> ApiError:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"][1:])
        message = f"{where}: {first['msg']}" if where else first["msg"]
        return ApiError(400, message, None, "invalid_request_error", where or None)

    async def by_vllm(request: Request, error: Exception) -> Response:
        """vLLM's own judgement of what it raised: the client's mistake (4xx) or ours (5xx)."""
        answer = create_error_response(error)
        if answer.error.code >= 500:
            log.error("%s failed", request.url.path, exc_info=error)
        return JSONResponse(answer.model_dump(), status_code=answer.error.code)

    for kind in (VLLMError, ValueError, TypeError, OverflowError, NotImplementedError, Exception):
        app.add_exception_handler(kind, by_vllm)
