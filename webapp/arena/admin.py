"""Comparisons, turns and votes in the admin: to read and to search, not to change; votes can be left out of counts."""

from django import forms
from django.contrib import admin, messages
from django.db import models

from webapp.arena.leaving_out import count_again, leave_out
from webapp.arena.models import Comparison, PairWeight, Turn, Vote
from webapp.arena.still_blind import still_blind


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


class Values(admin.AllValuesFieldListFilter):
    """A filter by every value that there is. Django leaves the link to the empty one without a word."""

    def choices(self, changelist):
        """The same links, each with a name."""
        for choice in super().choices(changelist):
            yield choice | {"display": choice["display"] or "(empty)"}


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
    list_filter = [("pair", Values), "names_maker", "turns__state", "created_at"]
    search_fields = ["title", "posts", "turns__post", "turns__reply_left", "turns__reply_right"]
    ordering = ["-created_at"]
    inlines = [Turns]

    def get_queryset(self, request):
        """Without those that the staff member has yet to vote on: they would see who is who."""
        return super().get_queryset(request).exclude(pk__in=still_blind(request))


@admin.register(Vote)
class VoteAdmin(ReadOnly):
    """All votes, the newest first."""

    list_display = ["scene", "choice", "left", "right", "dwell_ms", "withdrawn_at", "left_out", "created_at"]
    list_filter = ["choice", ("left_out", Values), "created_at"]
    list_select_related = ["comparison"]
    search_fields = ["comparison__title", "comment", "voter"]
    ordering = ["-created_at"]
    actions = ["leave_out", "count_again"]

    def get_queryset(self, request):
        """Without what others said of comparisons that the staff member has yet to vote on: the models stand beside."""
        return super().get_queryset(request).exclude(comparison_id__in=still_blind(request))

    def has_leave_out_permission(self, request):
        """Who may change votes in Django's sense: it is the one thing about them that can be changed."""
        return request.user.has_perm("arena.change_vote")

    @admin.action(description="Leave out of everything that counts votes", permissions=["leave_out"])
    def leave_out(self, request, queryset):
        """The reason is who did it; the log has it too."""
        changed = leave_out(queryset.values_list("pk", flat=True), f"by {request.user.get_username()}", request.user)
        messages.success(request, f"{changed} votes left out.")

    @admin.action(description="Count again", permissions=["leave_out"])
    def count_again(self, request, queryset):
        """Withdrawn votes stay withdrawn."""
        messages.success(
            request, f"{count_again(queryset.values_list('pk', flat=True), request.user)} votes count again."
        )

    @admin.display(description="scene")
    def scene(self, vote):
        """Its title; the comparison's number would fill a phone."""
        return vote.comparison.title

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

    list_display = ["code", "__str__", "weight"]
    list_editable = ["weight"]
    readonly_fields = ["kind"]
    formfield_overrides = {models.FloatField: {"widget": forms.NumberInput(attrs={"aria-label": "weight"})}}
    ordering = ["kind"]
    has_add_permission = ReadOnly.has_add_permission
    has_delete_permission = ReadOnly.has_delete_permission

    @admin.display(description="kind", ordering="kind")
    def code(self, weight):
        """As the docs and the battles name it."""
        return weight.kind
