"""A corpus in which every thread tells something else, so that there are wrong answers to choose from."""

import json
import pathlib
import random

from contracts.recipe import Recipe
from jobs.evaluation import evaluate
from jobs.training import base_model
from tests.training import tiny

PLACES = [
    "harbour", "mill", "orchard", "chapel", "tavern", "lighthouse", "quarry",
    "market", "forest", "bridge", "tower", "cellar", "garden", "stable",
]  # fmt: skip
THINGS = [
    "lantern", "rope", "barrel", "letter", "knife", "mirror", "candle",
    "basket", "hammer", "cloak", "bottle", "saddle", "whistle", "compass",
]  # fmt: skip
ACTS = [
    "carries", "drops", "finds", "hides", "burns", "sells", "mends",
    "steals", "washes", "buries", "paints", "breaks", "trades", "weighs",
]  # fmt: skip


def thread(number: int, posts: int = 8) -> dict:
    """A corpus row: two players, each line of other words, and the words of the thread come back."""
    words = random.Random(number)
    place, thing = words.choice(PLACES), words.choice(THINGS)

    def line(turn: int) -> str:
        first, second, third = words.sample(ACTS, 3)
        return f"{first} {turn} {words.choice(THINGS)} {second} {place} {words.choice(PLACES)} {third} {thing}."

    messages = [
        {"author": ("Ada", "Bo")[turn % 2], "text": line(turn), "timestamp": f"2024-01-01T00:{turn:02}:00"}
        for turn in range(posts)
    ]
    return tiny.thread(number) | {
        "title": f"The {place} {number}",
        "tags": ["Mystery", "Horror"][: 1 + number % 2],
        "messages": messages,
        "n_messages": posts,
    }


def write_corpus(home: pathlib.Path, digest: str = tiny.CORPUS) -> None:
    """Eight threads to train on, six to choose by, eight to report on."""
    import pyarrow
    import pyarrow.parquet

    folder = home / "corpus" / "demo"
    for split, numbers in {"train": range(8), "valid": range(8, 14), "test": range(14, 22)}.items():
        (folder / digest / split).mkdir(parents=True)
        table = pyarrow.Table.from_pylist([thread(number) for number in numbers])
        pyarrow.parquet.write_table(table, folder / digest / split / "threads.parquet")
    (folder / "latest.json").write_text(json.dumps({"digest": digest}))


TRAINING = ("train.learning_rate=0.005", "evaluate.max_samples=64")
FAST = (
    "evaluate.choice.questions=100",
    "evaluate.choice.generated=true",
    "evaluate.generation.samples=4",
    "evaluate.generation.max_new_tokens=12",
    "train.wandb.mode=disabled",
)
"""Overrides that keep an evaluation of the tiny base short."""


def prepare(home: pathlib.Path) -> pathlib.Path:
    """A home with one finished training of the tiny base on these threads; returns it."""
    tiny.write_base(home / "tiny")
    write_corpus(home)
    base_model.run(tiny.recipe(home), home, tiny.arguments("none"))
    tiny.trained(home, "first", *TRAINING)
    return home


def recipe(home: pathlib.Path, *overrides: str) -> Recipe:
    """What the run was trained with, and how it is judged."""
    return tiny.recipe(home, *TRAINING, *FAST, *overrides)


def evaluated(home: pathlib.Path, *overrides: str, run_id: str = "first") -> dict:
    """The summary of one evaluation."""
    return evaluate.run(recipe(home, *overrides), home, tiny.arguments(run_id))


def report(home: pathlib.Path, run_id: str = "first") -> dict:
    """evaluation.json."""
    return json.loads((home / "runs/demo" / run_id / "evaluation.json").read_text())
