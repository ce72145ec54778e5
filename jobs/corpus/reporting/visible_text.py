"""Forum text as HTML in which nothing hides: control characters are shown, differences are marked.

In: text that strangers wrote. Out: escaped markup.
"""

import difflib
import itertools
import re
import unicodedata

from markupsafe import Markup, escape

WORDS = re.compile(r"<[^<>]*>|\w+|\s|[^\w\s]")
"""What a difference is made of: tags, words, single white space, single other characters."""

NAMES = {"\0": "NUL", "\t": "TAB", "\r": "CR"}
"""What the commonest characters that show nothing are called; the others are called by their number."""


def visible(text: str) -> Markup:
    """Escaped, with every character that shows nothing or moves others around called by its name or number."""
    runs = itertools.groupby(text, _hides)
    return Markup("").join(Markup("").join(map(_shown, run)) if hides else escape("".join(run)) for hides, run in runs)


def difference(before: str, after: str) -> tuple[Markup, Markup]:
    """Both texts, with what went in `<del>` and what came in `<ins>`."""
    old, new = WORDS.findall(before), WORDS.findall(after)
    marked = Markup(""), Markup("")
    for kept, gone, come in _stretches(old, new):
        marked = marked[0] + kept + _changed("del", gone), marked[1] + kept + _changed("ins", come)
    return marked


def _stretches(old: list[str], new: list[str]):
    """Yields (markup that stays, text that goes, text that comes); white space between two changes belongs to them."""
    kept, gone, come = "", "", ""
    for kind, i, j, k, m in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            gone, come = gone + "".join(old[i:j]), come + "".join(new[k:m])
            continue
        same = "".join(old[i:j])
        if (gone or come) and not same.strip() and j < len(old) and m < len(new):
            gone, come = gone + same, come + same
            continue
        yield visible(kept), gone, come
        kept, gone, come = same, "", ""
    yield visible(kept), gone, come


def _changed(tag: str, text: str) -> Markup:
    """`text` in `tag`, with its line breaks shown; nothing for no text."""
    if not text:
        return Markup("")
    shown = Markup("↵\n").join(visible(line) for line in text.split("\n"))
    return Markup("<{0}>{1}</{0}>").format(Markup(tag), shown)


def _hides(character: str) -> bool:
    category = unicodedata.category(character)
    return character not in "\n " and (category[0] == "C" or category in ("Zl", "Zp", "Zs"))


def _shown(character: str) -> Markup:
    name = NAMES.get(character, f"U+{ord(character):04X}")
    return Markup('<span class="hidden">{}</span>').format(name)
