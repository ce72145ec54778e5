"""Forum posts as an archive holds them: prose in HTML or BBCode, with what people and forum software put around it.

In: prose, a length, names to mention. Out: the `message` column of a good record.
"""

import html
import random

from benchmarks.corpus.prose import Prose, stream

FEATURE_SHARE = 0.06
"""Share of sentences that carry one of FEATURES."""
FEATURES = (
    # weight, in HTML, in BBCode
    (30, "<em>{text}</em>", "[i]{text}[/i]"),
    (12, "<strong>{text}</strong>", "[b]{text}[/b]"),
    (10, '<a class="bb-mention" href="/users/{n}">@{name}</a> {text}', "[@{name}] {text}"),
    (6, '<a href="https://example.org/{n}">{text}</a>', "[url=https://example.org/{n}]{text}[/url]"),
    (4, "{text} https://www.example.com/wiki/{n}", "{text} [url]https://www.example.com/wiki/{n}[/url]"),
    (5, "[hider={name}]{text}[/hider]", "[hider={name}]{text}[/hider]"),
    (6, "<blockquote>{text}</blockquote>", "[quote=@{name}]{text}[/quote]"),
    (6, "{text} (({more}))", "{text} (({more}))"),
    (4, "{text}<br/>OOC: {more}<br/>", "{text}\nOOC: {more}\n"),
    (6, "{text} \U0001f409", "{text} \U0001f602\U0001f44d\U0001f3fd"),
    (3, '{text} <img src="https://example.com/{n}.png" alt="" />', "{text} [img]https://example.com/{n}.png[/img]"),
    (3, "{text} [dice=1d20+4]{n}[/dice]", "{text} [dice=2d6]{n}[/dice]"),
    (1, "{text} Write to {name}.{n}@example.com.", "{text} Write to {name}{n}@example.org."),
    (1, "{text} Call +1 (202) 555-01{nn}.", "{text} Call 202-555-01{nn}."),
    (1, "{text} The server is 192.0.2.{nn}.", "{text} The server is 203.0.113.{nn}."),
    (2, "&lt;{name}&gt;&nbsp;{text} &amp; {more}", "<{name}> {text} & {more}"),
)
"""E-mail, telephone and IP addresses are from ranges reserved for examples."""
HTML_SHARE = 0.7
CURLY_SHARE = 0.3
"""Share of posts with typographic apostrophes and dashes."""
MOJIBAKE_SHARE = 0.02
"""Share of posts whose UTF-8 was once read as Windows-1252."""
SPEECH_SHARE = 0.3
"""Share of paragraphs that somebody says."""
SHORT_POST = 60
"""Characters below which a post is one short sentence."""


class Posts:
    """Messages without end; the same `rng` state gives the same messages."""

    def __init__(self, rng: random.Random, prose: Prose):
        self._rng, self._prose = rng, prose
        self._features = stream(rng, [forms for weight, *forms in FEATURES for _ in range(weight)])

    def message(self, chars: float, names: list[str]) -> str:
        """A message of about `chars` characters that may mention one of `names`."""
        is_html = self._rng.random() < HTML_SHARE
        paragraphs = self._paragraphs(chars, names, is_html)
        if not is_html:
            text = "\n\n".join(paragraphs)
        elif self._rng.random() < 0.8:
            text = "".join([f"<p>{paragraph}</p>" for paragraph in paragraphs])
        else:
            text = "<br/><br/>".join(paragraphs)
        looks = self._rng.random()
        if looks < CURLY_SHARE:
            text = text.replace("'", "’").replace("--", "—")
            if looks < MOJIBAKE_SHARE:
                text = f"{text} —".encode().decode("cp1252", "ignore")
        elif is_html:
            text = text.replace("'", "&#39;")
        return text

    def _paragraphs(self, chars: float, names: list[str], is_html: bool) -> list[str]:
        """Paragraphs of one to five sentences, until there are `chars` characters."""
        rng, sentence, paragraphs = self._rng, self._prose.sentence, []
        if chars < SHORT_POST:
            sentence = self._prose.short_sentence
        while chars > 0:
            sentences, wanted = [], rng.randint(1, 5)
            while chars > 0 and len(sentences) < wanted:
                text = sentence()
                if rng.random() < FEATURE_SHARE:
                    text = self._with_feature(text, names, is_html)
                sentences.append(text)
                chars -= len(text) + 1
            paragraph = " ".join(sentences)
            paragraphs.append(f'"{paragraph}"' if rng.random() < SPEECH_SHARE else paragraph)
        return paragraphs

    def _with_feature(self, text: str, names: list[str], is_html: bool) -> str:
        in_html, in_bbcode = next(self._features)
        number = self._rng.randint(1, 99_999)
        return (in_html if is_html else in_bbcode).format(
            text=html.escape(text, quote=False) if is_html else text,
            name=self._rng.choice(names),
            more=self._prose.short_sentence(),
            n=number,
            nn=f"{number % 100:02}",
        )
