"""How likely a model finds given tokens.

In: a causal language model and token ids. Out: log-likelihoods in nats. The cache of keys and values is only in
use for prompts with their continuations: with restarting positions it would mix up samples.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence

from jobs.next_reply.asked import shared_length
from jobs.training.views.sample import IGNORED, Sample


def sample_losses(model, samples: Sequence[Sample], batch_size: int, title: str) -> list[float]:
    """Negative log-likelihood of the trained tokens of each sample, summed over the sample.

    Samples of like length share a batch; what comes out does not depend on `batch_size`.
    """
    import torch
    from torch.nn.functional import cross_entropy
    from torch.nn.utils.rnn import pad_sequence
    from tqdm import tqdm

    order = sorted(range(len(samples)), key=lambda n: len(samples[n].input_ids), reverse=True)
    losses = [0.0] * len(samples)
    for start in tqdm(range(0, len(order), batch_size), desc=f"{title}: loss", unit="batch", file=sys.stderr):
        places = order[start : start + batch_size]
        batch = [samples[n] for n in places]
        ids = pad_sequence([torch.tensor(list(sample.input_ids)) for sample in batch], batch_first=True)
        labels = [torch.tensor(list(sample.labels)) for sample in batch]
        labels = pad_sequence(labels, batch_first=True, padding_value=IGNORED)[:, 1:]
        lengths = torch.tensor([len(sample.input_ids) for sample in batch])
        attention = torch.arange(ids.shape[1]) < lengths[:, None]
        needed = (labels != IGNORED).any(dim=0).nonzero().flatten()  # logits are made for these places only
        with torch.inference_mode():
            logits = model(
                input_ids=ids.to(model.device),
                attention_mask=attention.to(model.device),
                logits_to_keep=needed.to(model.device),
                use_cache=False,
            ).logits.float()
        wanted = labels[:, needed].to(logits.device)
        each = cross_entropy(logits.transpose(1, 2), wanted, reduction="none", ignore_index=IGNORED).sum(dim=1)
        for place, loss in zip(places, each.tolist(), strict=True):
            losses[place] = loss
    return losses


def continuation_log_likelihoods(
    model, asked: Iterable[tuple[list[int], Sequence[list[int]]]]
) -> Iterator[list[float]]:
    """Of each prompt and its continuations: log-likelihood of each continuation after the prompt, summed over its
    tokens; none of them is empty.

    A prompt is read once, its continuations as one batch behind it. What it has in common with the prompt before is
    not read again, if the model allows it (see `_keeps_what_it_reads`): prompts in the order of their tokens take the
    least time. Nothing is computed ahead: what the model is when a result is asked for is what gives it.
    """
    known, cache = [], None
    for prompt, continuations in asked:
        kept = 0
        if cache is not None:
            kept = min(shared_length([known, prompt]), len(prompt) - 1)  # the last is read for what it says of the next
            cache.crop(kept - len(known))
        likelihoods, cache = _behind(model, cache, prompt[kept:], continuations)
        known = prompt
        yield likelihoods


def _behind(model, cache, prompt: list[int], continuations: Sequence[list[int]]):
    """Log-likelihoods of `continuations` after what `cache` holds and `prompt`, and the cache of these two; None where
    it is of no use to another prompt."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    device = model.device
    with torch.inference_mode():
        unread = torch.tensor([prompt], device=device)
        first = model(input_ids=unread, past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache = first.past_key_values
        told = cache.get_seq_length()
        cache.batch_repeat_interleave(len(continuations))
        ids = pad_sequence([torch.tensor(each) for each in continuations], batch_first=True).to(device)
        lengths = torch.tensor([len(each) for each in continuations], device=device)
        read = torch.arange(ids.shape[1], device=device) < lengths[:, None]
        attention = torch.cat([torch.ones(len(continuations), told, device=device, dtype=torch.bool), read], 1)
        rest = model(input_ids=ids, attention_mask=attention, past_key_values=cache, use_cache=True).logits
        logits = torch.cat([first.logits.expand(len(continuations), -1, -1), rest[:, :-1].to(first.logits.device)], 1)
        chosen = logits.float().log_softmax(-1).gather(2, ids.to(logits.device)[:, :, None])[:, :, 0]
        likelihoods = (chosen * read.to(chosen.device)).sum(dim=1).tolist()
        if not _keeps_what_it_reads(model, cache):
            return likelihoods, None
        cache.batch_select_indices(torch.tensor([0]))
        cache.crop(-ids.shape[1])
        return likelihoods, cache


def _keeps_what_it_reads(model, cache) -> bool:
    """Whether the keys and values of a text are there as a whole, and the same whatever follows it: no sliding window,
    and no rotation that depends on the length of all."""
    rope = getattr(model.config.get_text_config(), "rope_parameters", None) or {}
    kinds = [each.get("rope_type", "") for each in (rope, *rope.values()) if isinstance(each, dict)]
    by_length = any(kind == "longrope" or "dynamic" in kind for kind in kinds)
    return cache.is_croppable and not any(cache.is_sliding) and not by_length


def token_log_likelihoods(model, tokens: list[int]) -> list[float]:
    """Log-likelihood of each of `tokens` after those before it, without the first, in nats."""
    import torch

    ids = torch.tensor([tokens], device=model.device)
    with torch.inference_mode():
        logits = model(input_ids=ids, use_cache=False).logits[:, :-1].float()
    return logits.log_softmax(-1).gather(2, ids[:, 1:, None].to(logits.device))[0, :, 0].tolist()
