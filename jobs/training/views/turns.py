"""Turns of a scene as tokens, each encoded once, whatever samples it ends up in.

In: messages. Out: pieces that joined are what the chat template makes of the whole scene. That works because a reply
ends with a special token, which the tokenizer splits at before it looks at anything else; it is checked all the same.
"""

from dataclasses import dataclass

from contracts.scene import ChatMessage
from jobs.errors import JobError
from jobs.training.chat_template import check_mask, encode_marked, render_marked

LEAD: list[ChatMessage] = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]
"""An exchange to render others after."""

CHECKED_EVERY = 50
"""Of the samples' token ids, those of one in so many (and of the first ones) are compared with the template's own;
the texts of all are."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a scene: its text, its token ids, and a mask of the same length (1: trained)."""

    text: str
    ids: list[int]
    mask: list[int]

    @property
    def trained(self) -> int:
        return sum(self.mask)

    @property
    def context(self) -> int:
        return len(self.ids) - self.trained


class TurnEncoder:
    """One tokenizer and one template at work."""

    def __init__(self, tokenizer, template: str):
        """
        Raises:
            JobError: the template does not end a reply with a special token.
        """
        self._tokenizer, self._template = tokenizer, template
        self._special = [token.content for token in tokenizer.added_tokens_decoder.values() if token.special]
        (text,), (spans,) = render_marked(tokenizer, template, [LEAD])
        lead = text[: spans[0][1]]
        self._end = max((token for token in self._special if lead.endswith(token)), key=len, default=None)
        if self._end is None:
            raise JobError("the chat template does not train the token that ends a reply: the model would never stop")
        self._tail = text[len(lead) :]
        self.tail = self._after_a_reply([self._tail], [[]])[0].ids
        """What the template writes after the last reply of a scene."""
        self._headers = self._plain_headers()
        self._checked = 0

    def _plain_headers(self) -> list[str]:
        """Headers of turns that are ordinary text, which a post could hold as well."""
        marks = [f"\x01{number}\x01" for number in range(4)]
        roles = ("system", "user", "assistant", "user")
        scene = [{"role": role, "content": mark} for role, mark in zip(roles, marks, strict=True)]
        (text,), _ = render_marked(self._tokenizer, self._template, [scene])
        headers = []
        for mark in marks:
            header, _, text = text.partition(mark)
            if header.strip() and not any(token in header for token in self._special):
                headers.append(header.strip(" "))
        return headers

    def forges(self, messages: list[ChatMessage]) -> bool:
        """Whether a text holds the border of a turn, and would be read as one, here and by the inference engine."""
        texts = [f"\n{message['content']}\n" for message in messages]
        return any(border in text for text in texts for border in (*self._special, *self._headers))

    def opening(self, system: list[ChatMessage], messages: list[ChatMessage]) -> Piece:
        """The beginning of a scene, up to the end of `messages`' last reply; `system` is one message or none."""
        (text,), (spans,) = render_marked(self._tokenizer, self._template, [[*system, *messages]])
        text = text[: spans[-1][1]]
        ((ids, mask),) = encode_marked(self._tokenizer, [text], [spans])
        return Piece(text, ids, mask)

    def following(self, turns: list[list[ChatMessage]]) -> list[Piece]:
        """What each of `turns` adds to a scene that ends with a reply. Those that end with a reply are checked.

        Raises:
            JobError: the template would train something else than the replies and their end.
        """
        texts, spans = render_marked(self._tokenizer, self._template, [[*LEAD, *messages] for messages in turns])
        parts, marked = [], []
        for messages, text, (lead, *replies) in zip(turns, texts, spans, strict=True):
            end = replies[-1][1] if messages[-1]["role"] == "assistant" else len(text)
            parts.append(text[lead[1] : end])
            marked.append([(start - lead[1], stop - lead[1]) for start, stop in replies])
        pieces = self._after_a_reply(parts, marked)
        for piece, messages in zip(pieces, turns, strict=True):
            if not self.forges(messages):  # in a forged turn the decoded text differs, and it is left out anyway
                check_mask(self._tokenizer, piece.ids, piece.mask, messages)
        return pieces

    def _after_a_reply(self, texts: list[str], spans: list[list[tuple[int, int]]]) -> list[Piece]:
        """Encode texts as they are read after the end token of a reply."""
        shift = len(self._end)
        shifted = [[(start + shift, stop + shift) for start, stop in marked] for marked in spans]
        encoded = encode_marked(self._tokenizer, [self._end + text for text in texts], shifted)
        return [Piece(text, ids[1:], mask[1:]) for text, (ids, mask) in zip(texts, encoded, strict=True)]

    def check(self, messages: list[ChatMessage], pieces: list[Piece]) -> None:
        """Prove that `pieces` with the tail are what the template makes of `messages`.

        Raises:
            JobError: they are not, since the template looks at more than the turn that it writes.
        """
        (text,), (spans,) = render_marked(self._tokenizer, self._template, [messages])
        if text != "".join(piece.text for piece in pieces) + self._tail:
            raise JobError("the chat template writes a turn differently depending on others: it cannot be cut at turns")
        self._checked += 1
        if self._checked <= CHECKED_EVERY or self._checked % CHECKED_EVERY == 0:
            ((ids, mask),) = encode_marked(self._tokenizer, [text], [spans])
            joined = [token for piece in pieces for token in piece.ids] + self.tail
            marked = [bit for piece in pieces for bit in piece.mask] + [0] * len(self.tail)
            if ids != joined or mask != marked:
                raise JobError("the tokenizer reads a turn differently depending on others: it cannot be cut at turns")
