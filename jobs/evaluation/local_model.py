"""The base model in memory, asked with one adapter or without.

In: models/<name>/ and folders of PEFT adapters. Out: losses, log-likelihoods and replies. The base is there once;
a new adapter is loaded beside the old one, switched to, and only then the old one is dropped.
"""

import contextlib
import pathlib
from collections.abc import Iterable, Iterator, Sequence

from contracts.recipe import Evaluate, Recipe
from contracts.scene import ChatMessage
from jobs.errors import JobError
from jobs.evaluation.log_likelihood import continuation_log_likelihoods, sample_losses, token_log_likelihoods
from jobs.evaluation.replies import Reply, write_replies
from jobs.next_reply.chat import Chat
from jobs.training.cpu import keep_freed_memory
from jobs.training.views.sample import Sample

PROBE = "The lamps of the harbour went out one by one. “You are late,” said the ferrywoman, and held out her hand."


def placement() -> dict:
    """Where transformers puts a model: spread over the GPUs, in memory when there are none."""
    import torch

    return {"device_map": "auto"} if torch.cuda.is_available() else {}


class LocalModel:
    """A model whose token probabilities can be seen. `name` is that of what it is at the moment."""

    abilities = frozenset({"log_likelihood", "reply"})
    name = "base"

    def __init__(self, folder: pathlib.Path, recipe: Recipe, chat: Chat):
        import torch
        from transformers import AutoModelForCausalLM

        if not torch.cuda.is_available():
            torch.set_num_threads(recipe.batch.cpus)
            keep_freed_memory()
        dtype = getattr(torch, recipe.train.dtype)
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, **placement()).eval()
        self.chat, self.settings = chat, recipe.evaluate
        self.adapter: pathlib.Path | None = None
        self.loads = 0

    @contextlib.contextmanager
    def being(self, name: str, adapter: pathlib.Path | None) -> Iterator[None]:
        """Inside, it is the base with `adapter`, or the base alone.

        Raises:
            JobError: the weights cannot be read, or do not belong to this base.
        """
        if adapter is not None and adapter != self.adapter:
            self._switch(adapter)
        alone = adapter is None and self.adapter is not None
        with self.model.disable_adapter() if alone else contextlib.nullcontext():
            self.name = name
            yield

    def losses(self, samples: Sequence[Sample]) -> list[float]:
        """See `sample_losses`."""
        return sample_losses(self.model, samples, self.settings.batch_size, self.name)

    def continuation_log_likelihoods(
        self, asked: Iterable[tuple[list[int], Sequence[list[int]]]]
    ) -> Iterator[list[float]]:
        """See the function of this name; read all of it inside `being`."""
        return continuation_log_likelihoods(self.model, asked)

    def probe(self) -> dict:
        """What the model makes of PROBE, for whoever serves it to compare: a `PeftReference` as a dict."""
        tokens = self.chat.tokenizer(PROBE, add_special_tokens=False)["input_ids"]
        dtype = str(self.model.dtype).removeprefix("torch.")
        return {"tokens": tokens, "logprobs": token_log_likelihoods(self.model, tokens), "dtype": dtype}

    def replies(
        self, conversations: Sequence[list[ChatMessage]], max_new_tokens: int, temperature: float
    ) -> list[Reply]:
        """See `write_replies`."""
        settings: Evaluate = self.settings
        return write_replies(
            self.model, self.chat, conversations, max_new_tokens,
            temperature=temperature, seed=settings.seed, batch_size=settings.batch_size, title=self.name,
        )  # fmt: skip

    def _switch(self, adapter: pathlib.Path) -> None:
        from peft import PeftConfig, PeftModelForCausalLM
        from safetensors import SafetensorError

        self.loads += 1
        slot, first = f"adapter{self.loads}", self.adapter is None
        try:
            if first:
                self.model = PeftModelForCausalLM(self.model, PeftConfig.from_pretrained(adapter), slot)
            loaded = self.model.load_adapter(adapter, slot)
            strangers = [*loaded.missing_keys, *loaded.unexpected_keys]
            if strangers:
                raise ValueError(f"{len(strangers)} weights are missing or unknown, the first is {strangers[0]}")
        except (SafetensorError, OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
            if isinstance(self.model, PeftModelForCausalLM):
                if first:
                    self.model = self.model.unload()
                elif slot in self.model.peft_config:
                    self.model.delete_adapter(slot)
            reason = " ".join(str(error).split())[:200]
            raise JobError(f"{adapter}: these weights cannot be put on the base: {reason}") from error
        self.model.set_adapter(slot)
        for other in [name for name in self.model.peft_config if name != slot]:
            self.model.delete_adapter(other)
        self.model.eval()
        self.adapter = adapter
