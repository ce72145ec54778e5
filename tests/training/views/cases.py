"""Threads, tokenizers and views for the tests of the data views."""

import json

from contracts.recipe.train import Train
from jobs.training.views.chat import chat
from jobs.training.views.report import ViewReport
from jobs.training.views.sample import IGNORED, Sample
from tests.training import tiny


def thread(*posts: tuple[str, str]) -> dict:
    messages = [{"author": author, "text": text, "timestamp": ""} for author, text in posts]
    return {"thread_id": "t", "title": "The Ferry", "tags": ["Fantasy"], "messages": messages}


SCENE = thread(
    ("Mira", "*The rope creaks.*\n\n“Who goes there?” she asks — and counts 12 coins. 🜁"),
    ("Tam", "  “Only me.”\n"),
    ("Old Perrin", "He spits.\n\n3 crows, he thinks."),
    ("Mira", "\n“Then come aboard,” said Mira."),
    ("Tam", "Tam comes aboard.\n\nHe is very wet."),
    ("Tam", "And he sneezes."),
)


def settings(max_length: int, **train) -> Train:
    return Train(accelerate="cpu.yaml", max_steps=1, max_length=max_length, **train)


def chat_samples(threads: list[dict], tokenizer, max_length: int, **train) -> tuple[list[Sample], ViewReport]:
    report = ViewReport()
    samples = list(chat(threads, tokenizer, settings(max_length, **train), report))
    report.check()
    assert report.samples == len(samples)
    assert report.tokens == sum(len(sample.input_ids) for sample in samples)
    assert report.trained == sum(label != IGNORED for sample in samples for label in sample.labels)
    return samples, report


def trained_text(tokenizer, sample: Sample) -> list[str]:
    """What the loss sees, as text: one string for each stretch of labels."""
    stretches, run = [], []
    for label in [*sample.labels, IGNORED]:
        if label != IGNORED:
            run.append(label)
        elif run:
            stretches.append(tokenizer.decode(run))
            run = []
    return stretches


def llama_tokenizer():
    """transformers' Llama tokenizer (SentencePiece's BPE: spaces as ▁, bytes for what it does not know) over a small
    vocabulary of its own, which has a token across `]` and `(` as Llama's has."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import LlamaTokenizer

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Metaspace(split=True)
    texts = [message["text"] for message in [*SCENE["messages"], *tiny.thread(1)["messages"]]]
    trainer = trainers.BpeTrainer(vocab_size=300, show_progress=False)
    backend.train_from_iterator([*texts, "]( " * 99, "USER: ASSISTANT: SYSTEM: " * 9], trainer)
    learned = json.loads(backend.to_str())["model"]
    first = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    rest = [token for token in learned["vocab"] if not set(token) - set(map(chr, range(33, 127))) - {"▁"}]
    merges = [tuple(pair) for pair in learned["merges"] if "".join(pair) in rest and set(pair) <= set(rest)]
    vocabulary = {token: number for number, token in enumerate([*first, *rest])}
    return LlamaTokenizer(vocab=vocabulary, merges=merges, add_bos_token=True)
