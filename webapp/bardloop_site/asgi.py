"""The ASGI application: `python -m uvicorn webapp.bardloop_site.asgi:application`."""

import os

# Set, not defaulted: there is one settings module, and a test run that starts us must not hand down its own.
os.environ["DJANGO_SETTINGS_MODULE"] = "webapp.bardloop_site.settings"

from concurrent.futures import Executor, ThreadPoolExecutor
from contextvars import ContextVar

import django
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.core.handlers.asgi import ASGIHandler

from webapp.bardloop_site.request_limits import BodyLimit


class RequestThread(Executor):
    """The thread of one request: begun when there is something to do, ended by `rest`, begun again where needed."""

    def __init__(self):
        self._thread: ThreadPoolExecutor | None = None

    def submit(self, call, /, *arguments, **keywords):
        """Do it in the thread."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1)
        return self._thread.submit(call, *arguments, **keywords)

    def rest(self) -> None:
        """Do without a thread until the next call."""
        if self._thread is not None:
            self._thread.shutdown(wait=False)
            self._thread = None


_thread: ContextVar[RequestThread] = ContextVar("thread")


class InOneThread(ASGIHandler):
    """Middlewares and view go to the request's thread in one step, and come back in one (docs/decisions/0012).

    Django's own handler goes there and back again for each middleware that looks at the view, and for the view, and
    keeps a thread for as long as a stream lasts.
    """

    def load_middleware(self, is_async=False):
        """The chain as it is under WSGI; in it an asynchronous view still runs in the event loop."""
        super().load_middleware(is_async=False)
        self._middleware_chain = sync_to_async(self._middleware_chain)

    async def __call__(self, scope, receive, send):
        """One request."""
        thread = RequestThread()
        _thread.set(thread)
        try:
            async with ThreadSensitiveContext(executor=thread):
                await self.handle(scope, receive, send)
        finally:
            thread.rest()

    async def send_response(self, response, send):
        """A stream is sent from the event loop, and what it asks the database it asks in threads that all share."""
        if response.streaming:
            _thread.get().rest()
        await super().send_response(response, send)


django.setup(set_prefix=False)
application = BodyLimit(InOneThread())
