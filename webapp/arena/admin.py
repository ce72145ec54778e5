"""Comparisons and votes in the admin: to read and to search, never to change."""

from django.contrib import admin

from webapp.arena.models import Comparison, Vote


class ReadOnly(admin.ModelAdmin):
    """What voters said stands as they said it: nobody adds, changes or deletes it here."""

    def has_add_permission(self, request):
        """No."""
        return False

    def has_change_permission(self, request, obj=None):
        """No."""
        return False

    def has_delete_permission(self, request, obj=None):
        """No."""
        return False


@admin.register(Comparison)
class ComparisonAdmin(ReadOnly):
    """All comparisons, the newest first."""

    list_display = ["title", "state", "failure", "model_left", "model_right", "created_at"]
    list_filter = ["state", "failure", "created_at"]
    search_fields = ["title", "posts", "reply_left", "reply_right"]
    ordering = ["-created_at"]


@admin.register(Vote)
class VoteAdmin(ReadOnly):
    """All votes, the newest first."""

    list_display = ["comparison", "choice", "left", "right", "dwell_ms", "created_at"]
    list_filter = ["choice", "created_at"]
    list_select_related = ["comparison"]
    search_fields = ["comparison__title"]
    ordering = ["-created_at"]

    @admin.display(description="left")
    def left(self, vote):
        """Who stood left."""
        return vote.comparison.model_left

    @admin.display(description="right")
    def right(self, vote):
        """Who stood right."""
        return vote.comparison.model_right
