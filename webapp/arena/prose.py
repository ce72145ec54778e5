"""A post as HTML: paragraphs, *emphasis*, "speech". Everything else that it holds is text, escaped.

`static/arena/prose.js` does the same in the browser while replies stream in; tests/webapp/prose_cases.json holds
both to the same result.
"""

import re
from dataclasses import dataclass

from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

STARS = re.compile(r"\*+")
PARAGRAPH = re.compile(r"\s*\n\s*")
OPENING, CLOSING, STRAIGHT = "“", "”", '"'


@dataclass(frozen=True)
class Run:
    """A stretch of text in one style."""

    text: str
    emphasis: bool
    speech: bool


def as_html(text: str) -> SafeString:
    """`text` as `<p>`s with `<em>` and `<span class="speech">`."""
    paragraphs = (f"<p>{''.join(_run_html(run) for run in runs(part))}</p>" for part in paragraphs_of(text))
    return mark_safe("".join(paragraphs))  # every run was escaped in _run_html


def paragraphs_of(text: str) -> list[str]:
    """Every line of `text` that holds something: in role-play a line break is a new paragraph."""
    return [part for part in PARAGRAPH.split(text.strip()) if part]


def runs(paragraph: str) -> list[Run]:
    """`paragraph` cut where its style changes.

    Asterisks that open before a character and close after one are emphasis; alone, they stay.
    A quotation that nobody closes lasts to the paragraph's end, as in speech that runs over several.
    """
    marks = _emphasis_marks(paragraph)
    found: list[Run] = []
    emphasis = speech = False
    start = position = 0

    def keep(end: int) -> None:
        if end > start:
            found.append(Run(paragraph[start:end], emphasis, speech))

    while position < len(paragraph):
        character = paragraph[position]
        if position in marks:
            keep(position)
            emphasis = not emphasis
            start = position = marks[position]
        elif not speech and character in (OPENING, STRAIGHT):
            keep(position)
            speech, start = True, position
            position += 1
        elif speech and character in (CLOSING, STRAIGHT):
            position += 1
            keep(position)
            speech, start = False, position
        else:
            position += 1
    keep(len(paragraph))
    return found


def _emphasis_marks(paragraph: str) -> dict[int, int]:
    """Start to end of every run of asterisks that has its partner."""
    marks: dict[int, int] = {}
    opened: tuple[int, int] | None = None
    for stars in STARS.finditer(paragraph):
        before = paragraph[stars.start() - 1 : stars.start()]
        after = paragraph[stars.end() : stars.end() + 1]
        if opened and before.strip():
            marks[opened[0]] = opened[1]
            marks[stars.start()] = stars.end()
            opened = None
        elif after.strip():
            opened = stars.span()
    return marks


def _run_html(run: Run) -> str:
    html = conditional_escape(run.text)
    if run.emphasis:
        html = f"<em>{html}</em>"
    if run.speech:
        html = f'<span class="speech">{html}</span>'
    return html
