"""How full packed samples are: `python packing_fill.py HOME LENGTH`.

In: the corpus under HOME. Out: one JSON line: `fill`, the share of LENGTH that a packed row holds, the emptiest row
left out (it holds what was over).
"""

import json
import pathlib
import sys

from datasets import Dataset
from transformers import PreTrainedTokenizerFast
from trl import pack_dataset

from contracts.recipe import load_recipe
from jobs.training.threads import latest_corpus
from jobs.training.views import read_samples

ROOT = pathlib.Path(__file__).resolve().parents[2]


def main(home: pathlib.Path, length: int) -> None:
    recipe = load_recipe(ROOT / "recipes" / "demo.yaml", [f"train.max_length={length}"])
    tokenizer = PreTrainedTokenizerFast.from_pretrained(home / "models" / recipe.model.name)
    samples, _ = read_samples(recipe, home, latest_corpus(home, recipe.name), "train", tokenizer)
    rows = [{"input_ids": list(sample.input_ids), "labels": list(sample.labels)} for sample in samples]
    packed = sorted(
        (len(row["input_ids"]) for row in pack_dataset(Dataset.from_list(rows), length, "bfd")), reverse=True
    )
    whole = packed[:-1] or packed
    print(json.dumps({"fill": sum(whole) / (len(whole) * length)}))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]))
