"""Emphasis as role-players write it: *between asterisks*.

In: text with the two marks of markup.py, nested, unbalanced or empty. Out: text without marks.
"""

import re

from jobs.corpus.cleaning.markup import EMPHASIS_CLOSE, EMPHASIS_OPEN

_MARK = re.compile(f"([{EMPHASIS_OPEN}{EMPHASIS_CLOSE}]|\n[^\\S\n]*\n)")
_ADJACENT = re.compile(f"{EMPHASIS_CLOSE}([^\\S\n]*){EMPHASIS_OPEN}")


def with_asterisks(text: str) -> str:
    """Balanced emphasis between asterisks that touch the words, nested as one, paragraph by paragraph.

    What is opened and never closed ends with its paragraph.
    """
    pieces = _MARK.split(_ADJACENT.sub(r"\1", text))
    closing = pieces.count(EMPHASIS_CLOSE)
    output, inside, depth = [], [], 0
    for index, piece in enumerate(pieces):
        if index % 2 == 0:
            (inside if depth else output).append(piece)
        elif piece == EMPHASIS_OPEN:
            depth += 1
        elif piece == EMPHASIS_CLOSE:
            closing -= 1
            depth = max(depth - 1, 0)
            if depth == 0:
                output.append(_starred("".join(inside)))
                inside = []
        else:
            output += [_starred("".join(inside)), piece]
            inside, depth = [], min(depth, closing)
    return "".join([*output, _starred("".join(inside))])


def _starred(text: str) -> str:
    """`text` between asterisks, its outer white space outside; as it is when there is nothing to stress."""
    words = text.strip()
    if not words or "*" in words:
        return text
    return text.replace(words, f"*{words}*", 1)
