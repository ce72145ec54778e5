"""Replies that name who made their model: "I was made by OpenAI" ends the blindness of a battle, so it is marked.

In: a reply, and the names under which the engine knows the models. Out: yes or no. No Django in here.
"""

import re
from collections.abc import Iterable

MAKERS = (
    r"open\s?ai|chat\s?gpt|gpt-?[2-9]\w*|anthropic|deep\s?mind|deepseek|hugging\s?face|smol\s?lm\d*|qwen\d*|mixtral|"
    r"tiny\s?llama|mistral\s?ai|meta\s?ai|microsoft\s?copilot|x\s?ai's grok"
)
"""Names that no character of a scene bears: they say it wherever they stand."""

NAMESAKES = r"claude|gemini|gemma|llama|mistral|falcon|phi|grok|bard|copilot|google|meta|microsoft|alibaba|nvidia"
"""Names that a person, a beast, a wind or a house may bear too: they count beside words about language models."""

ABOUT_MODELS = (
    r"language model|\bllm\b|\ban ai\b|\bai (?:model|assistant)|chatbot|virtual assistant|"
    r"\bi(?:['’]m| am| was)\b.*\b(?:made|created|trained|developed|built) by\b"
)

_MAKERS = re.compile(rf"(?<!\w)(?:{MAKERS})(?!\w)", re.IGNORECASE)
_NAMESAKES = re.compile(rf"(?<!\w)(?:{NAMESAKES})(?!\w)", re.IGNORECASE)
_ABOUT_MODELS = re.compile(ABOUT_MODELS, re.IGNORECASE)
_SENTENCE = re.compile(r"[^.!?\n]+")
_PLAIN_WORD = re.compile(r"[a-zA-Z]+")


def names_maker(text: str, names: Iterable[str] = ()) -> bool:
    """Whether `text` names a maker, a well-known model, or one of `names` (as the engine lists them).

    An engine's name that is a plain word, such as the alias `demo`, says nothing by itself and is passed over.
    """
    if _MAKERS.search(text):
        return True
    own = [re.escape(name) for name in names if not _PLAIN_WORD.fullmatch(name)]
    if own and re.search(rf"(?<!\w)(?:{'|'.join(own)})(?!\w)", text, re.IGNORECASE):
        return True
    return any(_NAMESAKES.search(said) and _ABOUT_MODELS.search(said) for said in _SENTENCE.findall(text))
