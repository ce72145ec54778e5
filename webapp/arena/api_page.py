"""GET /api/docs: Swagger UI in a page of ours, with a language, a heading, and a width that fits a phone."""

from django.shortcuts import render
from ninja.openapi.docs import DocsBase


class ApiPage(DocsBase):
    """What ninja asks for the page."""

    def render_page(self, request, api, **arguments):
        """The page; its script asks for the description and draws it."""
        settings = {"url": self.get_openapi_url(api, arguments), "layout": "BaseLayout", "deepLinking": True}
        return render(request, "arena/api.html", {"settings": settings, "title": api.title})
