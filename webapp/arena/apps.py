"""The arena as a Django app."""

from django.apps import AppConfig


class ArenaConfig(AppConfig):
    """Scenes, comparisons, votes."""

    name = "webapp.arena"
    label = "arena"
    verbose_name = "Arena"
