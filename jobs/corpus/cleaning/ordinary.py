"""The ordinary post, cleaned a whole column at a time: what most posts are.

In: messages. Out: for those in which markup is all there is to do, what clean.py makes of them, many times sooner;
nothing for every other one. It holds for the recipe that turns HTML and BBCode to text and keeps emphasis, whatever
its other rules are: where they could find something, a post is not ordinary.
"""

import functools
import html
import re
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.corpus.cleaning.emphasis import with_asterisks
from jobs.corpus.cleaning.markup import EMPHASIS_CLOSE, EMPHASIS_OPEN

# The syntax is RE2's, which looks at a character once, however many ways there are to go on
_CHARACTERS = (
    r"[\n -%'-;=?A-Z\\\]-z{-~‘’“”–—…Ā-ſ]"
    r"|[à-öø-ÿ][\n !-%'-;=?A-Z\\\]-~]"  # before anything else it may be mojibake
    r"|&[\n ]"
)
_SIMPLE = (
    rf"\A(?:{_CHARACTERS}|</?(?:p|em|strong|i|b)>|<br ?/?>|\[/?[bi]\]"
    r"|&(?:amp;[\n ]|quot;|#0?39;|apos;|nbsp;|[lr][sd]quo;|[mn]dash;|hellip;))*\z"
)
"""A message whose markup is of the simplest kind."""
_NAME = r"[!-;=?A-Z\\^-~Ā-ſà-öø-ÿ]"
_MENTION = rf"\[@{_NAME}(?:(?:{_NAME}| ){{0,58}}{_NAME})?\]"
_PLAIN = rf"\A(?:{_CHARACTERS}|{_MENTION}|[{EMPHASIS_OPEN}{EMPHASIS_CLOSE}\x{{a0}}])*\z"
"""Text in which nothing of markup or odd characters is left."""
_WORK_FOR_RULES = (  # links, asides, OOC lines, e-mail addresses, phone numbers, IP addresses: what each one looks for
    r"(?i)://|www\.|\(\(|\booc\b|at[)\]}]| dot |[0-9](?:[\-‐-–. ()/]{0,3}[0-9]){6}"
    r"|[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]|::|(?::[^:]*){7}"
)
_NOTHING_LEFT = rf"(?:\A|\n\n)(?:[ \n,*]|{_MENTION})*(?:\n\n|\z)"
"""A paragraph that has no words, or an empty post."""
_MARK = f"[{EMPHASIS_OPEN}{EMPHASIS_CLOSE}]"
_WORDS, _EDGE = rf"[^{EMPHASIS_OPEN}{EMPHASIS_CLOSE}*\n]", rf"[^{EMPHASIS_OPEN}{EMPHASIS_CLOSE}*\s\x{{a0}}]"
_STRESSED = f"{EMPHASIS_OPEN}{_EDGE}(?:{_WORDS}*{_EDGE})?{EMPHASIS_CLOSE}"
_REST = f"[^{EMPHASIS_OPEN}{EMPHASIS_CLOSE}]*"
_SIMPLE_EMPHASIS = (
    rf"\A{_REST}{_STRESSED}(?:{_REST}[^{EMPHASIS_OPEN}{EMPHASIS_CLOSE} \x{{a0}}]{_REST}{_STRESSED})*{_REST}\z"
)
_EMPHASIS_TAG = re.compile(r"[<\[](/?)(?:em|strong|i|b)[>\]]")

Text = tuple[str, Sequence[str]]
"""A text and the names of the rules that did something to it."""


def clean_ordinary(
    messages: pa.Array, without_oddities: Callable[[str], Text]
) -> tuple[list[str | None], list[Sequence[str]]]:
    """The text of each message, None for those that are not ordinary, and the rules that changed it.

    `without_oddities` takes a message that holds more than the simplest markup; it gives text with marks of emphasis.
    """
    texts, rules = [None] * len(messages), [()] * len(messages)
    simple = _has(messages, _SIMPLE)
    rest = pc.invert(simple)
    marked, fired = _without_simple_markup(messages.filter(simple))
    others = [without_oddities(message) for message in _listed(messages.filter(rest))]
    marked_others = pa.array([text for text, _ in others], pa.string())
    marked_others = pc.if_else(_has(marked_others, _PLAIN), marked_others, _NONE)
    finished = _listed(_finished(pa.concat_arrays([marked, marked_others])))
    places = np.concatenate([np.flatnonzero(_flags(mask)) for mask in (simple, rest)]).tolist()
    for index, text, names in zip(places, finished, fired + [names for _, names in others], strict=True):
        if text is not None:
            texts[index], rules[index] = text, names
    return texts, rules


