"""Replies that a model writes.

In: a causal language model and conversations. Out: for each the text, its length and whether the model ended it.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.scene import ChatMessage
from jobs.next_reply.chat import Chat


@dataclass(frozen=True)
class Reply:
    """What was written. `tokens` without the end token; `ended` is False when the limit cut it off."""

    text: str
    tokens: int
    ended: bool


def write_replies(
    model, chat: Chat, conversations: Sequence[list[ChatMessage]], max_new_tokens: int, *,
    temperature: float, seed: int, batch_size: int, title: str,
) -> list[Reply]:  # fmt: skip
    """One reply to each of `conversations`; `temperature` 0 is greedy. Prompts of like length share a batch."""
    import torch
    from tqdm import tqdm
    from transformers import GenerationConfig

    ends = chat.end_tokens
    sampling = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0} if temperature else {}
    settings = GenerationConfig(
        **({"do_sample": False} | sampling), max_new_tokens=max_new_tokens, eos_token_id=ends, pad_token_id=ends[0]
    )
    prompts = [chat.prompt(messages) for messages in conversations]
    order = sorted(range(len(prompts)), key=lambda n: len(prompts[n]), reverse=True)
    replies: list[Reply | None] = [None] * len(prompts)
    torch.manual_seed(seed)
    for start in tqdm(range(0, len(order), batch_size), desc=f"{title}: replies", unit="batch", file=sys.stderr):
        places = order[start : start + batch_size]
        width = len(prompts[places[0]])
        ids = torch.tensor([[ends[0]] * (width - len(prompts[n])) + prompts[n] for n in places])
        attention = torch.tensor([[0] * (width - len(prompts[n])) + [1] * len(prompts[n]) for n in places])
        with torch.inference_mode():
            output = model.generate(
                input_ids=ids.to(model.device), attention_mask=attention.to(model.device), generation_config=settings
            )
        for place, written in zip(places, output[:, width:].tolist(), strict=True):
            end = next((n for n, token in enumerate(written) if token in ends), None)
            text = chat.tokenizer.decode(written[:end], skip_special_tokens=True).strip()
            replies[place] = Reply(text, len(written[:end]), end is not None)
    return replies
