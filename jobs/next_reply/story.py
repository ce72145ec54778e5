"""A story as the token ids that a model is asked with: what was told so far, and the post that follows.

In: what a story is joined of (title, `Name: text` of each post), with the name of who speaks next, `Name:`, as its last
piece. Out: ids before a post, and those of the post. Nothing in a story says where a post ends, so a model that was
trained on stories cannot be asked to write one.
"""

import bisect
import itertools
import math
from dataclasses import dataclass
from typing import ClassVar

from jobs.training.views.completion import BETWEEN
from jobs.training.views.passages import beginning, running_text


@dataclass(frozen=True)
class Story:
    """A tokenizer, and how many tokens of a story the model is shown: as many as it was trained on at once."""

    tokenizer: object
    positions: int
    writes_replies: ClassVar[bool] = False

    def continuation(self, pieces: list[str], post: str) -> tuple[list[int], list[int]]:
        """Ids before `post`, and those of `post` with the space before it."""
        told = BETWEEN.join(pieces)
        encoded = running_text(self.tokenizer, f"{told} {post}")
        start = bisect.bisect_right([end for _, end in encoded.offsets], len(told))
        return beginning(self.tokenizer) + encoded.ids[:start], encoded.ids[start:]

    def fitted(self, pieces: list[str], reserved: int) -> list[str] | None:
        """`pieces` without as many of the oldest as leaves room for `reserved` tokens; the last post and the name of
        who speaks next stay. None when these alone are too long.

        A quarter of the positions is left out at once, so that what is shown for one post begins as for the next.
        """
        room = self.positions - reserved - len(beginning(self.tokenizer))
        encoded = running_text(self.tokenizer, BETWEEN.join(pieces))
        step = max(1, self.positions // 4)
        left_out = math.ceil(max(0, len(encoded.ids) - room) / step) * step
        ends = [end for _, end in encoded.offsets]
        starts = list(itertools.accumulate((len(piece) + len(BETWEEN) for piece in pieces[:-2]), initial=0))
        for place, start in enumerate(starts):
            enough = bisect.bisect_right(ends, start) >= left_out or place == len(starts) - 1
            if enough and self._tokens(pieces[place:]) <= room:  # alone, the first word may be cut otherwise
                return pieces[place:]
        return None

    def _tokens(self, pieces: list[str]) -> int:
        return len(running_text(self.tokenizer, BETWEEN.join(pieces)).ids)
