"""HTML and BBCode, or both at once, as text.

In: a forum post. Out: its text, with a line feed for a line break, an empty line between paragraphs, and two marks
around emphasis. One walk over the tags does it; a post whose HTML is not of the simple kind goes through a real
parser first, which mends it.
"""

import functools
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser

from contracts.recipe import Clean
from jobs.corpus.cleaning.tags import TAGS, Kind, Tag, tag

EMPHASIS_OPEN, EMPHASIS_CLOSE = "\x02", "\x03"
"""Marks in text that is worked on: control characters, so that ASCII text stays ASCII."""

_LOOKS_LIKE_HTML = re.compile(r"<(?=[A-Za-z/!?])")
_UNFINISHED_HTML = re.compile(r"<(?:/?[A-Za-z][A-Za-z0-9]*(?:\s[^<>]*)?|[!?/][^<>]*)(?:<|\Z)")
_NO_HTML = re.compile(r"<(?!/?[A-Za-z][A-Za-z0-9]*(?:[\s/>]|\Z)|[!?/])")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_UNREADABLE = "script, style, svg, iframe, object, video, audio, template, head, title, noscript, textarea, select"
ENTITY = re.compile(r"&#?\w")
_LAYOUT = {Kind.PARAGRAPH, Kind.LINE, Kind.QUOTE, Kind.CITED_QUOTE}
_STANDS_FOR = {
    Kind.PARAGRAPH: "\n\n",
    Kind.QUOTE: "\n\n",
    Kind.CITED_QUOTE: "\n\n",
    Kind.SPOILER: "\n\n",
    Kind.ASIDE: "\n\n",
    Kind.LINE: "\n",
}
_REGIONS = {
    Kind.MEDIA: "images",
    Kind.DICE: "dice",
    Kind.ADDRESS: "links",
    Kind.ASIDE: "asides",
    Kind.SPOILER: "spoilers",
    Kind.QUOTE: "quotes",
    Kind.CITED_QUOTE: "quotes",
}
"""Kinds of which the text inside can go too, and the rule that says so."""


@dataclass(frozen=True)
class _Action:
    """What to do where a tag stands."""

    tag: Tag
    text: str
    """Stands in the place of the tag."""
    rules: tuple[str, ...]
    """Names of the rules that this is."""
    region: str = ""
    """Rule that takes the text up to the closing tag away too; `mentions`: that text is a name."""


