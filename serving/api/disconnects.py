"""A client that leaves has left, however Ray Serve says so."""

import asyncio
from collections.abc import Coroutine

from fastapi import Request, Response
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


async def while_connected(http: Request, work: Coroutine[None, None, Response]) -> Response:
    """What `work` returns. It ends as soon as the client leaves, or whoever waits for this is told to.

    vLLM's `with_cancellation` lets go of the work in the second case: Ray Serve sometimes cancels before it says that
    the client has left, and a long reply would be computed for nobody.
    """
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_leaves(http))
    try:
        await asyncio.wait([working, leaving], return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else Response(status_code=499)  # which nobody reads
    finally:
        working.cancel()
        leaving.cancel()


async def _leaves(http: Request) -> None:
    while (await http.receive())["type"] != "http.disconnect":
        pass
