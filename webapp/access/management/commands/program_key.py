"""`manage.py program_key make|revoke|list`: the keys of programs, for who has a shell and no browser."""

import argparse

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from webapp.access.models import ProgramKey

PERMISSIONS = {"vote": "may_vote", "statistics": "may_read_statistics", "export": "may_export"}


class Command(BaseCommand):
    """Make a key and print it, revoke one, list all."""

    help = "Make, revoke or list the keys with which programs use /api."

    def add_arguments(self, parser: argparse.ArgumentParser):
        """What is done, and with which name."""
        does = parser.add_subparsers(dest="does", required=True)
        make = does.add_parser("make", help="make a key and print it, once")
        make.add_argument("name")
        make.add_argument("--may", action="append", choices=list(PERMISSIONS), required=True, help="can be repeated")
        make.add_argument("--per-minute", type=int, default=120, help="calls a minute (default 120)")
        does.add_parser("revoke", help="from now on the key opens nothing").add_argument("name")
        does.add_parser("list", help="all keys, without their secrets")

    def handle(self, *, does, **options):
        """Do it, or say in one line why not."""
        {"make": self._make, "revoke": self._revoke, "list": self._list}[does](**options)

    def _make(self, *, name, may, per_minute, **options):
        permissions = {field: word in may for word, field in PERMISSIONS.items()}
        key = ProgramKey(name=name, per_minute=per_minute, **permissions)
        secret = key.give_secret()
        try:
            key.full_clean()
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        key.save()
        self.stdout.write(secret)

    def _revoke(self, *, name, **options):
        key = ProgramKey.objects.filter(name=name).first()
        if key is None:
            raise CommandError(f"there is no key “{name}”; “program_key list” shows all")
        if key.revoked_at:
            raise CommandError(f"“{name}” was revoked on {key.revoked_at:%Y-%m-%d %H:%M} UTC")
        key.revoke()
        self.stdout.write(f"“{name}” opens nothing any more")

    def _list(self, **options):
        for key in ProgramKey.objects.all():
            state = f"revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else f"{key.per_minute} a minute"
            self.stdout.write(f"{key.name}: {state}, may {', '.join(sorted(key.permissions)) or 'nothing'}")
