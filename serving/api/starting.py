"""Ray Serve's proxy is up before the app is: until then it knows no path, which is no mistake of the caller's.

In: what the proxy answers. Out: the same, but for its own 404, which becomes a 503 in OpenAI's form with Retry-After:
the app stands at the root, so that no path is unknown once it is there, and its own 404s are JSON. This runs in the
proxy's process, which must not load the engine's libraries.
"""

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

RETRY_AFTER_S = 10
PROBLEM = {"message": "The service is starting. Try again soon.", "type": "server_error", "param": None}


class Starting:
    """ASGI middleware around Ray Serve's proxy."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        unknown = False

        async def pass_on(message: Message) -> None:
            nonlocal unknown
            if message["type"] == "http.response.start" and message["status"] == 404:
                content_type = dict(message.get("headers", ())).get(b"content-type", b"")
                if unknown := content_type.startswith(b"text/plain"):
                    body, headers = {"error": PROBLEM | {"code": "starting"}}, {"Retry-After": str(RETRY_AFTER_S)}
                    await JSONResponse(body, 503, headers)(scope, receive, send)
            if not unknown:
                await send(message)

        await self._app(scope, receive, pass_on)
