"""BBCode as HTML, so that one parser mends both. Square brackets that are no BBCode stay: [laughter].

In: a post with HTML, BBCode or both. Out: HTML. Tags map to the element that means the same to a reader.
"""

import html
import re

_INLINE = {"b": "b", "i": "i", "em": "em", "strong": "strong"}
_BLOCK = r"quote|center|left|right|justify|indent|list|hider|spoiler|table|row|cell|header|h[1-6]|code|pre"
_PLAIN = r"u|s|sub|sup|size|colou?r|font|url|email|abbr|highlight|mark|noparse|anchor|goto|ooc|ic"
_TAG = re.compile(rf"\[(/?)(?:(?P<inline>{'|'.join(_INLINE)})|(?P<block>{_BLOCK})|{_PLAIN})(?:[= ][^\]\n]*)?\]", re.I)
_MEDIA = re.compile(
    r"\[(img|image|youtube|video|media|soundcloud)(?:[= ][^\]\n]*)?\]\s*\S*?\s*\[/\1\]|\[url\]\s*\S*?\s*\[/url\]", re.I
)
_SINGLE = re.compile(r"\[(hr|br|\*)\]", re.I)
_MENTION = re.compile(r"\[@([^\]\[<>\n]{1,60})\]")


def to_html(text: str) -> str:
    """`text` with its BBCode as HTML. Media and bare `[url]` links go, with the address inside them."""
    if "[" not in text:
        return text
    text = _MENTION.sub(lambda match: f'<a class="bb-mention">@{html.escape(match[1])}</a>', text)
    text = _MEDIA.sub("", text)
    text = _SINGLE.sub("<br>", text)
    return _TAG.sub(_element, text)


def _element(match: re.Match) -> str:
    if match["inline"]:
        return f"<{match[1]}{_INLINE[match['inline'].lower()]}>"
    return f"<{match[1]}div>" if match["block"] else ""
