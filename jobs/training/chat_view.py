"""The chat view: a thread as chat samples, one series for each chosen character.

In: threads of the corpus. Out: samples of at most `max_length` tokens, cut at turn borders so that every reply
is trained whole and once, with as much of the scene before it as fits; and a report that accounts for all tokens.
"""

import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from contracts.scene import ChatMessage, Post, scene_messages
from jobs.errors import JobError
from jobs.training.chat_template import check_mask, encode, training_template

CHARACTERS = 2
"""A thread is told once through the eyes of each of its most active authors, up to this many."""

IGNORED = -100
"""Label of a token that takes no part in the loss (PyTorch's default `ignore_index`)."""


@dataclass(frozen=True)
class Sample:
    """One window of one thread as one character sees it. `labels` are `input_ids`, or IGNORED outside replies."""

    thread_id: str
    messages: list[ChatMessage]
    input_ids: list[int]
    labels: list[int]


@dataclass
class ViewReport:
    """Where the tokens went. `reply_tokens` = `trained` + every cut by reason; end tokens are counted in."""

    threads: int = 0
    samples: int = 0
    tokens: int = 0
    """All tokens of all samples, context included."""
    reply_tokens: int = 0
    trained: int = 0
    cut: dict[str, int] = field(default_factory=dict)
    """Reason to reply tokens: `too_long` (reply and its nearest context do not fit), `special_token` (a post
    holds a control token of the model as text)."""
    context_tokens_left_out: int = 0
    """Tokens of others' posts left out in front of a reply, so that it fits."""

    def count_cut(self, reason: str, tokens: int) -> None:
        self.cut[reason] = self.cut.get(reason, 0) + tokens

    def check(self) -> dict:
        """The report as a dict.

        Raises:
            JobError: reply tokens are unaccounted for, which is a bug here or a template whose turns interact.
        """
        if self.reply_tokens != self.trained + sum(self.cut.values()):
            raise JobError(f"chat view: reply tokens unaccounted for: {asdict(self)}")
        return asdict(self)


def chat_view(threads: Iterable[dict], tokenizer, max_length: int) -> tuple[list[Sample], ViewReport]:
    """All samples of `threads` and the report. Deterministic, in the order of the threads.

    Raises:
        JobError: the model has no usable chat template, or the template would train wrong tokens.
    """
    view = _View(tokenizer, training_template(tokenizer), max_length)
    samples = [sample for thread in threads for sample in view.samples(thread)]
    view.report.check()
    return samples, view.report


def most_active(messages: Iterable[dict], count: int = CHARACTERS) -> list[str]:
    """The authors with most posts, the first to appear winning ties."""
    return [author for author, _ in Counter(message["author"] for message in messages).most_common(count)]


class _View:
    """One tokenizer and template at work, counting as it goes."""

    def __init__(self, tokenizer, template: str, max_length: int):
        self.tokenizer, self.template, self.max_length = tokenizer, template, max_length
        self.special = tokenizer.all_special_tokens
        self.report = ViewReport()

    def samples(self, thread: dict) -> Iterable[Sample]:
        self.report.threads += 1
        posts = [Post(author=message["author"], text=message["text"]) for message in thread["messages"]]
        for character in most_active(posts):
            yield from self._windows(thread, character, posts)

    def _windows(self, thread: dict, character: str, posts: list[Post]) -> Iterable[Sample]:
        """Cut the scene before a reply that no longer fits; the next window opens with that reply's context."""

        def scene(part: list[Post]) -> list[ChatMessage]:
            return scene_messages(thread["title"], thread["tags"], character, part)

        header = len(encode(self.tokenizer, self.template, scene([]))[0])

        def size(turn: list[Post]) -> tuple[int, int]:
            """Tokens of one turn, and how many of them are trained."""
            ids, mask = encode(self.tokenizer, self.template, scene(turn)) if turn else ([0] * header, [])
            return len(ids) - header, sum(mask)

        window: list[Post] = []
        used = header
        for context, reply in _exchanges(posts, character):
            (context_size, _), (reply_size, trained) = size(context), size(reply)
            self.report.reply_tokens += trained
            if any(token in post["text"] for post in context + reply for token in self.special):
                # As text it would be read as the border of a turn, here and in the inference engine.
                self.report.count_cut("special_token", trained)
                continue
            if used + context_size + reply_size > self.max_length:
                if window:
                    yield self._sample(thread["thread_id"], scene(window))
                window, used = [], header
                room = self.max_length - header - reply_size
                nearest, nearest_size = self._nearest(context, room, size)
                self.report.context_tokens_left_out += context_size - nearest_size
                if room < 0 or (context and not nearest):
                    self.report.count_cut("too_long", trained)
                    continue
                context, context_size = nearest, nearest_size
            window += context + reply
            used += context_size + reply_size
        if window:
            yield self._sample(thread["thread_id"], scene(window))

    @staticmethod
    def _nearest(context: list[Post], room: int, size) -> tuple[list[Post], int]:
        """The longest end of `context` that fits into `room` tokens, cut between posts or, in the last post,
        between paragraphs; with its size in tokens. Grows from the end, so that a giant post costs no more."""
        fitting: tuple[list[Post], int] = ([], 0)
        for end in _ends(context):
            tokens, _ = size(end)
            if tokens > room:
                break
            fitting = end, tokens
        return fitting

    def _sample(self, thread_id: str, messages: list[ChatMessage]) -> Sample:
        ids, mask = encode(self.tokenizer, self.template, messages)
        if len(ids) > self.max_length:
            raise JobError(f"chat view: a window of {len(ids)} tokens, at most {self.max_length} were expected")
        check_mask(self.tokenizer, ids, mask, messages)
        self.report.samples += 1
        self.report.tokens += len(ids)
        self.report.trained += sum(mask)
        labels = [token if trained else IGNORED for token, trained in zip(ids, mask, strict=True)]
        return Sample(thread_id, messages, ids, labels)


def _exchanges(posts: list[Post], character: str) -> Iterable[tuple[list[Post], list[Post]]]:
    """Pairs of (what the others wrote, what `character` answered). The last word of others is no one's context."""
    context: list[Post] = []
    for own, turn in itertools.groupby(posts, key=lambda post: post["author"] == character):
        if own:
            yield context, list(turn)
            context = []
        else:
            context = list(turn)


def _ends(context: list[Post]) -> Iterable[list[Post]]:
    """The ends of `context`, the shortest first: 1, 2, ... paragraphs of the last post, then 2, 3, ... posts."""
    if context:
        last = context[-1]
        paragraphs = last["text"].split("\n\n")
        for start in range(len(paragraphs) - 1, -1, -1):
            yield [Post(author=last["author"], text="\n\n".join(paragraphs[start:]))]
        for start in range(len(context) - 2, -1, -1):
            yield context[start:]
