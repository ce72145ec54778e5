"""Every error in OpenAI's form, whoever raised it. What is our fault is logged, and told without details."""

import logging
from collections.abc import Callable, Sequence

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from vllm.entrypoints.serve import create_error_response
from vllm.entrypoints.serve.engine.protocol import ErrorInfo

from serving.refusal import Refusal

log = logging.getLogger(__name__)

LONGEST_FIELD = 100
"""Of a field's name in a message: it may be the caller's invention."""
OURS = "The service failed at this request; its log says why."


class Problem(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ErrorDocument(BaseModel):
    """Body of every answer that is no success."""

    error: Problem


class ApiError(HTTPException):
    """An answer that is no success: HTTP `status`, and OpenAI's `message`, `code`, `param` and `kind` (its `type`).

    `retry_after`: seconds after which another try makes sense.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None,
        kind: str = "invalid_request_error",
        param: str | None = None,
        retry_after: float | None = None,
    ):
        super().__init__(status, message)
        self.status, self.code, self.kind, self.param, self.retry_after = status, code, kind, param, retry_after

    def document(self) -> dict:
        """The error as OpenAI's clients expect it."""
        param = None if self.param is None else _encodable(self.param)
        problem = Problem(message=_encodable(self.detail), type=self.kind, param=param, code=self.code)
        return ErrorDocument(error=problem).model_dump()

    def response(self) -> JSONResponse:
        """The same as an answer."""
        headers = {}
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        if self.retry_after is not None:
            headers["Retry-After"] = str(max(1, round(self.retry_after)))
        return JSONResponse(self.document(), status_code=self.status, headers=headers)


def by_vllm(error: Exception | ErrorInfo) -> ApiError:
    """vLLM's own judgement of what it raised or answered: the client's mistake (4xx) or ours (5xx)."""
    judged = create_error_response(error).error if isinstance(error, Exception) else error
    if judged.code >= 500:
        log.error("vLLM failed: %s", judged.message, exc_info=error if isinstance(error, Exception) else None)
        return ApiError(judged.code, OURS, None, "server_error")
    return ApiError(judged.code, judged.message, None, param=judged.param)


def first_mistake(mistakes: Sequence[dict], skip: int) -> tuple[str, str | None]:
    """Of pydantic's list: a message, and the field that it is about. `skip`: steps of the path before the fields."""
    first = mistakes[0]
    if first["type"] == "json_invalid":
        return f"The body is no valid JSON: {first['ctx']['error']}, at character {first['loc'][-1]}.", None
    # Of a field that may have several types, pydantic names every one that does not fit; the deepest was meant.
    field = first["loc"][skip : skip + 1]
    first = max((each for each in mistakes if each["loc"][skip : skip + 1] == field), key=lambda each: len(each["loc"]))
    unknown = first["type"] == "extra_forbidden"
    path = first["loc"][skip:]
    steps = [str(step) for place, step in enumerate(path, 1) if _is_field(step) or (unknown and place == len(path))]
    where = ".".join(steps)
    if len(where) > LONGEST_FIELD:
        where = where[:LONGEST_FIELD] + "…"
    message = "This service takes no such field." if unknown else first["msg"].removeprefix("Value error, ")
    return (f"{where}: {message}", where) if where else (message, None)


def _is_field(step: str | int) -> bool:
    """Whether a step of pydantic's path stands in the body too, and is not the type that it tried there."""
    return isinstance(step, int) or (step.isidentifier() and step != "str")


def answer_errors(app: FastAPI) -> None:
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
        return ApiError(error.status, str(error), error.code)

    @answer(HTTPException)
    def by_the_framework(error: HTTPException) -> ApiError:
        return ApiError(error.status_code, str(error.detail), None)

    @answer(RequestValidationError)
    def malformed(error: RequestValidationError) -> ApiError:
        message, param = first_mistake(error.errors(), skip=1)
        return ApiError(400, message, None, param=param)

    @answer(Exception)
    def unexpected(error: Exception) -> ApiError:
        log.error("a request failed", exc_info=error)
        return ApiError(500, OURS, None, "server_error")


def _encodable(text: str) -> str:
    """Without halves of surrogate pairs, which JSON may bring in and UTF-8 cannot carry out."""
    return text.encode(errors="replace").decode()
