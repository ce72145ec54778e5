"""How many tokens there are to train on.

In: the recipe's corpus, or its dataset; the base model's tokenizer when it is there. Out: a number, or None.
"""

import itertools
import json
import pathlib
from collections.abc import Iterator
from dataclasses import dataclass

from contracts.recipe import Recipe
from jobs.errors import JobError

CHARACTERS_PER_TOKEN = 4.3
"""English prose under a vocabulary of 30,000 to 130,000 tokens: used while models/<name> has no tokenizer to ask."""
MEASURED_TEXTS = 500
"""Texts that the tokenizer is asked about."""


@dataclass(frozen=True)
class CorpusTokens:
    """`tokens` of one epoch of the training split; `measured`: with the base's own tokenizer."""

    tokens: int
    characters_per_token: float
    measured: bool


def corpus_tokens(recipe: Recipe, home: pathlib.Path) -> CorpusTokens | None:
    """Tokens of the training data as the recipe's view tells it, markers and system turns left out.

    The view `chat` tells a thread once for each of its characters, up to `train.chat.characters`.
    None: there is no corpus yet.
    """
    texts, characters = _dataset(recipe) if recipe.train.dataset else _threads(recipe, home)
    if characters is None:
        return None
    tokenizer = home / "models" / recipe.model.name / "tokenizer.json"
    if not tokenizer.is_file():
        return CorpusTokens(round(characters / CHARACTERS_PER_TOKEN), CHARACTERS_PER_TOKEN, False)
    from tokenizers import Tokenizer

    asked = list(itertools.islice(texts, MEASURED_TEXTS))
    encoded = Tokenizer.from_file(str(tokenizer)).encode_batch(asked, add_special_tokens=False)
    per_token = sum(map(len, asked)) / sum(len(encoding.ids) for encoding in encoded)
    return CorpusTokens(round(characters / per_token), round(per_token, 3), True)


def _threads(recipe: Recipe, home: pathlib.Path) -> tuple[Iterator[str], int | None]:
    """Posts of the newest corpus's training split, and the characters that the view makes of all of them."""
    latest = home / "corpus" / recipe.name / "latest.json"
    if not latest.is_file():
        return iter(()), None
    import pyarrow.parquet

    from jobs.training.threads import latest_corpus, read_threads

    digest = latest_corpus(home, recipe.name)
    times = recipe.train.chat.characters if recipe.train.view == "chat" else 1
    characters = 0
    for path in sorted((latest.parent / digest / "train").glob("*.parquet")):
        file = pyarrow.parquet.ParquetFile(path)
        counted = [name for name in ("n_chars", "n_authors") if name in file.schema_arrow.names]
        for batch in file.iter_batches(columns=counted):
            for row in batch.to_pylist():
                characters += row["n_chars"] * min(times, row.get("n_authors", times))
    threads = read_threads(home, recipe.name, digest, "train")
    return (message["text"] for thread in threads for message in thread["messages"]), characters


def _dataset(recipe: Recipe) -> tuple[Iterator[str], int]:
    """Texts of the recipe's JSONL, and the characters of all of them.

    Raises:
        JobError: no such file, or a line that is no JSON object.
    """
    path = pathlib.Path(recipe.train.dataset)
    path = path / "train.jsonl" if path.is_dir() else path
    if not path.is_file():
        raise JobError(f"train.dataset: no file {path}; give a JSONL file, or a folder with train.jsonl")
    return _texts(path), sum(map(len, _texts(path)))


def _texts(path: pathlib.Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                yield from [row["content"]] if "content" in row else [turn["content"] for turn in row["messages"]]
            except (ValueError, KeyError, TypeError) as error:
                raise JobError(f"{path}, line {number}: expected an object with `content` or `messages`") from error
