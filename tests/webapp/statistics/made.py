"""Votes made up by lot, as rows in plain Python and as a `VoteTable`: what the tests compare breakdowns with."""

import random
from dataclasses import dataclass, field

import numpy as np

from webapp.arena.reasons import REASONS
from webapp.insights.votes.table import BETWEEN_TAGS, CHOICES, WORDS, VoteTable, reasons_as_bits

BASE, OTHER_BASE = "SmolLM2-135M-Instruct", "Qwen2.5-0.5B-Instruct"
VERSIONS = ("demo@111111111111", "demo@222222222222")
DAY = 86_400
FIRST_DAY = 20_000


@dataclass
class Row:
    """One vote, in the words of the database. `at`: days since 1970."""

    id: int
    left: str = BASE
    right: str = VERSIONS[0]
    choice: str = "left"
    voter: str = "ann"
    at: float = FIRST_DAY + 0.5
    tags: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    battle: int = 0
    characters: tuple[int, int] = (100, 200)
    seconds: tuple[float, float] = (1.0, 2.0)
    first_token: tuple[float, float] = (0.1, 0.2)
    dwell_s: float = 5.0
    standing: int = 0
    told: int = 1

    @property
    def adapter_left(self) -> bool | None:
        """None where two of a kind met."""
        return None if ("@" in self.left) == ("@" in self.right) else "@" in self.left

    @property
    def points(self) -> float | None:
        """What the adapter got from it."""
        if self.choice == "bothbad":
            return None
        return 0.5 if self.choice == "tie" else float((self.choice == "left") == self.adapter_left)


@dataclass
class Made:
    """The rows that count, and the table with all of them."""

    rows: list[Row]
    table: VoteTable = field(init=False)

    def __post_init__(self):
        self.table = VoteTable.empty().with_rows(columns(self.rows))

    @property
    def counting(self) -> list[Row]:
        """Those that are neither withdrawn nor left out."""
        return [row for row in self.rows if row.standing == 0]


def by_lot(n: int, seed: int = 0) -> Made:
    """`n` votes of forty people who differ in how often they vote and in what they like."""
    draw = random.Random(seed)
    taste = [draw.betavariate(3, 3) for _ in range(40)]
    rows = []
    for number in range(n):
        models = draw.choice([(BASE, VERSIONS[0]), (BASE, VERSIONS[1]), (OTHER_BASE, VERSIONS[1]), VERSIONS])
        left, right = models if draw.random() < 0.5 else models[::-1]
        voter = int(40 * draw.random() ** 2)
        liked = left if (draw.random() < taste[voter]) == ("@" in left) else right
        choice = draw.choices([liked, "tie", "bothbad"], [8, 1, 1])[0]
        rows.append(
            Row(
                id=number + 1,
                left=left,
                right=right,
                choice={left: "left", right: "right"}.get(choice, choice),
                voter=f"voter-{voter}",
                at=FIRST_DAY + 40 * draw.random(),
                tags=tuple(draw.sample(["Western", "Drama", "horror", "Horror"], draw.randrange(3))),
                reasons=tuple(draw.sample(REASONS, draw.randrange(1, 5))) if draw.random() < 0.4 else (),
                battle=draw.randrange(n // 2),
                characters=(draw.randrange(0, 900), draw.randrange(0, 900)),
                seconds=(draw.choice([float("nan"), 9 * draw.random()]), 9 * draw.random()),
                first_token=(draw.random(), draw.random()),
                dwell_s=60 * draw.random(),
                standing=draw.choices([0, 1, 2], [90, 5, 5])[0],
            )
        )
    return Made(rows)


def columns(rows: list[Row]) -> dict:
    """As `VoteTable.with_rows` takes them."""
    plain = {
        "id": [row.id for row in rows],
        "battle": [row.battle for row in rows],
        "choice": [CHOICES[row.choice] for row in rows],
        "at": [row.at * DAY for row in rows],
        "reasons": [reasons_as_bits(",".join(row.reasons)) for row in rows],
        "dwell_s": [row.dwell_s for row in rows],
        "read_s": [row.dwell_s + 20 for row in rows],
        "standing": [row.standing for row in rows],
        "told": [row.told for row in rows],
    }
    for name in ("characters", "seconds", "first_token"):
        for side, place in (("left", 0), ("right", 1)):
            plain[f"{name}_{side}"] = [getattr(row, name)[place] for row in rows]
    words = {name: [getattr(row, name) for row in rows] for name in WORDS} | {
        "tags": [BETWEEN_TAGS.join(row.tags) for row in rows]
    }
    found = {name: np.array(values) for name, values in plain.items()}
    return found | {name: np.unique(np.array(values), return_inverse=True) for name, values in words.items()}
