"""Where the archive lies and how it becomes threads: `corpus`."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from contracts.recipe.section import Section, Share


class Part(Section):
    """One .7z part of the archive. `sha256` is checked after download when it is given.

    A `file` that ends in `.7z.001` is the first volume of a split archive; `sha256` is that of all volumes joined.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None


class Archive(Section):
    """Where the parts lie: `base` and `mirrors` are http(s) or file:// addresses, or folders."""

    base: str
    mirrors: tuple[str, ...] = ()
    """Asked in turn when `base` does not give a part."""
    parts: Annotated[tuple[Part, ...], Field(min_length=1)]
    connections: Annotated[int, Field(ge=1, le=8)] = 2
    """Parts fetched at the same time."""
    max_part_gib: Annotated[float, Field(gt=0)] = 8.0
    """Most GiB that one part may unpack to: the guard against decompression bombs."""
    automatic: bool = False
    """Whether the DAG `corpus` looks for new parts every week by itself; else it does nothing then."""

    @model_validator(mode="after")
    def part_names_differ(self):
        names = [part.name for part in self.parts]
        if len(set(names)) != len(names):
            raise ValueError("part names must differ")
        return self


class Clean(Section):
    """The cleaning rules by name, in the order in which they work; the report counts the posts each one changed."""

    mojibake: bool = True
    """UTF-8 that was read as Windows-1252 becomes what was meant."""
    invisible: bool = True
    """Control and zero-width characters go; what is left is composed (NFC)."""
    html: bool = True
    """Tags become paragraphs and line breaks, entities become characters."""
    bbcode: bool = True
    images: bool = True
    """Images, videos and other media go."""
    dice: bool = True
    """Dice rolls made by the forum go."""
    quotes: Literal["drop_cited", "drop", "keep"] = "drop_cited"
    """Quote blocks: `drop_cited` drops those that name whom they quote."""
    spoilers: Literal["keep", "drop"] = "keep"
    """What a hider or spoiler hides: kept as a paragraph, or dropped."""
    emphasis: Literal["keep", "drop"] = "keep"
    """`keep` writes emphasis as *asterisks*, the role-play convention; `drop` leaves the words."""
    mentions: bool = True
    """@-mentions of the thread's authors become their aliases, others go."""
    links: bool = True
    """Addresses go, the words of a link stay."""
    asides: bool = True
    """((out-of-character asides)) go."""
    ooc: bool = True
    """Lines that begin with `OOC:` go."""
    emoji: Literal["drop", "keep"] = "drop"
    email: bool = True
    phone: bool = True
    ip_address: bool = True


class NearDuplicates(Section):
    """MinHash over word shingles; candidates from banding are compared by their exact Jaccard similarity."""

    enabled: bool = True
    shingle_words: Annotated[int, Field(ge=1, le=20)] = 5
    min_words: Annotated[int, Field(ge=1)] = 20
    """Shorter posts are too short to say."""
    permutations: Annotated[int, Field(ge=8, le=1024)] = 128
    bands: Annotated[int, Field(ge=1)] = 32
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.55
    """Jaccard similarity from which on two posts are near-duplicates."""

    @model_validator(mode="after")
    def bands_divide_permutations(self):
        if self.permutations % self.bands:
            raise ValueError(f"permutations ({self.permutations}) must be a multiple of bands ({self.bands})")
        return self


class Duplicates(Section):
    """Copies: the earliest stays. `exact` compares normalised text."""

    exact: bool = True
    near: NearDuplicates = NearDuplicates()


class Policy(Section):
    """What is left out for what it is about; docs/data-policy.md."""

    exclude_tags: tuple[str, ...] = ("18+",)
    exclude_threads: tuple[Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")], ...] = ()
    """Thread ids to leave out, for example because an author asked for it."""
    sexual_minors: bool = True
    """Whole threads that the rule for sexual content about minors flags."""


class Split(Section):
    """Share of threads held out: a hash of what hangs together, so that it survives new parts."""

    valid: Share = 0.05
    test: Share = 0.05
    by_author: bool = False
    """Threads that share an author go to one split. In a forum that can join most of them."""
    max_overlap: Annotated[float, Field(gt=0, le=1)] = 0.5
    """The job fails when a held-out post has more than this share of its 13-grams in train."""


class Corpus(Section):
    """From archive to threads."""

    engine: Literal["local", "ray"] = "local"
    archive: Archive
    clean: Clean = Clean()
    duplicates: Duplicates = Duplicates()
    policy: Policy = Policy()
    min_posts: Annotated[int, Field(ge=1)] = 4
    min_authors: Annotated[int, Field(ge=1)] = 2
    min_chars: Annotated[int, Field(ge=0)] = 0
    """Characters of all posts of a thread together."""
    split: Split = Split()
