"""The ASGI application: `python -m uvicorn webapp.bardloop_site.asgi:application`."""

import os

# Set, not defaulted: there is one settings module, and a test run that starts us must not hand down its own.
os.environ["DJANGO_SETTINGS_MODULE"] = "webapp.bardloop_site.settings"

import django
from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler

from webapp.bardloop_site.request_limits import BodyLimit


class InOneThread(ASGIHandler):
    """Middlewares and view go to the request's thread in one step, and come back in one (docs/decisions/0012).

    Django's own handler goes there and back again for each middleware that looks at the view, and for the view.
    """

    def load_middleware(self, is_async=False):
        """The chain as it is under WSGI; in it an asynchronous view still runs in the event loop."""
        super().load_middleware(is_async=False)
        self._middleware_chain = sync_to_async(self._middleware_chain)


django.setup(set_prefix=False)
application = BodyLimit(InOneThread())
