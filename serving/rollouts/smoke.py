"""The smoke test of a loaded adapter: it answers, not as the base does, and as PEFT said it would."""

import asyncio
import math
import time

from contracts.adapter_manifest import AdapterManifest
from serving.engine import Engine
from serving.refusal import Refusal
from serving.rollouts.states import Smoke

PROMPT = "The tavern door swung open, and the stranger shook the rain from her cloak. “Is this seat taken?”"
TOKENS = 16
LEAST_FROM_BASE = {"float32": 1e-4, "bfloat16": 2e-2, "float16": 5e-3}
"""Highest logprob difference to the base on the prompt that is still rounding, by the engine's dtype."""
MOST_FROM_PEFT = {"float32": 0.02, "bfloat16": 0.5, "float16": 0.1}
"""Highest logprob difference to PEFT's on the same tokens that is still rounding, by the coarser of the two dtypes."""


async def smoke_test(engine: Engine, manifest: AdapterManifest) -> Smoke:
    """Ask base and adapter the same.

    Raises:
        Refusal: smoke_failed. It replies with nothing, has logprobs that are no numbers, those of the base, or others
            than PEFT's (where the manifest has them).
    """
    began, reference = time.monotonic(), manifest.reference
    dtype = engine.settings.engine.dtype
    answers = await asyncio.gather(
        *(engine.ask(model, PROMPT, TOKENS, prompt_logprobs=0) for model in (reference, engine.settings.base.name))
    )
    own, base = (_prompt_logprobs(answer) for answer in answers)
    reply = answers[0].outputs[0].text
    if not reply.strip():
        raise Refusal("smoke_failed", f"{reference} replied with nothing to a plain prompt")
    if not all(map(math.isfinite, own)):
        raise Refusal("smoke_failed", f"{reference} has logprobs that are no numbers")
    from_base = _largest_difference(own, base)
    if from_base <= LEAST_FROM_BASE[dtype]:
        raise Refusal("smoke_failed", f"{reference} has the base's logprobs (to {from_base:.1e} nats)")
    from_peft = await _from_peft(engine, manifest)
    most = max(MOST_FROM_PEFT[each] for each in (dtype, manifest.peft.dtype if manifest.peft else dtype))
    if from_peft is not None and not from_peft <= most:
        raise Refusal("smoke_failed", f"{reference} is {from_peft:.2f} nats away from what PEFT made of it")
    rounded = None if from_peft is None else round(from_peft, 4)
    return Smoke(reply, round(from_base, 4), rounded, round(time.monotonic() - began, 2))


async def _from_peft(engine: Engine, manifest: AdapterManifest) -> float | None:
    """Highest logprob difference to PEFT's on the manifest's tokens; None where it has none."""
    if manifest.peft is None:
        return None
    answer = await engine.ask(manifest.reference, list(manifest.peft.tokens), 1, prompt_logprobs=0)
    return _largest_difference(_prompt_logprobs(answer), manifest.peft.logprobs)


def _largest_difference(ones, others) -> float:
    return max(abs(one - other) for one, other in zip(ones, others, strict=True))


def _prompt_logprobs(answer) -> list[float]:
    """Logprob of each prompt token after the first, in nats."""
    tokens = zip(answer.prompt_token_ids[1:], answer.prompt_logprobs[1:], strict=True)
    return [choices[token].logprob for token, choices in tokens]
