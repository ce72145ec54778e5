"""The chat template that training renders with, and the proof that only the replies are trained.

In: a tokenizer and the recipe's choice. Out: a Jinja template whose `{% generation %}` markers (by which transformers
finds the tokens for the loss) hold each reply and the token that ends it, and nothing else.
"""

import itertools
import logging
import pathlib

from contracts.scene import ChatMessage
from jobs.errors import JobError

log = logging.getLogger(__name__)

TEMPLATES = pathlib.Path(__file__).parent / "templates"
CHATML = TEMPLATES / "chatml.jinja"

PROBE: list[ChatMessage] = [
    {"role": "system", "content": "You are Ada."},
    {"role": "user", "content": "Bo: Hello.\n\nCy: 12 steps!"},
    {"role": "assistant", "content": "*She nods.*\n\n“Well.”"},
    {"role": "user", "content": "Bo: Go on."},
]
"""A scene that two templates must render alike."""


def training_template(tokenizer, name: str | None = None) -> str:
    """The Jinja template to train with: the one the recipe names, or the tokenizer's own if it marks the replies,
    or ours for ChatML if it renders as the tokenizer's own does.

    Args:
        name: file in templates/ (`train.chat.template`).

    Raises:
        JobError: there is no template of that name, or none for this model; the template would train the wrong
            tokens; the tokenizer has no end token.
    """
    check_end_token(tokenizer)
    template = _own_or_chatml(tokenizer) if name is None else _named(tokenizer, name)
    ids, mask = encode(tokenizer, template, PROBE[:-1])
    check_mask(tokenizer, ids, mask, PROBE)
    prompt = render(tokenizer, template, PROBE[:2])
    asked = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    if ids[: mask.index(1)] != asked:
        raise JobError(
            f"{tokenizer.name_or_path}: the chat template asks for a reply with {prompt[-40:]!r}, but trains one after "
            f"{tokenizer.decode(ids[: mask.index(1)])[-40:]!r}: the model would be asked in a form it never saw"
        )
    return template


def check_end_token(tokenizer) -> None:
    """Nothing can be trained to end without a token for it.

    Raises:
        JobError: the tokenizer has none.
    """
    if tokenizer.eos_token_id is None:
        raise JobError(
            f"{tokenizer.name_or_path}: the tokenizer has no end token, a model trained with it would never stop; "
            f"name one as eos_token in its tokenizer_config.json"
        )


def named_template(name: str) -> str:
    """The Jinja template of that file name in TEMPLATES.

    Raises:
        JobError: there is none; the message names those that are there.
    """
    path = TEMPLATES / name
    if path.parent != TEMPLATES or not path.is_file():
        there = ", ".join(sorted(path.name for path in TEMPLATES.glob("*.jinja")))
        raise JobError(f"train.chat.template: no template {name!r}; there are: {there}")
    return path.read_text()


def _named(tokenizer, name: str) -> str:
    template = named_template(name)
    if not _renders_as_own(tokenizer, template):
        log.warning("%s renders chats differently from the tokenizer's own template: run base-model again", name)
    return template


def _own_or_chatml(tokenizer) -> str:
    own = tokenizer.chat_template
    if own and "{% generation" in own.replace("{%-", "{%"):
        return own
    vocabulary = tokenizer.get_added_vocab()
    if not {"<|im_start|>", "<|im_end|>"} <= vocabulary.keys():
        raise JobError(
            f"{tokenizer.name_or_path}: its chat template has no {{% generation %}} markers and its vocabulary "
            f"no ChatML tokens; name a template in train.chat.template"
        )
    chatml = CHATML.read_text()
    if own and not _renders_as_own(tokenizer, chatml):
        raise JobError(
            f"{tokenizer.name_or_path}: its own chat template renders ChatML differently from {CHATML.name}; "
            f"put {{% generation %}} markers into the tokenizer's template"
        )
    return chatml


def _renders_as_own(tokenizer, template: str) -> bool:
    import jinja2

    try:
        return render(tokenizer, template, PROBE) == render(tokenizer, tokenizer.chat_template, PROBE)
    except (jinja2.TemplateError, ValueError):  # its own refuses the scene, or there is none
        return False


def render(tokenizer, template: str, messages: list[ChatMessage]) -> str:
    """The text of `messages`, with the header of the next reply at its end."""
    return tokenizer.apply_chat_template(messages, chat_template=template, tokenize=False, add_generation_prompt=True)


def render_marked(
    tokenizer, template: str, scenes: list[list[ChatMessage]]
) -> tuple[list[str], list[list[tuple[int, int]]]]:
    """The text of each scene, and the spans (first character, one past the last) in it that are trained.

    Raises:
        JobError: the template refuses a scene (some demand that the user speaks first, or forbid a system turn).
    """
    import jinja2
    from transformers.utils.chat_template_utils import render_jinja_template

    named = tokenizer.special_tokens_map
    try:
        return render_jinja_template(scenes, chat_template=template, return_assistant_tokens_mask=True, **named)
    except jinja2.TemplateError as error:
        roles = "; ".join(", ".join(message["role"] for message in scene) for scene in scenes)
        raise JobError(f"{tokenizer.name_or_path}: its chat template refuses the turns {roles}: {error}") from error


def encode(tokenizer, template: str, messages: list[ChatMessage]) -> tuple[list[int], list[int]]:
    """Token ids of `messages` and a mask of the same length: 1 where the loss goes.

    Raises:
        JobError: the template refuses the scene (some demand that the user speaks first, or forbid a system turn).
    """
    (text,), (spans,) = render_marked(tokenizer, template, [messages])
    ((ids, mask),) = encode_marked(tokenizer, [text], [spans])
    return ids, mask


def encode_marked(tokenizer, texts: list[str], spans: list[list[tuple[int, int]]]) -> list[tuple[list[int], list[int]]]:
    """Token ids of each text, and a mask: 1 for the tokens that hold a character of its `spans`."""
    if not texts:
        return []
    encoded = tokenizer(texts, add_special_tokens=False, return_attention_mask=False, verbose=False)
    masks = []
    for number, marked in enumerate(spans):
        mask = [0] * len(encoded["input_ids"][number])
        for start, end in marked:
            first, last = encoded.char_to_token(number, start), encoded.char_to_token(number, end - 1)
            mask[first : last + 1] = [1] * (last + 1 - first)
        masks.append(mask)
    return list(zip(encoded["input_ids"], masks, strict=True))


def check_mask(tokenizer, ids: list[int], mask: list[int], messages: list[ChatMessage]) -> None:
    """Prove that the tokens under the mask are each reply, whole, and one end token.

    Raises:
        JobError: they are something else, so that training would teach the wrong tokens.
    """
    wanted = [message["content"].strip() for message in messages if message["role"] == "assistant"]
    runs = list(_runs(ids, mask))
    trained = [tokenizer.decode(run[:-1], clean_up_tokenization_spaces=False) for run in runs]
    for got, reply in itertools.zip_longest(trained, wanted):
        if got != reply:
            raise JobError(f"the chat template trains {str(got)[-80:]!r} where the reply is {str(reply)[-80:]!r}")
    if any(run[-1] not in tokenizer.all_special_ids for run in runs):
        raise JobError("the chat template does not train the token that ends a reply: the model would never stop")


def _runs(ids: list[int], mask: list[int]):
    """The stretches of `ids` under the mask."""
    run: list[int] = []
    for token, trained in zip(ids, mask, strict=True):
        if trained:
            run.append(token)
        elif run:
            yield run
            run = []
    if run:
        yield run
