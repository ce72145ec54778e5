"""The ASGI application: `python -m uvicorn webapp.bardloop_site.asgi:application`."""

import os

# Set, not defaulted: there is one settings module, and a test run that starts us must not hand down its own.
os.environ["DJANGO_SETTINGS_MODULE"] = "webapp.bardloop_site.settings"

from django.core.asgi import get_asgi_application

from webapp.bardloop_site.request_limits import BodyLimit

application = BodyLimit(get_asgi_application())
