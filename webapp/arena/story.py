"""A comparison's turns as a story: what has been told, what comes next, and what each model is asked to continue.

In: a comparison and its turns. Out: the turns that hold, and chat messages for one side.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from contracts.scene import ChatMessage, Post, scene_messages
from webapp.arena.models import Comparison, State, Turn


@dataclass(frozen=True)
class Story:
    """The turns of one comparison."""

    told: tuple[Turn, ...]
    """The last complete attempt of every number, in order."""
    latest: Turn
    """The turn that was begun last, whatever became of it."""
    attempts: dict[int, int]
    """Number of a turn to how often it was tried."""

    @property
    def last(self) -> Turn | None:
        """The last complete turn: what can be voted on and gone on from. None while there is none."""
        return self.told[-1] if self.told else None


def story(comparison: Comparison) -> Story:
    """The story as it stands."""
    return story_of(comparison.turns.all())


def story_of(turns: Iterable[Turn]) -> Story:
    """The story that all turns of one comparison tell."""
    turns = sorted(turns, key=lambda turn: (turn.number, turn.attempt))
    complete = {turn.number: turn for turn in turns if turn.state == State.COMPLETE}
    return Story(
        told=tuple(complete[number] for number in sorted(complete)),
        latest=max(turns, key=lambda turn: turn.pk),
        attempts={turn.number: turn.attempt for turn in turns},
    )


def messages(comparison: Comparison, told: Sequence[Turn], turn: Turn, side: str) -> list[ChatMessage]:
    """The chat that the model on `side` is asked to continue in `turn`: it knows its own replies only.

    Args:
        told: turns that may lead up to it; those from its number on are passed over.
    """
    path = [*(one for one in told if one.number < turn.number), turn]
    posts = opening_posts(comparison, path[0])
    for earlier, following in itertools.pairwise(path):
        posts.append(Post(author=comparison.character, text=getattr(earlier, f"reply_{side}")))
        posts.append(Post(author=comparison.player, text=following.post))
    return scene_messages(comparison.title, comparison.tags, comparison.character, posts)


def opening_posts(comparison: Comparison, first: Turn) -> list[Post]:
    """The posts that turn 1 answers; its own post, where the person edited it, stands in the last one's place."""
    posts = [Post(author=post["author"], text=post["text"]) for post in comparison.posts]
    if first.post:
        posts[-1] = Post(author=posts[-1]["author"], text=first.post)
    return posts