class Markup:
    """Turns posts into text as the recipe says."""

    def __init__(self, rules: Clean):
        self._rules = rules
        self._action = functools.lru_cache(maxsize=8192)(self._find_action)

    def to_text(self, source: str, fired: list[str]) -> str:
        """The text of `source`; names of the rules that did something are appended to `fired`."""
        pieces = TAGS.split(source)
        actions = [self._action(piece) for piece in pieces[1::2]]
        if self._rules.html and "<" in source and _needs_parser(source, actions):
            fired.append("html")
            pieces = TAGS.split(_mended(source))
            actions = [self._action(piece) for piece in pieces[1::2]]
        self._decode(pieces, actions, fired)
        ends = _ends(actions) if any(action and action.region for action in actions) else {}
        output, position, count = [pieces[0]], 0, len(actions)
        while position < count:
            action = actions[position]
            if action is None:
                output.append(pieces[2 * position + 1])
            elif position in ends:
                end = ends[position]
                fired += (*action.rules, action.region)
                output.append(self._instead(action, pieces[2 * position + 2 : 2 * end + 2 : 2]))
                position = end
            else:
                fired += action.rules
                output.append(action.text)
            position += 1
            output.append(pieces[2 * position])
        return "".join(output)

    def _decode(self, pieces: list[str], actions: Sequence[_Action | None], fired: list[str]) -> None:
        """Replace the text between tags: entities by characters, line breaks that mean nothing by spaces.

        A tag of a language that is switched off is text, too.
        """
        flows = any(action and action.tag.is_html and action.tag.kind in _LAYOUT for action in actions)
        for index, text in enumerate(pieces):
            if index % 2 and actions[index // 2] is not None:
                continue
            if flows and "\n" in text:  # in HTML a line break in the source means nothing
                pieces[index] = text = text.replace("\n", " ")
            if "&" in text and self._rules.html and (decoded := _unescaped(text)) != text:
                fired.append("html")
                pieces[index] = decoded

    def _find_action(self, piece: str) -> _Action | None:
        """What to do with a tag; None when its language is switched off."""
        found = tag(piece)
        if not (self._rules.html if found.is_html else self._rules.bbcode):
            return None
        language = "html" if found.is_html else "bbcode"
        kind, text, rules = found.kind, _STANDS_FOR.get(found.kind, ""), (language,)
        mentions = kind is Kind.MENTION and self._rules.mentions
        if kind is Kind.EMPHASIS:
            if self._rules.emphasis == "keep":
                text, rules = (EMPHASIS_CLOSE if found.closes else EMPHASIS_OPEN), (language, "emphasis")
        elif mentions and found.name:
            name = _unescaped(found.name) if self._rules.html else found.name
            text, rules = _mention(name), (language, "mentions")
        elif kind is Kind.MENTION and found.name:
            text = f"@{found.name}"
        elif kind is Kind.MEDIA and self._rules.images:
            rules = (language, "images")
        region = "mentions" if mentions and not found.name else ""
        if kind in _REGIONS and self._drops(kind):
            region = _REGIONS[kind]
        return _Action(found, text, rules, "" if found.closes else region)

    def _drops(self, kind: Kind) -> bool:
        value = getattr(self._rules, _REGIONS[kind])
        return value is True or value == "drop" or (kind is Kind.CITED_QUOTE and value == "drop_cited")

    def _instead(self, action: _Action, inside: Sequence[str]) -> str:
        """What stands in the place of a region; `inside` is its text."""
        if action.region == "mentions":
            return _mention("".join(inside).strip().removeprefix("@"))
        return " " if action.region == "links" else "\n\n"


def _mention(name: str) -> str:
    """A mention as `[@name]`; threads.py, who knows the thread's authors, turns it into an alias."""
    return f"[@{name}]" if 0 < len(name) <= 60 and not set(name) & set("[]<>@\n") else ""


def without_marks(text: str) -> str:
    """`text` without marks of emphasis."""
    return text.replace(EMPHASIS_OPEN, "").replace(EMPHASIS_CLOSE, "")


def harmless(text: str) -> str:
    """`text` with a space behind every `<` that would read as a tag: it was written as an entity, it is text."""
    return _LOOKS_LIKE_HTML.sub("< ", text) if "<" in text else text


def _unescaped(text: str) -> str:
    """`text` with characters for entities, but no marks; what was escaped twice is decoded twice."""
    if not ENTITY.search(text):
        return text
    decoded = html.unescape(text)
    while decoded != text:
        text, decoded = decoded, html.unescape(decoded)
    return without_marks(text)


def _needs_parser(source: str, actions: Sequence[_Action | None]) -> bool:
    """Whether the HTML holds more than tags that stand for themselves."""
    if any(action and action.tag.kind is Kind.OPAQUE for action in actions):
        return True
    return _UNFINISHED_HTML.search(source) is not None


def _mended(source: str) -> str:
    """`source` as HTML that a parser wrote, without elements that are not for readers."""
    body = LexborHTMLParser(_NO_HTML.sub("&lt;", source)).body
    if body is None:
        return ""
    for node in body.css(_UNREADABLE):
        node.decompose()
    for node in body.css("*"):
        for name, value in list(node.attributes.items()):
            if name != "class" or value is None or "<" in value or ">" in value:
                del node.attrs[name]
    return without_marks(_COMMENT.sub("", body.inner_html or ""))


def _ends(actions: Sequence[_Action | None]) -> dict[int, int]:
    """Index of the closing tag by the index of the opening one, for regions that are closed."""
    ends, waiting = {}, {}
    for index, action in enumerate(actions):
        if action is None or not action.tag.pairs_with:
            continue
        if action.tag.closes:
            if opened := waiting.get(action.tag.pairs_with):
                ends[opened.pop()] = index
        elif action.tag.kind is not Kind.LINE:
            waiting.setdefault(action.tag.pairs_with, []).append(index)
    return {begin: end for begin, end in ends.items() if actions[begin].region}
