"""Does a merged model say what its adapter says?

In: a base with an adapter, and the merged model. Out: how far their logits lie apart on fixed prompts, beside how far
the adapter's lie from those of the base alone. One model is in memory at a time, in float32.
"""

import logging
import pathlib
from dataclasses import dataclass

from jobs.errors import JobError

log = logging.getLogger(__name__)

PROMPTS = (
    "The caravan reached the ford at dusk, and the river had risen since morning.",
    "“You knew,” she said, and put the lantern down between them. “You knew, and let me sign.”",
    "Roll for initiative! 17 + 3 = 20, so the goblins act last; what does your ranger do?",
    "Title: Ashes over Harrow\nTags: Mystery, Small Group\n\nMira: *She waits by the north gate, hood up.*\n\nTomas:",
)
"""Narration, speech, numbers, a scene with speaker lines."""

TOLERANCE = 0.05
"""Largest difference that passes. Rounding to bfloat16 changes a matrix of normally distributed weights by 0.17 % in
the root mean square; over the 7 L matrices of L layers that adds up, as noise does, to about √(7 L) times as much:
2.4 % for 30 layers, 3.9 % for 80. What was measured stands in docs/export.md."""


@dataclass(frozen=True)
class Agreement:
    """`difference` is the root mean square of merged minus adapter, `effect` that of base minus adapter; both over
    all positions and the whole vocabulary, as a share of the adapter's own. Each position's logits have their mean
    taken out, which no probability depends on."""

    difference: float
    effect: float
    tokens: int


def measure_agreement(base: pathlib.Path, adapter: pathlib.Path, merged: pathlib.Path) -> Agreement:
    """Compare on PROMPTS.

    Raises:
        JobError: the merged model differs by more than TOLERANCE, or the rounding left no more than half of what the
            adapter does.
    """
    import torch
    from peft import PeftModel
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast.from_pretrained(base)
    prompts = [tokenizer(prompt, return_tensors="pt")["input_ids"] for prompt in PROMPTS]
    model = PeftModel.from_pretrained(_load(base), adapter)
    wanted = _logits(model, prompts)
    with model.disable_adapter():
        without = _logits(model, prompts)
    del model  # before the next one is loaded
    got = _logits(_load(merged), prompts)
    scale = wanted.square().mean().sqrt()
    difference = ((got - wanted).square().mean().sqrt() / scale).item()
    effect = ((without - wanted).square().mean().sqrt() / scale).item()
    log.info("merged logits differ by %.3f %%, the adapter's effect is %.3f %%", 100 * difference, 100 * effect)
    if not torch.isfinite(got).all() or difference > TOLERANCE:
        raise JobError(
            f"{merged}: its logits differ from the adapter's by {difference:.4f} of their size, rounding explains "
            f"{TOLERANCE}: this is not the merged adapter; report it"
        )
    if difference > effect / 2:
        raise JobError(
            f"{merged}: its logits differ from the adapter's by {difference:.5f}, the adapter changes them by "
            f"{effect:.5f}: too little is left of it in bfloat16; serve the adapter, or train it longer"
        )
    return Agreement(round(difference, 6), round(effect, 6), len(wanted))


def _load(folder: pathlib.Path):
    import torch
    from transformers import AutoModelForCausalLM

    placement = {"device_map": "auto"} if torch.cuda.is_available() else {}
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **placement).eval()


def _logits(model, prompts):
    """All positions of all prompts, one below the other: [tokens, vocabulary], float32 on the CPU."""
    import torch

    with torch.inference_mode():
        rows = [model(input_ids=ids.to(model.device), use_cache=False).logits[0].float().cpu() for ids in prompts]
    logits = torch.cat(rows)
    return logits - logits.mean(dim=1, keepdim=True)
