"""Comparisons, turns and votes in the admin: to read and to search, never to change."""

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q

from webapp.arena.models import Comparison, Invitation, PairWeight, Turn, Vote
from webapp.arena.voter import voter_of


class ReadOnly(admin.ModelAdmin):
    """What voters said stands as they said it: nobody adds, changes or deletes it here."""

    def has_add_permission(self, request, obj=None):
        """No."""
        return False

    def has_change_permission(self, request, obj=None):
        """No."""
        return False

    def has_delete_permission(self, request, obj=None):
        """No."""
        return False


class Turns(admin.StackedInline):
    """All turns of a comparison, the tries that failed too."""

    model = Turn
    extra = 0
    can_delete = False
    has_add_permission = ReadOnly.has_add_permission
    has_change_permission = ReadOnly.has_change_permission


@admin.register(Comparison)
class ComparisonAdmin(ReadOnly):
    """All comparisons, the newest first."""

    list_display = ["title", "pair", "model_left", "model_right", "names_maker", "created_at"]
    list_filter = ["pair", "names_maker", "turns__state", "created_at"]
    search_fields = ["title", "posts", "turns__post", "turns__reply_left", "turns__reply_right"]
    ordering = ["-created_at"]
    inlines = [Turns]

    def get_queryset(self, request):
        """Without those that the staff member has begun, or was given, and not voted on: they would see who is who."""
        who = voter_of(request)
        votes, invitations = (kind.objects.filter(comparison=OuterRef("pk"), voter=who) for kind in (Vote, Invitation))
        theirs = Q(voter=who) | Exists(invitations)
        return super().get_queryset(request).exclude(theirs & ~Exists(votes))


@admin.register(Vote)
class VoteAdmin(ReadOnly):
    """All votes, the newest first."""

    list_display = ["comparison", "choice", "left", "right", "dwell_ms", "withdrawn_at", "left_out", "created_at"]
    list_filter = ["choice", "left_out", "created_at"]
    list_select_related = ["comparison"]
    search_fields = ["comparison__title", "comment"]
    ordering = ["-created_at"]

    @admin.display(description="left")
    def left(self, vote):
        """Who stood left."""
        return vote.comparison.model_left

    @admin.display(description="right")
    def right(self, vote):
        """Who stood right."""
        return vote.comparison.model_right


@admin.register(PairWeight)
class PairWeightAdmin(admin.ModelAdmin):
    """How often who meets whom. The kinds are fixed; their weights are the operator's."""

    list_display = ["__str__", "kind", "weight"]
    list_editable = ["weight"]
    readonly_fields = ["kind"]
    ordering = ["kind"]
    has_add_permission = ReadOnly.has_add_permission
    has_delete_permission = ReadOnly.has_delete_permission
