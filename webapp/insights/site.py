"""The admin site: Django's own, plus our pages and the headline numbers on the front page."""

from django.contrib import admin
from django.urls import path, reverse

from webapp.insights.pages.views import statistics_csv, statistics_page
from webapp.insights.statistics import statistics
from webapp.insights.suspicion_page import suspicion

PAGES = {"statistics": "Statistics", "suspicion": "Votes that may not be honest"}
"""Name of the address to the title in the side bar."""


class BardloopAdminSite(admin.AdminSite):
    """Staff only, as every page of the admin."""

    site_header = "Bardloop"
    site_title = "Bardloop"
    index_title = "Behind the curtain"
    index_template = "insights/index.html"

    def get_urls(self):
        """Our pages before Django's own."""
        more = [
            ("statistics/<slug:name>/", "statistics_page"),
            ("statistics/<slug:table>.csv", "statistics_csv"),
            ("statistics/<slug:name>/<slug:table>.csv", "statistics_csv"),
        ]
        ours = [(f"{name}/", name) for name in PAGES] + more
        return [*(path(at, self.admin_view(getattr(self, name)), name=name) for at, name in ours), *super().get_urls()]

    def get_app_list(self, request, app_label=None):
        """Django's list, and our pages as entries of their own: so they stand in the side bar of every page."""
        entries = [
            {"name": title, "object_name": name, "admin_url": reverse(f"admin:{name}")}
            | {"perms": {"view": True}, "view_only": True, "add_url": None}
            for name, title in PAGES.items()
        ]
        ours = {"name": "Insights", "app_label": "insights", "app_url": reverse("admin:statistics"), "models": entries}
        others = super().get_app_list(request, app_label)
        return others if app_label else [ours, *others]

    def index(self, request, extra_context=None):
        """Django's list of models under the headline numbers."""
        return super().index(request, {"statistics": statistics()} | (extra_context or {}))

    def statistics(self, request):
        """The first page of the statistics."""
        return statistics_page(request, self.each_context(request))

    def statistics_page(self, request, name):
        """The other pages."""
        return statistics_page(request, self.each_context(request), name)

    def statistics_csv(self, request, table, name="overview"):
        """A table of a page."""
        return statistics_csv(request, name, table)

    def suspicion(self, request):
        """What the rules of suspicion.py point at."""
        return suspicion(request, self.each_context(request))
