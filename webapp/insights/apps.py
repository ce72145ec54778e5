"""The insights as Django apps: the statistics themselves, and the admin site that shows them."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class InsightsConfig(AppConfig):
    """Statistics over votes. It has no tables of its own."""

    name = "webapp.insights"
    label = "insights"
    verbose_name = "Insights"


class BardloopAdminConfig(AdminConfig):
    """The plain Django admin, with the statistics page in it."""

    default_site = "webapp.insights.site.BardloopAdminSite"
