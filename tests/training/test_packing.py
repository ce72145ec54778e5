"""Packing: TRL's best fit loses nothing of our samples, and samples packed together do not see one another."""

from collections import Counter

import pytest

from contracts.recipe.train import Train
from jobs.training.views import IGNORED, ViewReport
from jobs.training.views.chat import chat
from jobs.training.views.completion import completion
from tests.training import tiny

LENGTH = 512

TOLERANCE = 1e-4
"""Largest difference of two logits in float32, which are of the order of 10: a sum in another order makes 1e-5."""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tiny.prepare(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def samples(home):
    """Samples of many lengths: replies in their scenes, and stories."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(home / "tiny")
    threads = [tiny.thread(number, posts=2 + number % 23) for number in range(60)]
    report, settings = ViewReport(), Train(accelerate="cpu.yaml", max_steps=1, max_length=LENGTH, overlap=30)
    samples = [*chat(threads, tokenizer, settings, report), *completion(threads, tokenizer, settings, report)]
    assert len({len(sample.input_ids) for sample in samples}) > 40
    return samples


@pytest.fixture(scope="module")
def packed(samples):
    """TRL's packing of `samples`: rows of input_ids, labels and seq_lengths."""
    from datasets import Dataset
    from trl import pack_dataset

    rows = [{"input_ids": list(sample.input_ids), "labels": list(sample.labels)} for sample in samples]
    return pack_dataset(Dataset.from_list(rows), LENGTH, "bfd")


def unpacked(packed):
    """The samples in each row of `packed`: (input_ids, labels)."""
    for row in packed:
        start = 0
        for length in row["seq_lengths"]:
            yield row["input_ids"][start : start + length], row["labels"][start : start + length]
            start += length
        assert start == len(row["input_ids"]) == len(row["labels"])


def test_packing_loses_no_token(samples, packed):
    came_out = Counter((tuple(ids), tuple(labels)) for ids, labels in unpacked(packed))
    assert came_out == Counter((tuple(sample.input_ids), tuple(sample.labels)) for sample in samples)
    tokens = sum(len(sample.input_ids) for sample in samples)
    fill = tokens / (len(packed) * LENGTH)
    print(f"{len(samples)} samples, {tokens:,} tokens in {len(packed)} rows of {LENGTH}: fill {fill:.1%}")
    assert max(len(row["input_ids"]) for row in packed) <= LENGTH
    assert fill > 0.95


def load(home, attention: str):
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(
        home / "models" / "tiny", dtype=torch.float32, attn_implementation=attention
    )
    return model.eval()


def largest_difference(model, batch: dict, apart: list) -> float:
    """Between the logits of a packed batch and those of its samples one by one."""
    import torch

    with torch.inference_mode():
        together = model(**batch, use_cache=False).logits[0]
        alone = [model(torch.tensor([ids]), use_cache=False).logits[0] for ids, _ in apart]
    return (together - torch.cat(alone)).abs().max().item()


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_packed_logits_are_those_of_the_samples_alone(home, packed, attention):
    import torch
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    rows = [row for row in packed if len(row["seq_lengths"]) > 2][:2]
    assert len(rows) == 2
    apart = list(unpacked(rows))
    collated = DataCollatorForLanguageModeling(pad_token_id=2, padding_free=True)(rows)
    batch = {name: collated[name] for name in ("input_ids", "position_ids")}
    assert batch["input_ids"].shape[0] == 1 and "attention_mask" not in collated
    model = load(home, attention)

    assert largest_difference(model, batch, apart) < TOLERANCE

    running = torch.arange(batch["input_ids"].shape[1])[None]
    assert largest_difference(model, batch | {"position_ids": running}, apart) > 1, "one sequence: all see all"


def test_no_sample_is_trained_to_begin_after_another(samples):
    assert all(sample.labels[0] == IGNORED for sample in samples), "its first token has nothing to be predicted from"
