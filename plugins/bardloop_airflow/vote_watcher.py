"""Watches the web site for votes: one event each time that enough new ones have come.

In: the connection `bardloop_web`, the recipe's watermark. Out (to the asset `votes`): recipe, after, until, votes.
Nothing has to be remembered: after a restart of the triggerer it looks at the watermark again, and tells what still
stands behind it. A run that finds those votes taken already is skipped.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowException
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from bardloop_airflow.places import home
from bardloop_airflow.run_settings import checked_recipe
from bardloop_airflow.site import CONNECTION_ID, SiteClient, SiteError, VotesLost

log = logging.getLogger(__name__)


class NewVotesTrigger(BaseEventTrigger):
    """Looks every `poll_s` seconds, forever. What keeps it from looking is told once; then it looks again."""

    def __init__(self, recipe: str, poll_s: float = 60.0):
        super().__init__()
        self.recipe, self.poll_s = recipe, poll_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What Airflow keeps of it."""
        return "bardloop_airflow.vote_watcher.NewVotesTrigger", {"recipe": self.recipe, "poll_s": self.poll_s}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """An event for every votes.min_new votes with a preference."""
        told, complaint = 0, None
        while True:
            try:
                connection = await BaseHook.aget_connection(CONNECTION_ID)
                found = await asyncio.to_thread(self._look, SiteClient.of(connection), told)
                complaint = None
            except Exception as error:  # whatever it is: nobody starts a watcher again that has ended
                found = None
                if isinstance(error, VotesLost):
                    told = 0  # a number of the database that was before
                if repr(error) != complaint:
                    complaint = repr(error)
                    expected = isinstance(error, (AirflowException, SiteError, ValueError))
                    unknown = None if expected else error
                    log.warning("votes of %s are not watched now: %s", self.recipe, error, exc_info=unknown)
            if found:
                told = found["until"]
                yield TriggerEvent(found)
            await asyncio.sleep(self.poll_s)

    def _look(self, site: SiteClient, told: int) -> dict[str, Any] | None:
        """The event's payload, None while there are too few votes that were not told yet."""
        from contracts.votes import read_watermark

        recipe = checked_recipe({"recipe": self.recipe, "overrides": []})
        after = max(told, read_watermark(home(), recipe.name).vote)
        found = site.new_votes(recipe.name, after)
        if not recipe.votes.weight or found["preferred"] < recipe.votes.min_new:
            return None
        return {
            "recipe": self.recipe,
            "overrides": [],
            "after": after,
            "until": found["until"],
            "votes": found["votes"],
        }
