"""Headers that Django has no setting for: what a page may ask of the browser (nothing), and who may embed our files."""

POWERS = ("accelerometer", "autoplay", "camera", "display-capture", "encrypted-media", "fullscreen", "geolocation")
POWERS += ("gyroscope", "magnetometer", "microphone", "midi", "payment", "publickey-credentials-get")
POWERS += ("screen-wake-lock", "usb", "xr-spatial-tracking")
HEADERS = {
    "Permissions-Policy": ", ".join(f"{power}=()" for power in POWERS),
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Headers:
    """Adds HEADERS to every answer, static files included."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response
