"""The chat template that training renders with, and the proof that only the replies are trained.

Loss goes to the assistant's words and the token that ends them, nothing else. transformers finds those tokens
by `{% generation %}` markers, which most published templates lack; ours for ChatML has them and renders the
same text, since an adapter must be trained in the form that the inference engine will use.
"""

import itertools
import pathlib

from contracts.scene import ChatMessage
from jobs.errors import JobError

CHATML = pathlib.Path(__file__).parent / "templates" / "chatml.jinja"

PROBE: list[ChatMessage] = [
    {"role": "system", "content": "You are Ada."},
    {"role": "user", "content": "Bo: Hello.\n\nCy: 12 steps!"},
    {"role": "assistant", "content": "*She nods.*\n\n“Well.”"},
    {"role": "user", "content": "Bo: Go on."},
]
"""A scene that two templates must render alike."""


def training_template(tokenizer) -> str:
    """The Jinja template to train with: the tokenizer's own if it marks the replies, else ours for ChatML.

    Raises:
        JobError: the model is neither, or its own template writes ChatML differently.
    """
    own = tokenizer.chat_template
    if own and "{% generation" in own.replace("{%-", "{%"):
        return own
    vocabulary = tokenizer.get_added_vocab()
    if not {"<|im_start|>", "<|im_end|>"} <= vocabulary.keys():
        raise JobError(
            f"{tokenizer.name_or_path}: its chat template has no {{% generation %}} markers and its vocabulary "
            f"no ChatML tokens; give the tokenizer a chat_template with markers around each reply and its end token"
        )
    chatml = CHATML.read_text()
    if own and render(tokenizer, own, PROBE) != render(tokenizer, chatml, PROBE):
        raise JobError(
            f"{tokenizer.name_or_path}: its own chat template renders ChatML differently from {CHATML.name}; "
            f"put {{% generation %}} markers into the tokenizer's template"
        )
    return chatml


def render(tokenizer, template: str, messages: list[ChatMessage]) -> str:
    """The text of `messages`, with the header of the next reply at its end."""
    return tokenizer.apply_chat_template(messages, chat_template=template, tokenize=False, add_generation_prompt=True)


def encode(tokenizer, template: str, messages: list[ChatMessage]) -> tuple[list[int], list[int]]:
    """Token ids of `messages` and a mask of the same length: 1 where the loss goes.

    Raises:
        JobError: the template refuses the scene (some demand that the user speaks first, or forbid a system turn).
    """
    import jinja2

    try:
        encoded = tokenizer.apply_chat_template(
            messages, chat_template=template, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
        )
    except jinja2.TemplateError as error:
        roles = ", ".join(message["role"] for message in messages)
        raise JobError(f"{tokenizer.name_or_path}: its chat template refuses the turns {roles}: {error}") from error
    return encoded["input_ids"], encoded["assistant_masks"]


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
