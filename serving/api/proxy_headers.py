"""What Ray Serve's proxy is allowed to see of a request's headers.

In: a request as it came in. Out: the same without the headers that steer Ray Serve (the time-out of a request, going
on after the client has left, which replica is asked), and without those that are no UTF-8, which it answers with a
plain 500; its own routes are not shown. Ray Serve calls `middlewares` where its proxy starts, because
serving/ray_environment.py asks it to.
"""

import re

from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.api.starting import Starting

STEERS_RAY = {
    b"x-request-timeout-seconds",
    b"x-request-disconnect-disabled",
    b"serve-multiplexed-model-id",
    b"x-session-id",
}
REQUEST_ID = b"x-request-id"
GOOD_ID = re.compile(rb"[!-~]{1,128}")
"""An id that is none of these is replaced by one of Ray Serve's making, which the reply tells."""


class ProxyHeaders:
    """ASGI middleware around Ray Serve's proxy."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/-/"):
            await Response(status_code=404)(scope, receive, send)
            return
        if scope["type"] == "http":
            scope = scope | {"headers": [header for header in scope["headers"] if _harmless(*header)]}
        await self._app(scope, receive, send)


def _harmless(name: bytes, value: bytes) -> bool:
    name = name.lower()
    if name == REQUEST_ID and not GOOD_ID.fullmatch(value):
        return False
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return name.replace(b"_", b"-") not in STEERS_RAY


def middlewares() -> list[Middleware]:
    """For RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH."""
    return [Middleware(Starting), Middleware(ProxyHeaders)]
