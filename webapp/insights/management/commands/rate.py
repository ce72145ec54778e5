"""`manage.py rate --votes FILE`: ratings of any file of battle records as JSON (see ratings/reading.py, report.py).

It asks the database nothing. The site's settings want two variables, whatever they say:

    DJANGO_SECRET_KEY=none DATABASE_URL=postgresql://nobody@localhost/none python webapp/manage.py rate --votes FILE

Without the site's settings: `python -m webapp.insights.ratings --votes FILE`.
"""

import json

from django.core.management.base import BaseCommand, CommandError

from webapp.insights.ratings.reading import BadBattles
from webapp.insights.ratings.report import add_arguments, report


class Command(BaseCommand):
    """Print the report, or say in one line what is wrong with the file."""

    help = "Rate a file of battles by Bradley-Terry, Rao-Kupper and Davidson; prints JSON. Needs no database."
    requires_system_checks = []

    def add_arguments(self, parser):
        """See ratings/report.py."""
        add_arguments(parser)

    def handle(self, *args, **options):
        """Rate and print."""
        try:
            found = report(options["votes"], options["side_bias"], options["style"])
        except BadBattles as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(found, indent=2, ensure_ascii=False))
