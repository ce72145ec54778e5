"""What the cleaning rules did: how many posts each one changed, and a few of them to look at.

In: messages to clean. Out: their text; in passing, counts and samples for the report.
"""

import html
import itertools
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import pyarrow as pa
from pydantic import BaseModel

from contracts.corpus_report import CleaningRule, Sample
from contracts.recipe import Clean
from jobs.corpus.cleaning.clean import MENTION, RULES, Cleaner
from jobs.corpus.policy import may_be_shown

SAMPLES = 4
"""Of each rule, from each part."""
MOST_LOOKS = 2_000
"""Posts of a part that are searched for samples: each is cleaned several times over."""
CONTEXT = 60
"""Characters around what a rule changed."""
LONGEST = 400
OFF = {"quotes": "keep", "spoilers": "keep", "emphasis": "drop", "emoji": "keep"}
"""Values that switch a rule off, for rules that are not simply true or false."""
CONTACT_RULES = ("email", "phone", "ip_address", "mentions")
"""Rules that take out what nobody should see: their samples show a stand-in for it."""
_REVEALING = Clean(images=False, dice=False, quotes="keep", spoilers="keep", links=False, asides=False, ooc=False)
_IN_TEXT = Cleaner(_REVEALING)
"""Recognises all names and contact details of a post that stand in its text."""
_IN_TAGS = Cleaner(_REVEALING.model_copy(update={"html": False, "bbcode": False}))
"""Recognises contact details wherever they stand."""
_ATTRIBUTES = re.compile(r"(?<=[\[<])(\w+)[\s=][^\[\]<>]*(?=[\]>])")
"""Attributes of a tag: among them are the names of those who are quoted."""


class ThreadSample(Sample):
    """A sample and where it comes from: the report leaves out those of threads that were excluded."""

    thread: int
    byte_offset: int


class RuleWork(BaseModel):
    """Posts that a rule changed, and samples."""

    posts: int
    samples: list[ThreadSample]


class Witness:
    """Cleans posts and remembers what each rule did."""

    def __init__(self, rules: Clean):
        self._cleaner = Cleaner(rules)
        self._rules = rules
        self._posts = dict.fromkeys(RULES, 0)
        self._samples: dict[str, list[ThreadSample]] = {name: [] for name in RULES}
        self._wanted = set(RULES)
        self._looks = 0
        self._without: dict[str, Cleaner] = {}

    def clean(self, messages: pa.Array, threads: Sequence[int], byte_offsets: Sequence[int]) -> list[str | None]:
        """The text of each message, None where cleaning never ends; the others say where each one stands."""
        texts, fired = self._cleaner.clean_all(messages)
        for rules, posts in Counter(map(tuple, fired)).items():
            for rule in set(rules):
                self._posts[rule] += posts
        for index, rules in enumerate(fired):
            if self._looks == MOST_LOOKS or not self._wanted:
                break
            if wanted := self._wanted.intersection(rules):
                self._looks += 1
                place = int(threads[index]), int(byte_offsets[index])
                self._look(messages[index].as_py(), texts[index], sorted(wanted), *place)
        return texts

    def work(self) -> dict[str, RuleWork]:
        """What each rule did so far."""
        return {name: RuleWork(posts=self._posts[name], samples=self._samples[name]) for name in RULES}

    def _look(self, message: str, text: str, rules: list[str], thread: int, byte_offset: int) -> None:
        """Take samples of `message` for rules that want more. Where one rule is off, others recognise less: names and
        contact details could show, and a post that has some gives samples of the rules against them alone.
        """
        if _is_private(message):
            rules = [rule for rule in rules if rule in CONTACT_RULES]
        for rule in rules:
            before, after = excerpt(self._cleaner_without(rule).clean(message)[0], text)
            if before == after:
                continue
            if rule in CONTACT_RULES:
                before = "".join("x" if char.isalnum() else char for char in before)
            sample = ThreadSample(before=before, after=after, thread=thread, byte_offset=byte_offset)
            self._samples[rule].append(sample)
            if len(self._samples[rule]) == SAMPLES:
                self._wanted.discard(rule)

    def _cleaner_without(self, rule: str) -> Cleaner:
        if rule not in self._without:
            self._without[rule] = Cleaner(self._rules.model_copy(update={rule: OFF.get(rule, False)}))
        return self._without[rule]


def _is_private(message: str) -> bool:
    """Whether `message` names forum users or holds contact details, however they are written."""
    fired = _IN_TEXT.clean(message)[1] + _IN_TAGS.clean(html.unescape(message))[1]
    return not set(CONTACT_RULES).isdisjoint(fired)


def excerpt(before: str, after: str) -> tuple[str, str]:
    """Where the two differ, with CONTEXT characters around it."""
    before, after = (_ATTRIBUTES.sub(r"\1 …", MENTION.sub("[@…]", text)) for text in (before, after))
    start = _shared(before, after)
    end = _shared(before[start:][::-1], after[start:][::-1])
    start, end = max(start - CONTEXT, 0), max(end - CONTEXT, 0)
    return before[start : len(before) - end][:LONGEST], after[start : len(after) - end][:LONGEST]


def _shared(one: str, other: str) -> int:
    """Number of characters with which both begin."""
    pairs = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return sum(1 for _ in pairs)


def merged(rules: Clean, parts: Sequence[Mapping[str, RuleWork]], hidden: Collection[int]) -> dict[str, CleaningRule]:
    """What each rule did in all parts; no samples of threads in `hidden`."""
    settings = rules.model_dump()
    return {
        name: CleaningRule(
            setting=settings[name],
            posts=sum(part[name].posts for part in parts),
            samples=[
                Sample(before=sample.before, after=sample.after)
                for part in parts
                for sample in part[name].samples
                if sample.thread not in hidden and may_be_shown(f"{sample.before} {sample.after}")
            ][:SAMPLES],
        )
        for name in RULES
    }
