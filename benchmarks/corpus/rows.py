"""The records of one part of a made-up archive, sound and unsound, thread after thread.

In: a shape, a seed, a part number. Out: CSV records as bytes, and how many of each kind were planted.

What goes wrong is what demo/archive/defects.py names. A copy stands in its own thread or in the next one.
"""

import collections
import datetime
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from benchmarks.corpus.posts import Posts
from benchmarks.corpus.prose import Prose
from demo.archive import defects
from demo.archive.defects import Row

PARTS = 8
TABS = {"IC": 0.84, "OOC": 0.12, "Char": 0.04}
"""Share of records by thread type; in a thread they follow one another."""
MALFORMED = {
    "malformed.columns": (defects.too_few_columns, defects.too_many_columns),
    "malformed.quote": (defects.quotes_not_doubled, defects.quote_never_closed),
    "malformed.timestamp": (defects.bad_timestamp,),
    "malformed.encoding": (defects.latin1_bytes,),
    "malformed.nul": (defects.nul_byte,),
}
PLANTED = dict.fromkeys(MALFORMED, 0.002) | {"empty": 0.01, "duplicate": 0.02, "near_duplicate": 0.005}
"""Share of all records, by the reason for which they should be dropped. Each stands behind an in-character record."""
BEHIND = TABS["IC"] * (1 - sum(PLANTED.values()))
"""Share of all records that something may be planted behind."""
ELSEWHERE = 0.15
"""Share of the copies that stand in the next thread."""
NEAR_MIN_WORDS = 40
"""Words that a post needs for one changed word in WORDS_PER_EDIT to leave it a near-duplicate."""
WORDS_PER_EDIT = 60
ADULT_SHARE = 0.04
TAGS = ("Free", "Casual", "Advanced", "1x1", "Small Group", "Large Group", "Fantasy", "Sci-Fi", "Modern", "Horror")
TAGS += ("Apocalyptic", "Fandom", "Historical", "Slice of Life", "Military", "School", "Arena", "Nation", "Romance")
USERS = 20_000
BEGINNING = datetime.datetime(2012, 1, 1)


@dataclass(frozen=True)
class Shape:
    """Log-normal lengths: characters of a message, records of a thread. `sigma` is of the logarithm."""

    mu: float
    sigma: float
    thread_mu: float = 3.6
    thread_sigma: float = 1.0


SHAPES = {"forum": Shape(mu=6.52, sigma=1.0), "chat": Shape(mu=4.51, sigma=0.9)}
"""`forum`: messages of 1,200 characters in the mean, markup included. `chat`: 180, so 285 bytes a record."""


