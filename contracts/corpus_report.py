"""Corpus report: every record of the archive accounted for. Written by jobs/corpus as report.json.

Nothing in it depends on when, where or how often the job ran: the same archive and recipe give the same bytes.
"""

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Document(BaseModel):
    """Base of the report's sections: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid")


class Account(Document):
    """Records of one part (or of all): `records` = `kept` + every drop by reason."""

    records: int = Field(ge=0)
    kept: int = Field(ge=0)
    dropped: dict[str, int] = {}
    """Reason code (`not_ic`, `malformed.columns`, `empty`, `duplicate`, ...) to count."""

    @model_validator(mode="after")
    def adds_up(self):
        total = self.kept + sum(self.dropped.values())
        if self.records != total:
            raise ValueError(
                f"{self.records} records, but {self.kept} kept + {total - self.kept} dropped = {total}: "
                f"{self.records - total} unaccounted for"
            )
        return self


class Input(Document):
    """One part's archive as it was read: `size` in bytes, `sha256` 64 hex digits."""

    size: int
    sha256: str


class Lineage(Document):
    """What the corpus was made from, and by what."""

    inputs: dict[str, Input]
    recipe_digest: str
    """sha256 of the recipe's corpus section."""
    code_version: int
    """`CODE_VERSION` of jobs/corpus."""


class Histogram(Document):
    """How a length is distributed: `counts[i]` values lie in [bounds[i], bounds[i + 1]), the last one is open."""

    bounds: list[int]
    counts: list[int]
    median: float
    maximum: int


class Distributions(Document):
    """Of the threads and posts that were kept."""

    chars_per_post: Histogram
    posts_per_thread: Histogram
    chars_per_thread: Histogram
    authors_per_thread: Histogram
    threads_per_author: Histogram


class Sample(Document):
    """An excerpt of a post without and with one cleaning rule, all other rules on."""

    before: str
    after: str


class CleaningRule(Document):
    """What one rule of the recipe's `corpus.clean` did. `setting` is its value there."""

    setting: bool | str
    posts: int
    """In-character posts that it changed."""
    samples: list[Sample]


class RejectExample(Document):
    """A dropped record: its place in the part's CSV (line 1 is the header) and how it begins."""

    part: str
    byte_offset: int
    line: int
    raw: str


class Duplicates(Document):
    """Copies that were dropped, and what they tie together. Pairs and clusters lie in duplicates/*.parquet."""

    exact_in_thread: int
    exact_across_threads: int
    near_pairs: int
    near_clusters: int
    near_dropped: int
    linked_threads: int
    """Threads that share a component with another one, so that they are in one split."""
    largest_component: int
    """Threads of the largest component."""


class Overlap(Document):
    """13-grams that the posts of a held-out split share with train."""

    posts: int
    """Posts with at least one 13-gram."""
    grams: int
    shared: int
    """Of `grams`, those that occur in train."""
    worst: float
    """Largest share of one post's 13-grams that occur in train."""
    above: int
    """Posts above the recipe's `split.max_overlap`."""


class Leakage(Document):
    """Proof that held-out text is not in train."""

    gram_words: int
    one_in: int
    """Of the 13-grams, chosen by their hash, this many-th part was looked at."""
    max_overlap: float
    splits: dict[str, Overlap]


class CorpusReport(Document):
    """What became of the archive: per part, in all, and what the corpus holds."""

    recipe: str
    digest: str
    """12 hex digits: the inputs' digests, the recipe's corpus section, the code version."""
    parts: dict[str, Account]
    total: Account
    threads: dict[str, int]
    """Split (`train`, `valid`, `test`) to number of threads."""
    messages: dict[str, int]
    """Split to number of messages."""
    lineage: Lineage
    distributions: Distributions
    tags: dict[str, dict[str, int]]
    """Group (`style`, `party size`, `genre`, `period`, `adult`, `other`) to tag to number of kept threads."""
    duplicates: Duplicates
    cleaning: dict[str, CleaningRule]
    """Rule name to what it did, in the order of work."""
    rejects: dict[str, list[RejectExample]]
    """Reason to some of its records. Records of policy exclusions are never shown."""
    leakage: Leakage

    @model_validator(mode="after")
    def parts_make_the_total(self):
        for field in ("records", "kept"):
            in_parts = sum(getattr(account, field) for account in self.parts.values())
            if in_parts != getattr(self.total, field):
                raise ValueError(f"parts hold {in_parts} {field}, the total says {getattr(self.total, field)}")
        if sum(self.messages.values()) != self.total.kept:
            raise ValueError(f"splits hold {sum(self.messages.values())} messages, {self.total.kept} records were kept")
        return self
