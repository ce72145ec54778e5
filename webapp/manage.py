"""Django's command line: `python webapp/manage.py setup` prepares the database, `help` lists the rest."""

import os
import pathlib
import sys


def main() -> None:
    """Run one command. The project's root goes on the path, so that it works from any folder."""
    sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
    # Set, not defaulted: there is one settings module, and a test run that starts us must not hand down its own.
    os.environ["DJANGO_SETTINGS_MODULE"] = "webapp.bardloop_site.settings"
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:  # an environment variable is missing or wrong: one line says which
        sys.exit(f"{error}")


if __name__ == "__main__":
    main()