class PartRows:
    """The records of part `number` (from 1). `planted` and `records` count as they are drawn."""

    def __init__(self, shape: Shape, seed: int, number: int):
        self.planted: collections.Counter[str] = collections.Counter()
        self.records: collections.Counter[str] = collections.Counter()
        """Sound records by thread type, copies included."""
        self._shape, self._seed, self._number = shape, seed, number
        self._rng = random.Random(f"{seed}-{number}")
        self._prose = Prose(self._rng)
        self._posts = Posts(self._rng, self._prose)
        self._for_next_thread: list[tuple[Row, str]] = []
        self._owed = 0

    def lines(self, size: int) -> Iterator[bytes]:
        """Records of at least `size` bytes together. The first and the last thread straddle two parts."""
        written = 0
        if self._number > 1:
            begun = self._shared_opening(self._number - 1)
            yield from self._thread(replace(begun, at=begun.at + datetime.timedelta(days=365)))
        while written < size:
            for line in self._thread(self._opening(self._rng, self._prose)):
                written += len(line)
                yield line
                if written >= size:
                    break
        if self._number < PARTS:
            yield from self._thread(self._shared_opening(self._number))

    def _shared_opening(self, border: int) -> "Opening":
        """The opening of the thread that parts `border` and `border` + 1 share: both draw the same."""
        rng = random.Random(f"{self._seed}-border-{border}")
        return self._opening(rng, Prose(rng))

    def _opening(self, rng: random.Random, prose: Prose) -> "Opening":
        tags = rng.sample(TAGS, rng.randint(2, 5))
        if rng.random() < ADULT_SHARE:
            tags.append("18+")
        # the square makes some users busy
        users = {_user(int(USERS * rng.random() ** 2)) for _ in range(rng.randint(2, 8))}
        at = BEGINNING + datetime.timedelta(seconds=rng.randrange(10 * 365 * 86_400))
        return Opening(prose.title(), tuple(tags), tuple(sorted(users)), at)

    def _thread(self, opening: "Opening") -> Iterator[bytes]:
        rng, shape = self._rng, self._shape
        tabs = rng.choices(
            list(TABS), TABS.values(), k=1 + int(rng.lognormvariate(shape.thread_mu, shape.thread_sigma))
        )
        copies, self._for_next_thread = self._for_next_thread, []
        for row, reason in copies:
            yield self._plant(reason, replace(row, title=opening.title, tags=opening.tags))
        for tab in TABS:
            at = opening.at
            for _ in range(tabs.count(tab)):
                at += datetime.timedelta(seconds=int(rng.expovariate(1 / 40_000)) + 60)
                message = self._posts.message(rng.lognormvariate(shape.mu, shape.sigma), opening.users)
                row = Row(opening.title, tab, opening.tags, rng.choice(opening.users), at, message)
                self.records[tab] += 1
                yield row.line()
                if tab == "IC":
                    yield from self._behind(row)

    def _behind(self, row: Row) -> Iterator[bytes]:
        """What is planted behind `row`, if anything."""
        rng = self._rng
        reason = None
        if rng.random() * BEHIND < sum(PLANTED.values()):
            (reason,) = rng.choices(list(PLANTED), PLANTED.values())
        if reason in MALFORMED:
            self.planted[reason] += 1
            yield rng.choice(MALFORMED[reason])(row)
        elif reason == "empty":
            self.planted[reason] += 1
            self.records["IC"] += 1
            yield defects.empty(row)
        elif reason == "duplicate":
            yield from self._copy(reason, row)
        self._owed += reason == "near_duplicate"
        if self._owed and reason is None and row.message.count(" ") >= NEAR_MIN_WORDS:
            self._owed -= 1
            yield from self._copy("near_duplicate", replace(row, message=self._edited(row.message)))

    def _copy(self, reason: str, row: Row) -> Iterator[bytes]:
        """`row` again an hour later: now, or in the next thread."""
        row = replace(row, at=row.at + datetime.timedelta(hours=1))
        if self._rng.random() < ELSEWHERE:
            self._for_next_thread.append((row, reason))
        else:
            yield self._plant(reason, row)

    def _plant(self, reason: str, row: Row) -> bytes:
        self.planted[reason] += 1
        self.records["IC"] += 1
        return row.line()

    def _edited(self, message: str) -> str:
        """`message` with one plain word in WORDS_PER_EDIT replaced by another."""
        words = message.split(" ")
        plain = [index for index, word in enumerate(words) if word.isalpha() and word.islower()]
        for index in self._rng.sample(plain, min(len(plain), 1 + len(words) // WORDS_PER_EDIT)):
            words[index] = self._prose.name().lower()
        return " ".join(words)


@dataclass(frozen=True)
class Opening:
    """What the records of a thread have in common."""

    title: str
    tags: tuple[str, ...]
    users: tuple[str, ...]
    at: datetime.datetime


def _user(number: int) -> str:
    """The name of user `number`, some with a space, an underscore or an accent."""
    stem = ("Ash", "Brindle", "Corvid", "Dusk", "Ember", "Fáelán", "Gale", "Hollow", "Iris", "Jackdaw")[number % 10]
    tail = ("Quill", "Fox", "_of_York", " the Grey", "Zoë", "Wright", "Moth", "Tide", "", "Lark")[number // 10 % 10]
    return f"{stem}{tail}{number // 100 or ''}"
