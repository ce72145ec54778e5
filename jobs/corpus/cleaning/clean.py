"""From a forum post (HTML, BBCode, or both at once) to plain text in paragraphs.

In: the `message` column of an in-character row. Out: paragraphs with an empty line between them, lines with a line
break; "" when nothing is left. Words, quotation marks, apostrophes and dashes stay as they were written. Mentions of
forum users come out as `[@name]`, which threads.py turns into aliases.

The order of work is that of `contracts.recipe.Clean`. Every rule has a cheap test before the work, since most posts
need few of them. Cleaning what is clean changes nothing: a post is gone over again until it stays as it is.
"""

import contextlib
import functools
import re
import unicodedata
from collections.abc import Callable, Sequence

import pyarrow as pa

from contracts.recipe import Clean
from jobs.corpus.cleaning import contact_details, out_of_character
from jobs.corpus.cleaning.emphasis import with_asterisks
from jobs.corpus.cleaning.markup import EMPHASIS_CLOSE, EMPHASIS_OPEN, ENTITY, Markup, harmless, without_marks
from jobs.corpus.cleaning.mojibake import repair
from jobs.corpus.cleaning.ordinary import clean_ordinary

RULES = tuple(Clean.model_fields)
"""Names of the rules, in their order."""
MENTION = re.compile(r"\[@([^\[\]<>@\n]{1,60})\]")
"""A mention in cleaned text; group 1 is the forum name."""
_WRITTEN_MENTION = re.compile(r"\[@[^\s\[\]<>@](?:[^\[\]<>@\n]{0,58}[^\s\[\]<>@])?\]")
MAX_PASSES = 50

_CONTROL = dict.fromkeys((0, 1, *range(4, 9), 11, 12, *range(14, 32), 127))
_INVISIBLE = re.compile(  # all but tab, line feed, the marks of emphasis and the joiners of letters
    "[\x00\x01\x04-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb\ue000-\uf8ff\U000e0000-\U000e007f\U000f0000-\U0010ffff]"
)
_ODD = re.compile("[^\n -~‘’“”–—…•«»]")
"""What ordinary typography does not use."""
_TO_REPAIR, _TO_HIDE, _TO_COMPOSE, _TO_DROP, _TO_SPACE = 1, 2, 4, 8, 16
_OTHER_SPACE = re.compile(r"[^\S\n ]")
_EARLY = {"html", "bbcode", "images", "dice", "quotes", "spoilers", "mentions", "mojibake", "invisible"}
"""Rules that work before the characters are settled: after these alone, no character needs another look."""


class Endless(Exception):
    """A post whose markup lies inside markup, over and over: nobody wrote that for a reader."""


