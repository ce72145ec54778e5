"""`python -m webapp.insights.ratings --votes FILE`: ratings of a file of battles as JSON, without site or database.

The same as `manage.py rate`, for whoever has a file and no site: needs only the project's root as the current folder.
"""

import argparse
import json
import sys

from webapp.insights.ratings.reading import BadBattles
from webapp.insights.ratings.report import add_arguments, report


def main() -> None:
    """Print the report, or one line that says what is wrong with the file."""
    parser = argparse.ArgumentParser(prog="python -m webapp.insights.ratings", description=__doc__.partition(":")[2])
    add_arguments(parser)
    options = parser.parse_args()
    try:
        print(json.dumps(report(options.votes, options.side_bias, options.style), indent=2, ensure_ascii=False))
    except BadBattles as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
