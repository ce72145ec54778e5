"""The votes, read page by page from the web site's API.

In: BARDLOOP_WEB_URL and BARDLOOP_EXPORT_KEY. Out: numbered battle records in the order of their numbers.
"""

import os
from collections.abc import Callable, Iterator
from typing import TypeVar

import httpx
from pydantic import ValidationError

from contracts.battle import Battle
from jobs.errors import JobError

PAGE = 200
T = TypeVar("T")


def read_votes(adapter: str, after: int, until: int | None) -> Iterator[tuple[int, Battle]]:
    """(number, battle) of every vote on `adapter` with a number above `after`, up to `until` (None: up to the last).

    Raises:
        JobError: the key is missing or wrong, the site does not answer as it should, or it has no vote with a number as
            high as `after`.
    """
    if until is not None and until <= after:
        return
    url = os.environ.get("BARDLOOP_WEB_URL", "http://127.0.0.1:8000").rstrip("/")
    key = os.environ.get("BARDLOOP_EXPORT_KEY")
    if not key:
        raise JobError("BARDLOOP_EXPORT_KEY is not set: the key with which the web site gives its votes away")
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
        _check_last(client, adapter, after)
        while page := _page(client, {"adapter": adapter, "after": after, "limit": PAGE}):
            for number, battle in page:
                if until is not None and number > until:
                    return
                yield number, battle
            after = page[-1][0]


def _check_last(client: httpx.Client, adapter: str, after: int) -> None:
    last = _read(client, "/api/votes/count", {"adapter": adapter, "after": after}, lambda answer: int(answer["last"]))
    if last < after:
        raise JobError(
            f"{client.base_url}: its newest vote has number {last}, but votes of {adapter} were read up to {after}: "
            f"its database was restored or made anew, and new votes would be taken for old ones. Restore what is "
            f"missing, or remove votes/{adapter}/watermark.json from home: then all votes there are new"
        )


def _page(client: httpx.Client, query: dict) -> list[tuple[int, Battle]]:
    return _read(
        client,
        "/api/votes",
        query,
        lambda answer: [(row["number"], Battle.model_validate(row["battle"])) for row in answer["votes"]],
    )


def _read(client: httpx.Client, path: str, query: dict, parse: Callable[[dict], T]) -> T:
    place = f"{client.base_url}{path}"
    try:
        answer = client.get(path, params=query)
        if answer.is_success:
            return parse(answer.json())
    except httpx.TransportError as error:
        raise JobError(f"{place}: no answer ({error or type(error).__name__}); is the web site running?") from error
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        reason = " ".join(str(error).split())[:200]
        raise JobError(f"{place}: not what is asked for ({reason}); is that Bardloop's web site?") from error
    raise JobError(f"{place}: answered {answer.status_code}: {answer.text[:200]!r}")
