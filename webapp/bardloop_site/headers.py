"""Headers that Django has no setting for: what a page may ask of the browser (nothing), and who may embed our files."""

from asgiref.sync import iscoroutinefunction, markcoroutinefunction

POWERS = ("accelerometer", "autoplay", "camera", "display-capture", "encrypted-media", "fullscreen", "geolocation")
POWERS += ("gyroscope", "magnetometer", "microphone", "midi", "payment", "publickey-credentials-get")
POWERS += ("screen-wake-lock", "usb", "xr-spatial-tracking")
HEADERS = {
    "Permissions-Policy": ", ".join(f"{power}=()" for power in POWERS),
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Headers:
    """Adds HEADERS to every answer, static files included."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response):
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request):
        if iscoroutinefunction(self):
            return self._later(request)
        return _with_headers(self.get_response(request))

    async def _later(self, request):
        return _with_headers(await self.get_response(request))


def _with_headers(response):
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
