"""Loss of a model on the replies of held-out samples."""

import sys
from collections.abc import Sequence

from jobs.training.chat_view import IGNORED, Sample


def held_out_loss(model, samples: Sequence[Sample], batch_size: int, title: str) -> tuple[float, int]:
    """Mean negative log-likelihood in nats over all reply tokens of `samples`, and how many tokens that were.

    Every token weighs the same, whatever batch it falls into, so the result does not depend on `batch_size`.
    """
    import torch
    from torch.nn.functional import cross_entropy
    from torch.nn.utils.rnn import pad_sequence
    from tqdm import tqdm

    samples = sorted(samples, key=lambda sample: len(sample.input_ids))  # neighbours need little padding
    total, tokens = 0.0, 0
    model.eval()
    for start in tqdm(range(0, len(samples), batch_size), desc=title, unit="batch", file=sys.stderr):
        batch = samples[start : start + batch_size]
        ids = pad_sequence([torch.tensor(sample.input_ids) for sample in batch], batch_first=True)
        labels = pad_sequence([torch.tensor(sample.labels) for sample in batch], True, padding_value=IGNORED)
        lengths = torch.tensor([len(sample.input_ids) for sample in batch])
        attention = torch.arange(ids.shape[1]) < lengths[:, None]
        with torch.inference_mode():
            output = model(input_ids=ids.to(model.device), attention_mask=attention.to(model.device), use_cache=False)
        wanted = labels[:, 1:].to(output.logits.device)
        logits = output.logits[:, :-1][wanted != IGNORED].float()
        total += cross_entropy(logits, wanted[wanted != IGNORED], reduction="sum").item()
        tokens += logits.shape[0]
    return total / tokens, tokens
