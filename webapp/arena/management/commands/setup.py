"""`manage.py setup`: bring database and staff account to where the site can start. Run it as often as you like."""

import os

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from webapp.arena.scenes import library

STAFF = "admin"


class Command(BaseCommand):
    """Migrate, remove log-ins that have run out, check the library of scenes, make the staff account."""

    help = "Migrate the database, clear old sessions, check the scenes, make the superuser `admin` (idempotent)."

    def handle(self, *args, **options):
        """Do all four, or say in one line what is missing."""
        password = os.environ.get("DJANGO_SUPERUSER_PASSWORD", "")
        if not password:
            raise CommandError(f"DJANGO_SUPERUSER_PASSWORD is not set: the password for the account “{STAFF}”")
        try:
            call_command("migrate", interactive=False, verbosity=0)
        except OperationalError as error:
            raise CommandError(f"the database does not answer (DATABASE_URL): {str(error).strip()}") from error
        call_command("clearsessions")
        account = _staff_account(password)
        self.stdout.write(f"database migrated, {len(library())} scenes, account “{STAFF}” {account}")


def _staff_account(password: str) -> str:
    """Make the superuser, or give it this password; a password that is right is left, for the sake of open sessions."""
    user, created = get_user_model().objects.get_or_create(username=STAFF)
    if not created and user.check_password(password) and user.is_active and user.is_superuser and user.is_staff:
        return "unchanged"
    user.set_password(password)
    user.is_active = user.is_staff = user.is_superuser = True
    user.save()
    return "created" if created else "updated"
