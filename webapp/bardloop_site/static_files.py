"""Static files by WhiteNoise, without leaving the event loop.

WhiteNoise's own middleware is synchronous. Under ASGI one synchronous middleware sends every request, streams
included, through a thread; this one answers files itself and hands everything else on untouched.
"""

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware


class StaticFiles(WhiteNoiseMiddleware):
    """Serve what lies under STATIC_URL; works in front of synchronous and asynchronous handlers."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response):
        super().__init__(get_response)
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request):
        if not iscoroutinefunction(self):
            return super().__call__(request)
        return self._answer(request)

    async def _answer(self, request):
        found = self.find_file(request.path_info) if self.autorefresh else self.files.get(request.path_info)
        if found is None:
            return await self.get_response(request)
        answer = found.get_response(request.method, request.META)
        content = b""
        if answer.file:
            with answer.file as file:  # read whole: the largest of our files is a megabyte
                content = file.read()
        response = HttpResponse(content, status=int(answer.status))
        del response["Content-Type"]
        for name, value in answer.headers:
            response[name] = value
        return response