class Cleaner:
    """Cleans posts as the recipe says."""

    def __init__(self, rules: Clean):
        self._rules = rules
        self._markup = Markup(rules)
        self._has_shortcut = rules.html and rules.bbcode and rules.emphasis == "keep"
        self._text_rules: list[tuple[str, Callable[[str], str]]] = [
            (name, rule)
            for name, is_on, rule in (
                ("links", rules.links, out_of_character.links),
                ("asides", rules.asides, out_of_character.asides),
                ("ooc", rules.ooc, out_of_character.ooc),
                ("emoji", rules.emoji == "drop", out_of_character.emoji),
                ("email", rules.email, contact_details.email),
                ("phone", rules.phone, contact_details.phone),
                ("ip_address", rules.ip_address, contact_details.ip_address),
            )
            if is_on
        ]

    def clean_all(self, messages: pa.Array) -> tuple[list[str | None], list[Sequence[str]]]:
        """What `clean` gives for each message, sooner for most; the text of those that never end is None."""
        if self._has_shortcut:
            texts, fired = clean_ordinary(messages, self._without_oddities)
        else:
            texts, fired = [None] * len(messages), [()] * len(messages)
        for index, text in enumerate(texts):
            if text is None:
                with contextlib.suppress(Endless):
                    texts[index], fired[index] = self.clean(messages[index].as_py())
        return texts, fired

    def clean(self, message: str) -> tuple[str, list[str]]:
        """Plain text of `message`, "" when nothing is left that a reader of the scene would miss, and the names of
        the rules that changed something (a name can stand there more than once).

        Raises:
            Endless: still not done after MAX_PASSES passes.
        """
        fired: list[str] = []
        text = _with_line_feeds(message)
        for _ in range(MAX_PASSES):
            before, rules_before = text, len(fired)
            text = self._pass(text, fired)
            if len(fired) == rules_before or not self._may_hold_more(text, fired) or text == before:
                return text, fired
        raise Endless(f"{len(message)} characters, {MAX_PASSES} passes")

    def _without_oddities(self, message: str) -> tuple[str, list[str]]:
        """`message` without markup, odd characters and emoji, with marks of emphasis, and the rules at work.

        Where no other rule finds anything, it does not matter that emoji go first.
        """
        fired: list[str] = []
        text, odd = self._settled(_with_line_feeds(message), fired)
        if odd & _TO_DROP and self._rules.emoji == "drop" and (changed := out_of_character.emoji(text)) != text:
            fired.append("emoji")
            text = changed
        return text, fired

    def _settled(self, text: str, fired: list[str]) -> tuple[str, int]:
        """`text` without markup and odd characters, with marks of emphasis; what its odd characters still ask for."""
        if EMPHASIS_OPEN in text or EMPHASIS_CLOSE in text:
            text = without_marks(text)
        if "<" in text or "[" in text or "&" in text:
            text = self._markup.to_text(text, fired)
        text, odd = self._characters(text, fired)
        return _single_spaced(text), odd

    def _pass(self, text: str, fired: list[str]) -> str:
        text, odd = self._settled(text, fired)
        for name, rule in self._text_rules:
            if name == "emoji" and not odd & _TO_DROP:
                continue
            changed = rule(text)
            if changed != text:
                fired.append(name)
                text = _single_spaced(changed)
        if EMPHASIS_OPEN in text or EMPHASIS_CLOSE in text:
            text = with_asterisks(text)
        text = _paragraphs(text)
        return harmless(text) if self._rules.html else text

    def _may_hold_more(self, text: str, fired: list[str]) -> bool:
        """Whether another pass could find something to do: a cheap test that errs on the side of yes."""
        mentions = len(_WRITTEN_MENTION.findall(text)) if "[@" in text and self._rules.mentions else 0
        brackets = text.count("[") - mentions
        if brackets and brackets > sum(map(text.count, contact_details.PLACEHOLDERS)):
            return True
        if "&" in text and ENTITY.search(text) is not None:
            return True
        if "<" in text and "<" in text.replace("< ", ""):
            return True
        if _EARLY.issuperset(fired):  # what works on characters and words has seen this text
            return False
        if text.count("@") > mentions or _may_need_text_rules(text):
            return True
        odd = 0 if text.isascii() else _odd(text)
        return odd > _TO_REPAIR or (odd == _TO_REPAIR and repair(text) != text)

    def _characters(self, text: str, fired: list[str]) -> tuple[str, int]:
        """`text` without mojibake and characters that nobody sees, and what its odd characters ask for. Every space is
        an ordinary one: rules that look for words and numbers know no others.
        """
        if text.isascii():
            if not _is_visible(text):
                visible = text.translate(_CONTROL) if self._rules.invisible else text
                if len(visible) != len(text):
                    fired.append("invisible")
                text = _OTHER_SPACE.sub(" ", visible)
            return text, 0
        before, odd = None, 0
        while before != text:
            before, odd = text, _odd(text)
            while odd & _TO_REPAIR and self._rules.mojibake and (repaired := repair(text)) != text:
                fired.append("mojibake")
                text = repaired
                odd = _odd(text)
            if odd & (_TO_HIDE | _TO_COMPOSE) and self._rules.invisible:
                visible = unicodedata.normalize("NFC", _INVISIBLE.sub("", text))
                if visible != text:
                    fired.append("invisible")
                    text = visible
        return (_OTHER_SPACE.sub(" ", text) if odd & _TO_SPACE else text), odd


def _with_line_feeds(message: str) -> str:
    return message.replace("\r\n", "\n").replace("\r", "\n") if "\r" in message else message


def _is_visible(text: str) -> bool:
    """Whether ASCII `text` has no control characters but line feeds and the marks of emphasis."""
    return text.replace("\n", "").replace(EMPHASIS_OPEN, "").replace(EMPHASIS_CLOSE, "").isprintable()


def _single_spaced(text: str) -> str:
    while "  " in text:
        text = text.replace("  ", " ")
    return text


def _odd(text: str) -> int:
    """What the characters that ordinary typography does not use ask for, all together."""
    asked = 0
    for char in set(_ODD.findall(text)):
        asked |= _asks_for(char)
    return asked


@functools.lru_cache(maxsize=1 << 16)
def _asks_for(char: str) -> int:
    """What one odd character asks for: repair, hiding, composing, dropping as emoji, a plain space in its place."""
    return (
        _TO_REPAIR * ("\u00c2" <= char <= "\u00f4")
        | _TO_HIDE * (_INVISIBLE.match(char) is not None)
        | _TO_COMPOSE
        * (unicodedata.combining(char) > 0 or unicodedata.normalize("NFC", char) != char or char > "\u1100")
        | _TO_DROP * (out_of_character.may_be_emoji(char))
        | _TO_SPACE * char.isspace()
    )


def _may_need_text_rules(text: str) -> bool:
    """Whether one of the rules for plain text could apply to `text`, its @ signs aside."""
    may_apply = (out_of_character.may_have_links, out_of_character.may_have_asides, out_of_character.may_have_ooc)
    return any(rule(text) for rule in may_apply) or contact_details.may_be_in(text)


def _paragraphs(text: str) -> str:
    """Paragraphs with their lines trimmed, without those that hold only mentions, asterisks and commas."""
    paragraphs, lines = [], []
    for line in text.split("\n"):
        trimmed = line.strip() if line.isprintable() and "  " not in line else " ".join(line.split())
        if trimmed:
            lines.append(trimmed)
        elif lines:
            _add_paragraph(paragraphs, lines)
            lines = []
    if lines:
        _add_paragraph(paragraphs, lines)
    return "\n\n".join(paragraphs)


def _add_paragraph(paragraphs: list[str], lines: list[str]) -> None:
    paragraph = "\n".join(lines)
    rest = MENTION.sub("", paragraph) if "[@" in paragraph else paragraph
    if rest.strip(" \n,*"):
        paragraphs.append(paragraph)
