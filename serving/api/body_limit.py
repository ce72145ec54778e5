"""Bodies that are too large are refused while they come, before anything is made of them."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.api.errors import ApiError


class BodyLimit:
    """ASGI middleware: 413 in OpenAI's form for bodies of more than `most_bytes`."""

    def __init__(self, app: ASGIApp, most_bytes: int):
        self._app, self._most = app, most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        said = dict(scope["headers"]).get(b"content-length", b"0")
        if not said.isdigit() or int(said) > self._most:
            return await self._error().response()(scope, receive, send)
        arrived = 0

        async def counted() -> Message:
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            if arrived > self._most:
                raise self._error()  # an HTTPException, which FastAPI passes on; of any other it makes a 400
            return message

        return await self._app(scope, counted, send)

    def _error(self) -> ApiError:
        message = f"The body is larger than this service takes, {self._most} bytes."
        return ApiError(413, message, "body_too_large")
