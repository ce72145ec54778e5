"""What a tag means: HTML's and BBCode's, in one vocabulary.

In: the text of one tag, brackets included. Out: a Tag. What TAGS does not find is text: [laughter], <3, [I see].
"""

import functools
import re
from dataclasses import dataclass
from enum import Enum, auto


class Kind(Enum):
    """What a tag does to the text around it."""

    PLAIN = auto()
    """Nothing: only the tag goes."""
    PARAGRAPH = auto()
    LINE = auto()
    EMPHASIS = auto()
    MENTION = auto()
    """Its text is a forum name."""
    QUOTE = auto()
    CITED_QUOTE = auto()
    SPOILER = auto()
    MEDIA = auto()
    DICE = auto()
    ADDRESS = auto()
    """Its text is a bare address."""
    ASIDE = auto()
    OPAQUE = auto()
    """HTML whose text is not for readers, or that only a parser understands."""


@dataclass(frozen=True)
class Tag:
    """One tag. `pairs_with` is the same for an opening tag and the closing tag that ends it."""

    kind: Kind
    closes: bool
    pairs_with: str
    is_html: bool
    name: str = ""
    """The forum name of a `[@mention]`."""


_HTML_NAMES = {
    Kind.EMPHASIS: "em i strong b",
    Kind.PARAGRAPH: "p div ul ol li dl dt dd h1 h2 h3 h4 h5 h6 hr table thead tbody tr td th pre section article aside "
    "details summary center figure figcaption header footer",
    Kind.PLAIN: "span u s del ins sub sup small big font abbr code kbd mark cite q strike tt a time label",
    Kind.MEDIA: "img source track embed picture",
    Kind.LINE: "br",
    Kind.QUOTE: "blockquote",
}
_BBCODE_NAMES = {
    Kind.EMPHASIS: "b i em strong",
    Kind.PARAGRAPH: "center left right justify indent list table row cell header h1 h2 h3 h4 h5 h6 code pre",
    Kind.PLAIN: "u s sub sup size color colour font abbr highlight mark noparse anchor goto ic url email",
    Kind.MEDIA: "img image youtube video media soundcloud audio",
    Kind.DICE: "dice roll",
    Kind.SPOILER: "hider spoiler",
    Kind.LINE: "hr br *",
    Kind.QUOTE: "quote",
    Kind.ASIDE: "ooc",
}
_HTML = {name: kind for kind, names in _HTML_NAMES.items() for name in names.split()}
_BBCODE = {name: kind for kind, names in _BBCODE_NAMES.items() for name in names.split()}
_CLASSES = (
    (re.compile(r"mention", re.I), Kind.MENTION),
    (re.compile(r"quote", re.I), Kind.CITED_QUOTE),
    (re.compile(r"hider|spoiler", re.I), Kind.SPOILER),
    (re.compile(r"\bdice|\broll|-dice\b|-roll\b", re.I), Kind.DICE),
)
"""What the class of a container says it is."""
_HTML_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)((?:\s[^<>]*)?)/?>")
_ATTRIBUTES = r"(?:=[^\[\]\n]*|\ [^\[\]\n=]*=[^\[\]\n]*)?"
TAGS = re.compile(
    r"(<(?:/?[A-Za-z][A-Za-z0-9]*(?:\s[^<>]*)?/?|[!?/][^<>]*)>"
    rf"|\[/?(?ai:{'|'.join(map(re.escape, _BBCODE))}){_ATTRIBUTES}\]|\[@[^\[\]<>@\n]{{1,60}}\])"
)
"""Everything that is a tag, as one group."""
_CLASS = re.compile(r"""\bclass\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.I)
_BBCODE_TAG = re.compile(r"\[(/?)([A-Za-z0-9]+|\*)(.*)\]")


@functools.lru_cache(maxsize=8192)
def tag(text: str) -> Tag:
    """The tag that `text` is; it is one that TAGS found."""
    return _html(text) if text[0] == "<" else _bbcode(text)


def _html(text: str) -> Tag:
    match = _HTML_TAG.fullmatch(text)
    if match is None:  # a comment, a declaration, or what a parser takes for one
        return Tag(Kind.OPAQUE, False, "", True)
    closes, name = bool(match[1]), match[2].lower()
    kind = _HTML.get(name, Kind.OPAQUE)
    if not closes and name in ("a", "span", "div", "blockquote", "p") and (said := _CLASS.search(match[3])):
        kind = next((kind for pattern, kind in _CLASSES if pattern.search(said[0])), kind)
    if kind is Kind.QUOTE and "cite" in match[3]:
        kind = Kind.CITED_QUOTE
    return Tag(kind, closes, f"<{name}", True)


def _bbcode(text: str) -> Tag:
    if text[1] == "@":
        return Tag(Kind.MENTION, False, "", False, text[2:-1].strip())
    match = _BBCODE_TAG.fullmatch(text)
    name = match[2].lower()
    kind = _BBCODE[name]
    if match[3] and kind is Kind.QUOTE:
        kind = Kind.CITED_QUOTE
    if not match[3] and not match[1] and name in ("url", "email"):
        kind = Kind.ADDRESS
    return Tag(kind, bool(match[1]), f"[{name}", False)
