"""Where the tokens of a split went: nothing is cut in silence.

In: counts, as a view works. Out: a report whose sums hold, for view.json and the model card.
"""

from dataclasses import asdict, dataclass, field

from jobs.errors import JobError


@dataclass
class ViewReport:
    """All but the first four are tokens. A text that is told several times (chat: once a character) counts as often.

    - `tokens_in` = `reply_tokens` + `context` + all of `left_out`
    - `reply_tokens` = `trained` + all of `cut`
    - `tokens` = `trained` + `context` + `repeated` + `frame`
    """

    view: str = ""
    template: str | None = None
    """The recipe's chat template; None: the model's own, or there is none in this view."""
    threads: int = 0
    """Threads of the corpus, or rows of the dataset."""
    samples: int = 0
    tokens_in: int = 0
    """All text as the view renders it, before anything is cut, without what `frame` counts."""
    reply_tokens: int = 0
    """Those meant to be trained: replies with their end tokens, or running text."""
    trained: int = 0
    context: int = 0
    """In samples, without loss."""
    cut: dict[str, int] = field(default_factory=dict)
    """Reason to tokens meant to be trained: `too_long` (a reply and the nearest of its context do not fit),
    `special_token` (the turn holds a token or a header of the template as text)."""
    left_out: dict[str, int] = field(default_factory=dict)
    """Reason to tokens of context: `too_long` (its beginning, so that the reply fits), `special_token`, and
    `no_reply` (what others wrote after the last reply)."""
    repeated: int = 0
    """What samples after a cut repeat of the scene before it, without loss."""
    frame: int = 0
    """What a view adds to each sample: the system prompt with its header, the text's beginning token."""
    tokens: int = 0
    """All tokens of all samples."""

    def count_cut(self, reason: str, tokens: int) -> None:
        if tokens:
            self.cut[reason] = self.cut.get(reason, 0) + tokens

    def count_left_out(self, reason: str, tokens: int) -> None:
        if tokens:
            self.left_out[reason] = self.left_out.get(reason, 0) + tokens

    def check(self) -> None:
        """Do the sums.

        Raises:
            JobError: tokens are unaccounted for, which is a bug here or a template whose turns interact.
        """
        sums = {
            "tokens_in": self.reply_tokens + self.context + sum(self.left_out.values()),
            "reply_tokens": self.trained + sum(self.cut.values()),
            "tokens": self.trained + self.context + self.repeated + self.frame,
        }
        for name, tokens in sums.items():
            if getattr(self, name) != tokens:
                raise JobError(f"view {self.view}: {name} are {getattr(self, name)}, not {tokens}: {asdict(self)}")
