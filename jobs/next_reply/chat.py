"""Conversations as the token ids that a model is asked with.

In: chat messages and the template that the adapter was trained with. Out: prompts, and replies after a prompt.
"""

import pathlib
from dataclasses import dataclass
from typing import ClassVar

from contracts.recipe import Recipe
from contracts.scene import ChatMessage
from jobs.next_reply.story import Story
from jobs.training.chat_template import encode, training_template


@dataclass(frozen=True)
class Chat:
    """A tokenizer, a template with generation markers, and how many tokens the model can look at."""

    tokenizer: object
    template: str
    positions: int
    writes_replies: ClassVar[bool] = True

    @property
    def end_tokens(self) -> list[int]:
        """What ends a reply: the token that training taught, and the tokenizer's own if it is another."""
        ids, mask = encode(self.tokenizer, self.template, [_turn("user", "?"), _turn("assistant", "!")])
        trained = [token for token, is_reply in zip(ids, mask, strict=True) if is_reply][-1]
        return sorted({trained, self.tokenizer.eos_token_id or trained})

    def prompt(self, messages: list[ChatMessage]) -> list[int]:
        """Ids of `messages` and of the header that a reply follows."""
        return self.tokenizer.apply_chat_template(
            messages, chat_template=self.template, tokenize=True, return_dict=False, add_generation_prompt=True
        )

    def continuation(self, messages: list[ChatMessage], reply: str) -> tuple[list[int], list[int]]:
        """Ids before `reply`, and those of `reply` itself, without what ends it."""
        ids, mask = encode(self.tokenizer, self.template, [*messages, _turn("assistant", reply)])
        end = len(mask) - mask[::-1].index(1)  # after the last token of the reply, which is the end token
        start = end - next((n for n, is_reply in enumerate(mask[:end][::-1]) if not is_reply), end)
        return ids[:start], ids[start : end - 1]

    def fitted(self, messages: list[ChatMessage], reserved: int) -> list[ChatMessage] | None:
        """`messages` without as many of the oldest turns as leaves room for `reserved` tokens; the system prompt and
        the last turn stay. None when these alone are too long."""
        head = [message for message in messages[:1] if message["role"] == "system"]
        starts = [n for n in range(len(head), len(messages)) if n == len(head) or messages[n]["role"] == "user"]
        for start in starts:
            kept = head + messages[start:]
            if len(self.prompt(kept)) + reserved <= self.positions:
                return kept
        return None


def read_chat(recipe: Recipe, model_folder: pathlib.Path) -> Chat | Story:
    """As the recipe trains it. Views of running text need no template, and not every model has one.

    Raises:
        JobError: the model has no usable chat template.
    """
    from transformers import AutoConfig, PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast.from_pretrained(model_folder)
    positions = AutoConfig.from_pretrained(model_folder).max_position_embeddings
    if recipe.train.view in ("completion", "content"):
        return Story(tokenizer, min(positions, recipe.train.max_length))
    return Chat(tokenizer, training_template(tokenizer, recipe.train.chat.template), positions)


def _turn(role: str, content: str) -> ChatMessage:
    return {"role": role, "content": content}
