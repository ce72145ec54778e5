"""Health check of a container: `python docker/probe.py URL [COMPONENT]`.

In: an address; for Airflow's health page, one of its components. Out: exit code 0 when it answers with success and the
component is healthy, else 1 with the reason.
"""

import json
import sys
import urllib.request

ANSWERS_WITHIN_S = 20


def main(url: str, component: str | None = None) -> None:
    """Ask once; raises what urllib raises when there is no good answer."""
    with urllib.request.urlopen(url, timeout=ANSWERS_WITHIN_S) as answer:
        page = answer.read()
    if component is not None and (status := json.loads(page)[component]["status"]) != "healthy":
        sys.exit(f"{component} is {status}")


if __name__ == "__main__":
    main(*sys.argv[1:])
