"""The admin site: Django's own, plus our pages and the headline numbers on the front page."""

from django.contrib import admin
from django.template.response import TemplateResponse
from django.urls import path, reverse

from webapp.insights import charts
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
        ours = [path(f"{name}/", self.admin_view(getattr(self, name)), name=name) for name in PAGES]
        return [*ours, *super().get_urls()]

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
        """Comparisons, votes, win rates with intervals, votes per day."""
        numbers = statistics()
        context = self.each_context(request) | {
            "title": "Statistics",
            "statistics": numbers,
            "choices": charts.choice_bars(numbers.votes),
            "versions": charts.version_bars(numbers.versions),
            "days": charts.day_bars(numbers.days),
        }
        return TemplateResponse(request, "insights/statistics.html", context)

    def suspicion(self, request):
        """What the rules of suspicion.py point at."""
        return suspicion(request, self.each_context(request))
