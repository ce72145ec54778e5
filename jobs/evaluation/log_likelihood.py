"""How likely a model finds given tokens.

In: a causal language model and token ids. Out: log-likelihoods in nats. The cache of keys and values is only in
use where one prompt is shared by several continuations: with restarting positions it would mix up samples.
"""

import sys
from collections.abc import Sequence

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


def continuation_log_likelihoods(model, prompt: list[int], continuations: Sequence[list[int]]) -> list[float]:
    """Log-likelihood of each of `continuations` after `prompt`, summed over its tokens; none of them is empty.

    The prompt is read once, the continuations as one batch behind it.
    """
    import torch
    from torch.nn.utils.rnn import pad_sequence

    device = model.device
    with torch.inference_mode():
        first = model(input_ids=torch.tensor([prompt], device=device), use_cache=True, logits_to_keep=1)
        cache = first.past_key_values
        cache.batch_repeat_interleave(len(continuations))
        ids = pad_sequence([torch.tensor(each) for each in continuations], batch_first=True).to(device)
        lengths = torch.tensor([len(each) for each in continuations], device=device)
        read = torch.arange(ids.shape[1], device=device) < lengths[:, None]
        attention = torch.cat([torch.ones(len(continuations), len(prompt), device=device, dtype=torch.bool), read], 1)
        rest = model(input_ids=ids, attention_mask=attention, past_key_values=cache, use_cache=True).logits
        logits = torch.cat([first.logits.expand(len(continuations), -1, -1), rest[:, :-1].to(first.logits.device)], 1)
        chosen = logits.float().log_softmax(-1).gather(2, ids.to(logits.device)[:, :, None])[:, :, 0]
        return (chosen * read.to(chosen.device)).sum(dim=1).tolist()


def token_log_likelihoods(model, tokens: list[int]) -> list[float]:
    """Log-likelihood of each of `tokens` after those before it, without the first, in nats."""
    import torch

    ids = torch.tensor([tokens], device=model.device)
    with torch.inference_mode():
        logits = model(input_ids=ids, use_cache=False).logits[:, :-1].float()
    return logits.log_softmax(-1).gather(2, ids[:, 1:, None].to(logits.device))[0, :, 0].tolist()
