"""Ask a server until it answers: waits between attempts, Retry-After, and when to give up.

In: one attempt as a function. Out: what it returns, or an error that says why the source does not give the file.
"""

import email.utils
import logging
import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import httpx

from jobs.errors import JobError

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")

USER_AGENT = "bardloop/0.1.0"
BACKOFF_S = (0.5, 1.0, 2.0, 4.0)
"""Waits between attempts that brought nothing new, half as long to half as long again; then the job gives up."""
MAX_RETRY_AFTER_S = 120
"""A server that wants a longer pause is not waited for."""
TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
"""Statuses that may pass. Every other error status is final: asking again would not help."""


class SourceError(JobError):
    """This source does not give the file; another one may."""


class Unreachable(SourceError):
    """The server did not answer, again and again. What has arrived is kept for the next run."""


class Stopped(JobError):
    """The job was told to stop. What has arrived is kept."""

    def __init__(self, url: str):
        super().__init__(f"{url}: stopped; what has arrived is kept")


class Interrupted(Exception):
    """One attempt ended early for a reason that may pass; the server asks for a pause of `wait_s` seconds."""

    def __init__(self, reason: str, wait_s: float = 0):
        super().__init__(reason)
        self.wait_s = wait_s


class EndedEarly(Interrupted):
    """The server ended a transfer whose length it had not said, and the file is not whole."""


def until_answered(
    url: str, stop: threading.Event, attempt: Callable[[httpx.Client], Answer], arrived: Callable[[], int] = lambda: 0
) -> Answer:
    """Attempts until one succeeds. The count of failures starts again whenever `arrived()` (bytes) has grown.

    Raises:
        Unreachable: no answer after every attempt. SourceError: the file is not there, or never whole.
        Stopped: `stop` was set.
    """
    failures, largest = 0, arrived()
    timeout = httpx.Timeout(60, connect=20)
    with httpx.Client(follow_redirects=True, timeout=timeout, headers={"User-Agent": USER_AGENT}) as client:
        while True:
            wait = 0.0
            try:
                return attempt(client)
            except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.TooManyRedirects) as error:
                raise SourceError(f"{url}: {error}; check corpus.archive.base") from error
            except Interrupted as error:
                failure, reason, wait = error, str(error), error.wait_s
            except httpx.TransportError as error:
                failure, reason = error, str(error) or type(error).__name__
            if arrived() > largest:
                failures, largest = 0, arrived()
            if failures == len(BACKOFF_S):
                raise _give_up(url, failures + 1, failure, reason)
            # not exactly, so that clients that failed together do not come back together
            wait = max(wait, BACKOFF_S[failures] * random.uniform(0.5, 1.5))
            log.warning("%s: %s; trying again in %.1f s", url, reason, wait)
            if stop.wait(wait):
                raise Stopped(url)
            failures += 1


def check_status(response: httpx.Response, expected: tuple[int, ...]) -> None:
    """Raises Interrupted for a status that may pass, SourceError for another one that is not `expected`."""
    status = response.status_code
    if status in expected:
        return
    said = f"{response.request.url}: answered {status} {response.reason_phrase}"
    if status not in TRANSIENT:
        raise SourceError(f"{said}; check corpus.archive.base and the part's file in the recipe")
    wait = _retry_after(response.headers.get("retry-after", ""))
    if wait > MAX_RETRY_AFTER_S:
        raise Unreachable(
            f"{said} and asks for a pause of {wait:.0f} s, more than the {MAX_RETRY_AFTER_S} s that this job waits; "
            "run again after that: what has arrived is kept"
        )
    raise Interrupted(f"answered {status} {response.reason_phrase}", wait)


def _give_up(url: str, attempts: int, failure: Exception, reason: str) -> SourceError:
    if isinstance(failure, EndedEarly):
        return SourceError(f"{url}: {reason} in {attempts} attempts; the file there is truncated")
    return Unreachable(
        f"{url}: no luck after {attempts} attempts ({reason}); check the address and the network, "
        "then run again: what has arrived is kept"
    )


def _retry_after(value: str) -> float:
    """Seconds to wait, from a number of seconds or a date; 0 when there is neither."""
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return 0.0
