"""A client that leaves has left, however Ray Serve says so."""

from ray.exceptions import TaskCancelledError
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Disconnects:
    """ASGI middleware: now and then Ray Serve's `receive` raises where it should say `http.disconnect`.

    Such a request would be logged as failed, and be held against the version that answered it.
    """

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def heard() -> Message:
            try:
                return await receive()
            except TaskCancelledError:
                return {"type": "http.disconnect"}

        await self._app(scope, heard if scope["type"] == "http" else receive, send)
