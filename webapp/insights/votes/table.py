"""All votes as columns of numbers.

In: rows as PostgreSQL has them. Out: a frozen `VoteTable`; what is added makes a new one. Words (models, voters, tags)
stand once in a book and in the columns as their places in it. 75 bytes a vote. No Django inside.
"""

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from webapp.arena.reasons import REASONS
from webapp.insights.ratings.battles import Outcome

CHOICES = {
    "left": Outcome.LEFT,
    "right": Outcome.RIGHT,
    "tie": Outcome.TIE,
    "bothbad": Outcome.BOTH_BAD,
}
"""As the database has it to the number in the column `choice`."""
BETWEEN_TAGS = "\x1f"
"""Stands between a scene's tags where they are one text."""
COLUMNS = {
    "id": np.int64,
    "battle": np.int64,  # votes on the same two replies share it
    "voter": np.int32,
    "left": np.int16,
    "right": np.int16,
    "choice": np.int8,
    "at": np.float64,  # Unix time in seconds
    "tags": np.int32,
    "reasons": np.uint32,  # bit i: REASONS[i] was ticked
    "characters_left": np.int32,
    "characters_right": np.int32,
    "seconds_left": np.float32,  # NaN where nobody measured
    "seconds_right": np.float32,
    "first_token_left": np.float32,
    "first_token_right": np.float32,
    "dwell_s": np.float32,  # from the end of both replies to the vote
    "read_s": np.float32,  # from the first word shown to the vote
    "standing": np.int8,
    "told": np.int8,  # 1: its voter knows who was who
}
Rows = dict[str, np.ndarray | tuple[np.ndarray, np.ndarray]]
"""The columns of COLUMNS; those in WORDS as a pair: the distinct words, and each row's place among them."""
WORDS = {"voter": "voters", "left": "models", "right": "models", "tags": "tag_sets"}
"""Columns that hold places in a book, and its name."""


class Standing(IntEnum):
    """Whether a vote counts."""

    COUNTS = 0
    WITHDRAWN = 1
    LEFT_OUT = 2


@dataclass(frozen=True, eq=False)
class VoteTable:
    """The votes, ascending by id. `state` is another number for every change."""

    columns: dict[str, np.ndarray]
    models: tuple[str, ...] = ()
    voters: tuple[str, ...] = ()
    """As the database has them; "" for programs without one."""
    tag_sets: tuple[str, ...] = ()
    """The tags of a scene, with `BETWEEN_TAGS` between them."""
    state: int = 0
    _places: dict[str, dict[str, int]] = field(default_factory=dict, repr=False)

    @classmethod
    def empty(cls, state: int = 0) -> "VoteTable":
        """No votes."""
        return cls({name: np.empty(0, kind) for name, kind in COLUMNS.items()}, state=state)

    def __len__(self) -> int:
        return len(self.columns["id"])

    @property
    def nbytes(self) -> int:
        """Of the columns."""
        return sum(column.nbytes for column in self.columns.values())

    def with_rows(self, rows: Rows) -> "VoteTable":
        """With these rows, new ones or such as replace what bears their id. This table stays as it is.

        Args:
            rows: in any order, no id twice.
        """
        books = {name: dict(self._places.get(name, {})) for name in ("voters", "models", "tag_sets")}
        coded = {
            name: (_coded(*rows[name], books[WORDS[name]]) if name in WORDS else rows[name]).astype(kind)
            for name, kind in COLUMNS.items()
        }
        ids, order = np.unique(coded["id"], return_index=True)
        coded = {name: column[order] for name, column in coded.items()}
        place = np.searchsorted(self.columns["id"], ids)
        known = place < len(self)
        known[known] = self.columns["id"][place[known]] == ids[known]
        merged = {}
        for name, column in self.columns.items():
            merged[name] = np.concatenate([column, coded[name][~known]])
            merged[name][place[known]] = coded[name][known]
        if len(self) and not known.all() and ids[~known][0] < self.columns["id"][-1]:  # written late, under a lower id
            order = np.argsort(merged["id"], kind="stable")
            merged = {name: column[order] for name, column in merged.items()}
        return VoteTable(
            merged, *(tuple(books[name]) for name in ("models", "voters", "tag_sets")), self.state + 1, books
        )


def reasons_as_bits(ticked: str) -> int:
    """`left.prose,right.repeats` as the number that the column `reasons` holds."""
    return sum(1 << REASONS.index(reason) for reason in ticked.split(",") if reason)


def _coded(words: np.ndarray, which: np.ndarray, book: dict[str, int]) -> np.ndarray:
    """Places of the words in the book, where those that are new are written at its end."""
    places = np.array([book.setdefault(str(word), len(book)) for word in words], np.int32)
    return places[which] if len(places) else np.empty(0, np.int32)
