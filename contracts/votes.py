"""What is remembered of the votes that were trained on: sets of them, and the watermark. Under home/votes/<recipe>/.

A set, <digest>/, holds train.jsonl and set.json (a `VoteSet`). watermark.json says up to where votes are in a model.
"""

import datetime
import pathlib
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

Sha12 = Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
Number = Annotated[int, Field(ge=0)]


class VoteSet(BaseModel):
    """set.json: the votes with numbers above `after`, up to `until`, and what became of each. Written last."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recipe: str
    digest: Sha12
    """Of the rows, of the span, and of the sets before."""
    after: Number
    until: Number
    before: Sha12 | None
    """The set whose votes come before these; None: this is the first."""
    votes: Number
    rows: Number
    """Preferred conversations, one a line of train.jsonl."""
    dropped: dict[str, Number]
    """Reason to votes that give no row: `tie`, `bothbad`, `excluded.minors`."""
    preferred: dict[str, Number]
    """Whose reply the rows hold: `adapter`, `base`."""
    judges: dict[str, Number]
    """Who gave the rows' votes: `people`, `programs`."""

    @model_validator(mode="after")
    def adds_up(self):
        for what, all_of_them, accounted_for in (
            ("votes", self.votes, self.rows + sum(self.dropped.values())),
            ("rows by preference", self.rows, sum(self.preferred.values())),
            ("rows by judge", self.rows, sum(self.judges.values())),
        ):
            if accounted_for != all_of_them:
                raise ValueError(f"{what}: {all_of_them}, but {accounted_for} are accounted for")
        return self


class Watermark(BaseModel):
    """watermark.json: what the last training that succeeded has taken. Before the first one: all defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    vote: Number = 0
    """Votes up to this number are in a model."""
    digest: Sha12 | None = None
    """The newest set that was taken; it leads to those before."""
    corpus: Sha12 | None = None
    """The corpus of that training."""
    run_id: str | None = None
    moved_at: datetime.datetime | None = None


def votes_folder(home: pathlib.Path, recipe: str) -> pathlib.Path:
    """Where the sets and the watermark of a recipe lie."""
    return home / "votes" / recipe


def read_watermark(home: pathlib.Path, recipe: str) -> Watermark:
    """The watermark of a recipe.

    Raises:
        ValueError: the file is damaged.
    """
    path = votes_folder(home, recipe) / "watermark.json"
    return Watermark.model_validate_json(path.read_bytes()) if path.is_file() else Watermark()
