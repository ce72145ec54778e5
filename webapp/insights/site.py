"""The admin site: Django's own, plus the statistics page and its headline numbers on the front page."""

from django.contrib import admin
from django.template.response import TemplateResponse
from django.urls import path

from webapp.insights import charts
from webapp.insights.statistics import statistics


class BardloopAdminSite(admin.AdminSite):
    """Staff only, as every page of the admin."""

    site_header = "Bardloop"
    site_title = "Bardloop"
    index_title = "Behind the curtain"
    index_template = "insights/index.html"

    def get_urls(self):
        """The statistics page before Django's own."""
        return [path("statistics/", self.admin_view(self.statistics), name="statistics"), *super().get_urls()]

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
