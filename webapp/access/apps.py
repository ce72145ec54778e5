"""The access rules as a Django app."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """Allowances and program keys."""

    name = "webapp.access"
    label = "access"
    verbose_name = "Access"
