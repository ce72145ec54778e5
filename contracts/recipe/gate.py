"""When votes say that a new version is better than the stable one: `gate`. Fixed before the first vote is cast."""

from typing import Annotated

from pydantic import Field, model_validator

from contracts.recipe.section import Section

Error = Annotated[float, Field(gt=0, le=0.5)]


class Gate(Section):
    """The rules of docs/voting.md. A vote's score is 1 for a win of the new version, ½ for a tie, 0 for a loss; a
    voter's is the mean of their first `votes_per_voter` decided votes, and the gate is about the mean over voters.
    """

    alpha: Error = 0.05
    """Most often that a version is promoted that is not better by `margin`, however often one looks."""
    margin: Annotated[float, Field(ge=0, lt=0.5)] = 0.02
    """It has to win more than ½ + margin."""
    votes_per_voter: Annotated[int, Field(ge=1, le=100)] = 5
    """Of one person, so many votes count and no more."""
    voter_window_hours: Annotated[float, Field(gt=0)] = 24
    """A person who has cast fewer than that is waited for so long, from their first vote on."""
    min_votes: Annotated[int, Field(ge=1)] = 100
    min_voters: Annotated[int, Field(ge=1)] = 20
    """Nothing is promoted on fewer, however clear they are."""
    max_voters: Annotated[int, Field(ge=1, le=20_000)] = 600
    """After so many without an answer, the new version is given up."""
    alpha_futility: Error = 0.1
    """Most often that one is given up early though it is better by `margin`."""
    harm_margin: Annotated[float, Field(ge=0, lt=0.5)] = 0.1
    """In no kind of scene may it win less than ½ - harm_margin."""
    alpha_harm: Error = 0.05
    """Most often that one is stopped for a tag though no tag is that bad; shared out among the tags."""
    min_voters_per_tag: Annotated[int, Field(ge=1)] = 10
    tags: tuple[Annotated[str, Field(min_length=1, max_length=40)], ...] = ()
    """Kinds of scenes that are looked at by themselves; empty: those of the site's own library."""

    @model_validator(mode="after")
    def _can_be_reached(self):
        if self.min_voters > self.max_voters:
            raise ValueError(f"min_voters {self.min_voters} is above max_voters {self.max_voters}: nothing could pass")
        if self.min_votes > self.max_voters * self.votes_per_voter:
            most = f"max_voters times votes_per_voter, {self.max_voters * self.votes_per_voter}"
            raise ValueError(f"min_votes {self.min_votes} is above {most}: nothing could pass")
        return self
