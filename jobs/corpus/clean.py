"""From a forum post (HTML, BBCode, or both at once) to plain text in paragraphs.

In: the `message` column of an in-character row. Out: paragraphs with an empty line between them, lines
with a line break; "" when nothing is left. Words, quotation marks, apostrophes and dashes stay as they were
written. Mentions of forum users come out between two marks that threads.py turns into aliases.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from selectolax.lexbor import LexborHTMLParser

from jobs.corpus import bbcode
from jobs.corpus.mojibake import repair

# Private-use characters stand for structure while the text is worked on. Posts are stripped of them first.
MENTION_OPEN, MENTION_CLOSE = "\ue000", "\ue001"
_EM_OPEN, _EM_CLOSE, _PARAGRAPH, _LINE = "\ue002", "\ue003", "\ue004", "\ue005"

MENTION = re.compile(f"{MENTION_OPEN}([^{MENTION_CLOSE}]*){MENTION_CLOSE}")
"""A mention in cleaned text; group 1 is the forum name."""

_EMPHASIS = "em, i, strong, b"
_BLOCKS = "p, div, blockquote, ul, ol, li, h1, h2, h3, h4, h5, h6, hr, table, tr, pre, section, article, details"
_NOT_TEXT = "script, style, img, svg, iframe, object, video, audio, template, head"
_BLOCK_MARKUP = re.compile(r"<(?:p|div|br|li|blockquote)\b", re.IGNORECASE)

_INVISIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u00ad\u200b\u200e\u200f\u2060\ufeff\ue000-\uf8ff]")
_URL = re.compile(r"\s?\b(?:https?://|www\.)[^\s<>\"')\]]*[^\s<>\"')\].,;:!?]", re.IGNORECASE)
_ASIDE = re.compile(r"\(\(.*?\)\)+", re.DOTALL)
_OOC_LINE = re.compile(rf"^[\W{_EM_OPEN}{_EM_CLOSE}]{{0,4}}OOC\b[\W_]*?[:\-–—].*$", re.IGNORECASE | re.MULTILINE)
_EMOJI = re.compile(
    # Emoji_Presentation=Yes below U+1F000 (Unicode emoji-data.txt), any symbol that asks to be shown as emoji,
    # the pictograph planes, and what joins or colours them
    "[\u231a\u231b\u23e9-\u23ec\u23f0\u23f3\u25fd\u25fe\u2614\u2615\u2648-\u2653\u267f\u2693\u26a1\u26aa\u26ab"
    "\u26bd\u26be\u26c4\u26c5\u26ce\u26d4\u26ea\u26f2\u26f3\u26f5\u26fa\u26fd\u2705\u270a\u270b\u2728\u274c\u274e"
    "\u2753-\u2755\u2757\u2795-\u2797\u27b0\u27bf\u2b1b\u2b1c\u2b50\u2b55]\ufe0f?"
    "|[\u00a9\u00ae\u2000-\u3299]\ufe0f|[0-9#*]\ufe0f?\u20e3|[\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff]\ufe0f?|\u200d"
)


@dataclass(frozen=True)
class Style:
    """What the recipe's corpus section says about the text: `emphasis` as *asterisks* or not, `emoji` or not."""

    emphasis: Literal["keep", "drop"] = "keep"
    emoji: Literal["keep", "drop"] = "drop"


def clean(message: str, style: Style = Style()) -> str:
    """Plain text of `message`, "" when nothing is left that a reader of the scene would miss."""
    text = _flatten(bbcode.to_html(_INVISIBLE.sub("", repair(message))))
    text = _OOC_LINE.sub("", _ASIDE.sub("", text.replace(_LINE, "\n").replace(_PARAGRAPH, "\n\n")))
    text = _URL.sub("", unicodedata.normalize("NFC", text))
    if style.emoji == "drop":
        text = _EMOJI.sub("", text)
    paragraphs = (_paragraph(part, style) for part in re.split(r"\n\s*\n", text))
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def _flatten(source: str) -> str:
    """Text of the HTML in `source`, structure written as marks. Unclosed and stray tags are the parser's to mend."""
    if _BLOCK_MARKUP.search(source):
        source = re.sub(r"\s+", " ", source)  # here a line break in the source means nothing
    else:
        source = re.sub(r"\s*?\r?\n[^\S\n]*", _LINE, source)
    body = LexborHTMLParser(source).body
    if body is None:
        return ""
    for node in body.css(_NOT_TEXT):
        node.decompose()
    for node in body.css("a"):
        name = node.text().strip()
        if "bb-mention" in (node.attributes.get("class") or ""):
            node.replace_with(MENTION_OPEN + name.removeprefix("@") + MENTION_CLOSE)
    for node in body.css("br"):
        node.replace_with(_LINE)
    for node in body.css(_BLOCKS):
        node.insert_before(_PARAGRAPH)
        node.insert_after(_PARAGRAPH)
    for node in body.css(_EMPHASIS):
        node.insert_before(_EM_OPEN)
        node.insert_after(_EM_CLOSE)
    return body.text()


def _paragraph(text: str, style: Style) -> str:
    """One paragraph with its lines trimmed; "" when it held only mentions, marks and spaces."""
    text = _emphasis(text) if style.emphasis == "keep" else re.sub(f"[{_EM_OPEN}{_EM_CLOSE}]", "", text)
    lines = (re.sub(r"[^\S\n]+", " ", line).strip() for line in text.split("\n"))
    text = "\n".join(line for line in lines if line)
    return text if MENTION.sub("", text).strip(" \n,*") else ""


def _emphasis(text: str) -> str:
    """Replace balanced emphasis marks by asterisks that touch the words, nested ones by one pair."""
    text = re.sub(f"{_EM_CLOSE}(\\s*){_EM_OPEN}", r"\1", text)
    depth, inner, output = 0, [], []
    for piece in [*re.split(f"([{_EM_OPEN}{_EM_CLOSE}])", text), _EM_CLOSE]:
        if piece == _EM_OPEN:
            depth += 1
        elif piece == _EM_CLOSE:
            depth = max(depth - 1, 0)
            if depth == 0 and inner:
                output.append(_starred("".join(inner)))
                inner = []
        else:
            (inner if depth else output).append(piece)
    return "".join(output)


def _starred(text: str) -> str:
    """`text` between asterisks, its outer white space outside; as it is when there is nothing to stress."""
    words = text.strip()
    if not words or "*" in words:
        return text
    return text.replace(words, f"*{words}*", 1)
