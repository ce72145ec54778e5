"""Static files by WhiteNoise, read whole: of its own answers, which are file iterators, Django warns under ASGI."""

from django.http import HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware


class StaticFiles(WhiteNoiseMiddleware):
    """Serve what lies under STATIC_URL."""

    @staticmethod
    def serve(static_file, request):
        """The file as one answer; the largest of ours is a megabyte."""
        found = static_file.get_response(request.method, request.META)
        content = b""
        if found.file:
            with found.file as file:
                content = file.read()
        response = HttpResponse(content, status=int(found.status))
        del response["Content-Type"]
        for name, value in found.headers:
            response[name] = value
        return response