def _without_simple_markup(messages: pa.Array) -> tuple[pa.Array, list[tuple[str, ...]]]:
    """Text with marks of emphasis, and the rules at work."""
    text = _where(_has(messages, "</?p>|<br"), messages, _laid_out)
    text = _where(_has(text, "&"), text, _each(html.unescape))
    decoded = pc.not_equal(text, messages)
    in_html, in_bbcode = _has(text, "<"), _has(text, r"\[")
    stressed = pc.or_(in_html, in_bbcode)
    text = _where(stressed, text, _each(functools.partial(_EMPHASIS_TAG.sub, _emphasis_mark)))
    rules = _flags(pc.or_(decoded, in_html)) + 2 * _flags(in_bbcode) + 4 * _flags(stressed)
    return text, [_FIRED[number] for number in rules.tolist()]


_NONE = pa.scalar(None, pa.string())
_FIRED = [
    tuple(name for bit, name in enumerate(("html", "bbcode", "emphasis")) if number >> bit & 1) for number in range(8)
]


def _finished(marked: pa.Array) -> pa.Array:
    """Text with marks of emphasis as `clean` leaves it; null where a rule may find something, or no words are left."""
    text = _paragraphs(_with_asterisks(marked))
    unsettled = _has(text, f"{_WORK_FOR_RULES}|{_NOTHING_LEFT}")
    return pc.if_else(unsettled, _NONE, text)


def _listed(texts: pa.Array) -> list[str | None]:
    """The way over NumPy is several times faster than `to_pylist`."""
    return texts.to_numpy(zero_copy_only=False).tolist()


def _flags(column: pa.Array) -> np.ndarray:
    return column.to_numpy(zero_copy_only=False)


def _has(texts: pa.Array, pattern: str) -> pa.Array:
    """Which texts hold the pattern; for a plain string, too, RE2 is several times faster than `match_substring`."""
    return pc.match_substring_regex(texts, pattern)


def _where(mask: pa.Array, text: pa.Array, change: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """`text` with those that `mask` names changed."""
    return pc.replace_with_mask(text, mask, change(text.filter(mask)))


def _each(change: Callable[[str], str]) -> Callable[[pa.Array], pa.Array]:
    return lambda texts: pa.array(map(change, _listed(texts)), pa.string())


def _laid_out(texts: pa.Array) -> pa.Array:
    """Line feeds for the tags of paragraphs and line breaks; in HTML, a line feed in the source means nothing."""
    texts = pc.replace_substring(texts, "\n", " ")
    for tag in ("<p>", "</p>"):
        texts = pc.replace_substring(texts, tag, "\n\n")
    return _where(_has(texts, "<br"), texts, _replace("<br ?/?>", "\n"))


def _with_asterisks(marked: pa.Array) -> pa.Array:
    """Asterisks for marks; where no emphasis is nested, empty, unbalanced or beside another, each stands for a mark."""
    stressed = pc.or_(_has(marked, EMPHASIS_OPEN), _has(marked, EMPHASIS_CLOSE))
    text = marked.filter(stressed)
    simple = _has(text, _SIMPLE_EMPHASIS)
    text = _where(simple, text, _replace(_MARK, "*"))
    text = _where(pc.invert(simple), text, _each(with_asterisks))
    return pc.replace_with_mask(marked, stressed, text)


def _emphasis_mark(tag: re.Match) -> str:
    return EMPHASIS_CLOSE if tag[1] else EMPHASIS_OPEN


def _paragraphs(texts: pa.Array) -> pa.Array:
    """Trimmed lines, single spaces, one empty line between paragraphs."""
    texts = _where(_has(texts, "\u00a0"), texts, _replace("\u00a0", " "))
    return pc.utf8_trim(_where(_has(texts, "  | \n|\n |\n\n\n"), texts, _evenly_spaced), " \n")


def _evenly_spaced(texts: pa.Array) -> pa.Array:
    for found, pattern, replacement in (("  ", "  +", " "), (" \n|\n ", " ?\n ?", "\n"), ("\n\n\n", "\n\n\n+", "\n\n")):
        texts = _where(_has(texts, found), texts, _replace(pattern, replacement))
    return texts


def _replace(pattern: str, replacement: str) -> Callable[[pa.Array], pa.Array]:
    return functools.partial(pc.replace_substring_regex, pattern=pattern, replacement=replacement)
