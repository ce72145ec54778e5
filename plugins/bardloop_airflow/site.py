"""Client of the web site's API: how many votes are new, what they say.

The address and the export key come from the Airflow connection `bardloop_web` (host, port, password).
"""

from typing import Any, TypedDict

import httpx

CONNECTION_ID = "bardloop_web"


class SiteError(RuntimeError):
    """The site is not there, or does not answer as it should. The message is one line."""


class VotesLost(SiteError):
    """The site has no vote with a number as high as one that was read from it before."""


class NewVotes(TypedDict):
    """Votes behind a number: all, those that prefer a reply, and the largest number among them. `last` is the largest
    number of all votes that the site has."""

    votes: int
    preferred: int
    until: int
    last: int


def address_of(connection) -> str:
    """The address that an Airflow connection names by host and port; the host may begin with `https://`."""
    place = f"{connection.host}:{connection.port}" if connection.port else f"{connection.host}"
    return place if "://" in place else f"{connection.schema or 'http'}://{place}"


class SiteClient:
    """Talks to the web site at `address` (e.g. http://127.0.0.1:8000) with its export key."""

    def __init__(self, address: str, export_key: str = "", answers_within_s: float = 20.0):
        self.address, self._timeout = address, answers_within_s
        self._headers = {"Authorization": f"Bearer {export_key}"}

    @classmethod
    def of(cls, connection, answers_within_s: float = 20.0) -> "SiteClient":
        """The site that an Airflow connection names."""
        return cls(address_of(connection), connection.password or "", answers_within_s)

    @classmethod
    def from_connection(cls, answers_within_s: float = 20.0) -> "SiteClient":
        """The site of the connection `bardloop_web`.

        Raises:
            AirflowNotFoundException: there is no such connection.
        """
        from airflow.sdk import BaseHook

        return cls.of(BaseHook.get_connection(CONNECTION_ID), answers_within_s)

    def new_votes(self, adapter: str, after: int) -> NewVotes:
        """Votes on versions of `adapter` with a number above `after`.

        Raises:
            SiteError: no answer, or a refusal.
            VotesLost: the site has fewer votes than that: its database was restored or made anew.
        """
        found = self._get("/api/votes/count", adapter=adapter, after=after)
        if found["last"] < after:
            raise VotesLost(
                f"{self.address}: its newest vote has number {found['last']}, but votes of {adapter} were read up to "
                f"{after}: its database was restored or made anew, and new votes would be taken for old ones. Restore "
                f"what is missing, or remove votes/{adapter}/watermark.json from home: then all votes there are new"
            )
        return found

    def gate(self, candidate: str, stable: str | None) -> dict[str, Any]:
        """Whether votes say that `candidate` may take over from `stable`, as GET /api/gate has it. Raises SiteError.

        `stable`: None where nothing is stable yet; the site takes the base model then.
        """
        return self._get("/api/gate", candidate=candidate, **({"stable": stable} if stable else {}))

    def statistics(self) -> dict[str, Any]:
        """What the votes say so far, as GET /api/statistics has it. Raises SiteError."""
        return self._get("/api/statistics")

    def _get(self, path: str, **query) -> dict[str, Any]:
        place = f"{self.address}{path}"
        try:
            answer = httpx.get(place, params=query, headers=self._headers, timeout=self._timeout)
            if answer.is_success:
                return answer.json()
        except httpx.HTTPError as error:
            raise SiteError(
                f"{place}: no answer ({error or type(error).__name__}): is the web site running?"
            ) from error
        except ValueError as error:
            raise SiteError(f"{place}: the answer is no JSON: is that Bardloop's web site?") from error
        raise SiteError(f"{place}: answered {answer.status_code}: {answer.text[:200]!r}")
