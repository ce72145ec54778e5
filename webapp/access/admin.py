"""Keys of programs in the admin: made, changed, revoked, never shown again, never deleted."""

from django.contrib import admin, messages
from django.template.response import TemplateResponse

from webapp.access.models import ProgramKey


@admin.register(ProgramKey)
class ProgramKeyAdmin(admin.ModelAdmin):
    """A key's row outlives the key: votes are counted under its voter."""

    list_display = ["name", "per_minute", "may_vote", "may_read_statistics", "may_export", "created_at", "revoked_at"]
    list_filter = ["revoked_at", "may_vote", "may_read_statistics", "may_export"]
    search_fields = ["name"]
    readonly_fields = ["voter", "created_at", "revoked_at"]
    actions = ["revoke"]

    def has_delete_permission(self, request, obj=None):
        """No: revoke it."""
        return False

    def save_model(self, request, key, form, change):
        """A new key gets its secret here; `response_add` shows it."""
        if not change:
            request.new_secret = key.give_secret()
        super().save_model(request, key, form, change)

    def response_add(self, request, key, post_url_continue=None):
        """The secret, once: in this answer, and in no cookie, session or log."""
        context = self.admin_site.each_context(request) | {
            "title": f"The key of “{key.name}”",
            "opts": self.opts,
            "key": key,
            "secret": request.new_secret,
        }
        return TemplateResponse(request, "access/new_key.html", context)

    @admin.action(description="Revoke the chosen keys", permissions=["change"])
    def revoke(self, request, keys):
        """At once and for good; noted in each key's history."""
        live = list(keys.filter(revoked_at=None))
        for key in live:
            key.revoke()
            self.log_change(request, key, "Revoked.")
        self.message_user(request, f"{len(live)} revoked: {', '.join(map(str, live)) or 'none'}.", messages.SUCCESS)
