"""The votes, read page by page from the web site's API.

In: BARDLOOP_WEB_URL and BARDLOOP_EXPORT_KEY. Out: numbered battle records in the order of their numbers.
"""

import os
from collections.abc import Iterator

import httpx
from pydantic import ValidationError

from contracts.battle import Battle
from jobs.errors import JobError

PAGE = 200


def read_votes(adapter: str, after: int, until: int | None) -> Iterator[tuple[int, Battle]]:
    """(number, battle) of every vote on `adapter` with a number above `after`, up to `until` (None: up to the last).

    Raises:
        JobError: the key is missing or wrong, or the site does not answer as it should.
    """
    if until is not None and until <= after:
        return
    url = os.environ.get("BARDLOOP_WEB_URL", "http://127.0.0.1:8000").rstrip("/")
    key = os.environ.get("BARDLOOP_EXPORT_KEY")
    if not key:
        raise JobError("BARDLOOP_EXPORT_KEY is not set: the key with which the web site gives its votes away")
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
        while page := _page(client, {"adapter": adapter, "after": after, "limit": PAGE}):
            for number, battle in page:
                if until is not None and number > until:
                    return
                yield number, battle
            after = page[-1][0]


def _page(client: httpx.Client, query: dict) -> list[tuple[int, Battle]]:
    place = f"{client.base_url}/api/votes"
    try:
        answer = client.get("/api/votes", params=query)
        if answer.is_success:
            return [(row["number"], Battle.model_validate(row["battle"])) for row in answer.json()["votes"]]
    except httpx.TransportError as error:
        raise JobError(f"{place}: no answer ({error or type(error).__name__}); is the web site running?") from error
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        reason = " ".join(str(error).split())[:200]
        raise JobError(f"{place}: no page of votes ({reason}); is that Bardloop's web site?") from error
    raise JobError(f"{place}: answered {answer.status_code}: {answer.text[:200]!r}")
