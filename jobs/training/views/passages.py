"""Running text of any length as passages that fit into a sample, with loss on all of it.

In: a text and where its posts begin. Out: passages cut before a post where one fits, else before a paragraph, a
sentence, or anywhere. Together they train every token once; a passage after a cut repeats up to the recipe's overlap.
"""

import bisect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jobs.training.chat_template import check_end_token
from jobs.training.views.report import ViewReport
from jobs.training.views.sample import IGNORED

PARAGRAPH = re.compile(r"\n\n+")
SENTENCE = re.compile(r"[.!?…]['\"’”)\]*]*\s+")


@dataclass(frozen=True, slots=True)
class Passage:
    """What one sample holds: token ids, and labels of the same length."""

    ids: list[int]
    labels: list[int]


class PassageCutter:
    """Cuts texts into passages of at most `max_length` tokens, and counts what becomes of each token.

    A text ends with the end token; each passage begins with the beginning token where the tokenizer itself adds one.
    `overlap` is held to half a passage, or a long text would never end.
    """

    def __init__(self, tokenizer, max_length: int, overlap: int, report: ViewReport):
        """
        Raises:
            JobError: the tokenizer has no end token.
        """
        check_end_token(tokenizer)
        self._tokenizer, self._report = tokenizer, report
        self._begin = beginning(tokenizer)
        self._room = max_length - len(self._begin)
        self._overlap = min(overlap, self._room // 2)

    def passages(self, text: str, parts: Sequence[int] = ()) -> Iterator[Passage]:
        """The passages of `text`, in order; `parts` are the characters at which its posts begin."""
        encoded = running_text(self._tokenizer, text)
        ids = [*encoded.ids, self._tokenizer.eos_token_id]
        self._report.tokens_in += len(ids)
        borders = _borders(text, parts, encoded.offsets) if len(ids) > self._room else []
        start = fresh = 0
        while fresh < len(ids):
            end = self._end(borders, start, fresh, len(ids))
            yield self._passage(ids, start, fresh, end)
            start, fresh = self._repeated(borders, end), end

    def _end(self, borders: list[list[int]], start: int, fresh: int, length: int) -> int:
        """Where a passage that starts at `start` ends: the last border that fits, of the best kind there is."""
        full = start + self._room
        if full >= length:
            return length
        for kind in borders:
            last = bisect.bisect_right(kind, full) - 1
            if last >= 0 and kind[last] > fresh:
                return kind[last]
        return full

    def _repeated(self, borders: list[list[int]], cut: int) -> int:
        """Where the passage after `cut` starts: at the first border that lies at most the overlap before it."""
        starts = [cut]
        for kind in borders:
            first = bisect.bisect_left(kind, cut - self._overlap)
            starts += kind[first : first + 1]
        return min(starts)

    def _passage(self, ids: list[int], start: int, fresh: int, end: int) -> Passage:
        report = self._report
        tokens = self._begin + ids[start:end]
        labels = [IGNORED] * (len(self._begin) + fresh - start) + ids[fresh:end]
        labels[0] = IGNORED  # nothing stands before it to predict it from
        trained = sum(label != IGNORED for label in labels)
        report.samples += 1
        report.tokens += len(tokens)
        report.frame += len(self._begin)
        report.repeated += fresh - start
        report.trained += trained
        report.reply_tokens += trained
        report.context += end - fresh - trained
        return Passage(tokens, labels)


def beginning(tokenizer) -> list[int]:
    """The beginning token, where the tokenizer itself adds one."""
    added = tokenizer("", add_special_tokens=True)["input_ids"]
    return [tokenizer.bos_token_id] if added[:1] == [tokenizer.bos_token_id] else []


def running_text(tokenizer, text: str):
    """`ids` of `text` and the `offsets` (start and end, in characters) of each. Control tokens that stand in the text
    as words are read as words."""
    (encoded,) = tokenizer(
        [text], add_special_tokens=False, return_attention_mask=False, split_special_tokens=True, verbose=False
    ).encodings
    return encoded


def _borders(text: str, parts: Sequence[int], offsets: list[tuple[int, int]]) -> list[list[int]]:
    """Indices of the tokens with which posts, paragraphs and sentences begin, one ascending list each. The token of
    a word may hold the space before it."""
    ends = [end for _, end in offsets]
    kinds = [parts, [match.end() for match in PARAGRAPH.finditer(text)]]
    kinds.append([match.end() for match in SENTENCE.finditer(text)])
    return [[bisect.bisect_right(ends, place) for place in kind] for kind in kinds]
