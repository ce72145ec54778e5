"""What a player says beside the story: ((asides)), `OOC:` lines, links and emoji.

In and out: plain text. Each function is one rule and does nothing where its rule does not apply.
"""

import re

_PARENTHESIS = re.compile(r"[()]")
_OOC_LINE = re.compile(r"\([^\w\n()]*OOC\b[^()]*\)|^[^\w\n]*OOC\b[^\w\n:\-–—]*[:\-–—].*$", re.IGNORECASE | re.MULTILINE)
_URL = re.compile(r"[^\S\n]?\b(?:https?://|www\.)[^\s<>\"')\]]*[^\s<>\"')\].,;:!?]", re.IGNORECASE)
_EMOJI = re.compile(
    # Emoji_Presentation=Yes below U+1F000 (Unicode emoji-data.txt), any symbol that asks to be shown as emoji,
    # the pictograph planes, and what joins or colours them
    "[\u231a\u231b\u23e9-\u23ec\u23f0\u23f3\u25fd\u25fe\u2614\u2615\u2648-\u2653\u267f\u2693\u26a1\u26aa\u26ab"
    "\u26bd\u26be\u26c4\u26c5\u26ce\u26d4\u26ea\u26f2\u26f3\u26f5\u26fa\u26fd\u2705\u270a\u270b\u2728\u274c\u274e"
    "\u2753-\u2755\u2757\u2795-\u2797\u27b0\u27bf\u2b1b\u2b1c\u2b50\u2b55]\ufe0f?"
    "|[\u00a9\u00ae\u2000-\u3299]\ufe0f|[0-9#*]\ufe0f?\u20e3|[\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff]\ufe0f?|\u200d"
)


def asides(text: str) -> str:
    """Without ((asides)), nested parentheses and several lines included. One that is never closed stays."""
    if not may_have_asides(text):
        return text
    kept, done, opened = [], 0, []
    for match in _PARENTHESIS.finditer(text):
        if match[0] == "(":
            opened.append(match.start())
        elif opened:
            begin = opened.pop()
            if not opened and text.startswith("((", begin) and text.endswith("))", begin, match.end()):
                kept.append(text[done:begin])
                done = match.end()
    return "".join([*kept, text[done:]])


def may_have_asides(text: str) -> bool:
    """Whether `asides` may find something: a cheap test, as are its siblings."""
    return "((" in text


def ooc(text: str) -> str:
    """Without lines that begin with `OOC:` and (OOC remarks in parentheses)."""
    return _OOC_LINE.sub("", text) if may_have_ooc(text) else text


def may_have_ooc(text: str) -> bool:
    """Whether `ooc` may find something."""
    return "OOC" in text or "Ooc" in text or "ooc" in text


def links(text: str) -> str:
    """Without addresses."""
    return _URL.sub("", text) if may_have_links(text) else text


def may_have_links(text: str) -> bool:
    """Whether `links` may find something."""
    return "://" in text or "www." in text or "WWW." in text


def may_be_emoji(char: str) -> bool:
    """Whether `emoji` may have to do with a text that has this character."""
    return char in "\ufe0f\u20e3\u200d" or _EMOJI.match(char) is not None


def emoji(text: str) -> str:
    """Without emoji and what joins them; text symbols stay."""
    return text if text.isascii() else _EMOJI.sub("", text)
