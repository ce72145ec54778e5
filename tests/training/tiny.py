"""A base model, a corpus and a recipe small enough to train in seconds. Real parts: only the sizes are tiny."""

import argparse
import json
import pathlib

from contracts.recipe import Recipe, load_recipe
from jobs.training import base_model, train

ROOT = pathlib.Path(__file__).resolve().parents[2]

CHATML = (
    "{% for message in messages %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""As published with SmolLM2, without its default system turn."""

CORPUS = "0123456789ab"


def thread(number: int, posts: int = 12) -> dict:
    """A corpus row with a rhythm that a model of two layers can learn: a call, and the same answer always."""
    messages = [
        {
            "author": ("Ada", "Bo")[turn % 2],
            "text": f"The bell rings {turn} times over house {number}." if turn % 2 == 0 else "And the river answers.",
            "timestamp": f"2024-01-01T00:{turn:02}:00",
        }
        for turn in range(posts)
    ]
    title, characters = f"House {number}", sum(len(message["text"]) for message in messages)
    return {
        "thread_id": f"{number:012x}",
        "title": title,
        "tags": ["Mystery"],
        "messages": messages,
        "n_messages": posts,
        "n_chars": characters,
        "parts": ["one"],
    }


def write_corpus(home: pathlib.Path, recipe: str = "demo", digest: str = CORPUS) -> None:
    """Eight threads to train on, two to watch, two held out."""
    import pyarrow
    import pyarrow.parquet

    folder = home / "corpus" / recipe
    for split, numbers in {"train": range(8), "valid": range(8, 10), "test": range(10, 12)}.items():
        (folder / digest / split).mkdir(parents=True)
        table = pyarrow.Table.from_pylist([thread(number) for number in numbers])
        pyarrow.parquet.write_table(table, folder / digest / split / "threads.parquet")
    (folder / "latest.json").write_text(json.dumps({"digest": digest}))


def write_base(folder: pathlib.Path) -> None:
    """A Llama of 130,000 random parameters and a ChatML tokenizer that knows the corpus's words."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    torch.manual_seed(1)
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    backend.train_from_iterator((m["text"] for number in range(12) for m in thread(number)["messages"]), trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token=special[1], eos_token=special[2], unk_token=special[0], pad_token=special[2]
    )
    tokenizer.chat_template = CHATML
    tokenizer.save_pretrained(folder)
    LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=512,
            initializer_range=0.3,  # logits wide enough for LoRA, which leaves the output layer alone, to sort them
            eos_token_id=2,
            pad_token_id=2,
        )
    ).save_pretrained(folder)


def overrides(home: pathlib.Path) -> list[str]:
    """What makes recipes/demo.yaml train the tiny base in `home`."""
    return [
        f"model.base={home / 'tiny'}",
        "model.gguf=null",
        "train.max_length=256",
        "train.max_steps=24",
        "train.save_steps=8",
        "train.learning_rate=0.02",
        "train.batch_size=2",
        "batch.cpus=1",  # two threads on matrices this small wait for each other more than they work
    ]


def recipe(home: pathlib.Path, *more: str) -> Recipe:
    """recipes/demo.yaml for the tiny base in `home`, with `more` overrides."""
    return load_recipe(ROOT / "recipes" / "demo.yaml", [*overrides(home), *more])


def arguments(run_id: str) -> argparse.Namespace:
    return argparse.Namespace(run_id=run_id)


def prepare(home: pathlib.Path) -> pathlib.Path:
    """Base model and corpus, ready to train; returns `home`."""
    write_base(home / "tiny")
    write_corpus(home)
    base_model.run(recipe(home), home, arguments("none"))
    return home


def trained(home: pathlib.Path, run_id: str, *more: str) -> dict:
    """The summary of one training of the tiny base."""
    return train.run(recipe(home, *more), home, arguments(run_id))
