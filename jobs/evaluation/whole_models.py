"""The models of a run that trained all weights, asked like the base with an adapter.

In: models/<name>/ and folders of whole models. Out: losses, log-likelihoods and replies. One model is in memory at a
time: the base leaves it when a checkpoint is loaded, and is read again when it is asked again.
"""

import contextlib
import gc
import pathlib
from collections.abc import Iterator

from contracts.recipe import Recipe
from jobs.errors import JobError
from jobs.evaluation.local_model import LocalModel, placement
from jobs.next_reply.chat import Chat


class WholeModels(LocalModel):
    """The base, or in its place a model of the same shape. `held` is the folder of what is in memory."""

    def __init__(self, folder: pathlib.Path, recipe: Recipe, chat: Chat):
        super().__init__(folder, recipe, chat)
        self.base, self.dtype = folder, recipe.train.dtype
        self.held: pathlib.Path | None = folder

    @contextlib.contextmanager
    def being(self, name: str, weights: pathlib.Path | None) -> Iterator[None]:
        """Inside, it is the model in the folder `weights`, or the base.

        Raises:
            JobError: the weights cannot be read, or are not of the base's shape.
        """
        if self.held != (weights or self.base):
            self._take(weights or self.base)
        self.name = name
        yield

    def _take(self, folder: pathlib.Path) -> None:
        import torch
        from safetensors import SafetensorError
        from transformers import AutoConfig, AutoModelForCausalLM

        self.model = self.held = None
        gc.collect()  # the hooks that spread a model over GPUs refer to it, and it to them
        if torch.cuda.is_available():
            torch.cuda.empty_cache()  # what PyTorch keeps for itself counts as taken when the next model is placed
        try:
            model, loaded = AutoModelForCausalLM.from_pretrained(
                folder,
                config=AutoConfig.from_pretrained(self.base),  # another shape is then an error
                dtype=getattr(torch, self.dtype),
                use_safetensors=True,
                output_loading_info=True,
                **placement(),
            )
        except (SafetensorError, OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise JobError(f"{folder}: this model cannot be loaded in the base's shape: {reason}") from error
        if strangers := sorted([*loaded["missing_keys"], *loaded["unexpected_keys"]]):
            raise JobError(f"{folder}: {len(strangers)} weights are missing or unknown, the first is {strangers[0]}")
        self.model, self.held = model.eval(), folder
