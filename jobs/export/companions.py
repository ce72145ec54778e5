"""What a merged model needs beside its weights: configuration, tokenizer, chat template, generation settings.

In: the base's folder and the recipe of the training. Out: the same files in the merged model's folder, changed where
training changed what is true: weights in bfloat16, the form of the prompt, the token that ends a reply.
"""

import json
import pathlib
import re
import shutil

from contracts.recipe import Recipe
from jobs.training.base_model import BASE_FILE
from jobs.training.chat_template import PROBE, encode, training_template

COPIED = ("*.json", "*.model", "*.jinja", "merges.txt", "vocab.txt")
CHAT_VIEWS = ("chat", "messages")

GENERATION_MARKER = re.compile(r"\{%(-?)\s*(?:end)?generation\s*(-?)%\}")


def copy_companions(base: pathlib.Path, target: pathlib.Path, recipe: Recipe) -> None:
    """Everything but the weights.

    Raises:
        JobError: the chat template that the run was trained with is not usable any more.
    """
    for pattern in COPIED:
        for path in base.glob(pattern):
            if path.name != BASE_FILE and not path.name.endswith(".index.json"):
                shutil.copy(path, target / path.name)
    _change_json(target / "config.json", remove="torch_dtype", dtype="bfloat16")
    end = None
    if recipe.train.view in CHAT_VIEWS:
        end = _keep_chat_form(base, target, recipe)
    _write_generation_config(target, end)


def _keep_chat_form(base: pathlib.Path, target: pathlib.Path, recipe: Recipe) -> int:
    """Give the tokenizer the training template, if it has none of its own or the recipe chose another one; the id of
    the token that ends a reply."""
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast.from_pretrained(base)
    template = training_template(tokenizer, recipe.train.chat.template)
    if not tokenizer.chat_template or recipe.train.chat.template:
        # Engines other than transformers do not know the markers; a comment cuts white space as they do.
        (target / "chat_template.jinja").write_text(GENERATION_MARKER.sub(r"{#\1\2#}", template), encoding="utf-8")
        if (target / "tokenizer_config.json").is_file():
            _change_json(target / "tokenizer_config.json", remove="chat_template")
    ids, mask = encode(tokenizer, template, PROBE)
    return max((place, token) for place, (token, trained) in enumerate(zip(ids, mask, strict=True)) if trained)[1]


def _write_generation_config(target: pathlib.Path, end: int | None) -> None:
    """The base's, or one that says what config.json says; with the end of a reply among the tokens to stop at."""
    from transformers import AutoConfig, GenerationConfig

    if (target / "generation_config.json").is_file():
        generation = GenerationConfig.from_pretrained(target)
    else:
        generation = GenerationConfig.from_model_config(AutoConfig.from_pretrained(target))
    stops = generation.eos_token_id
    stops = [] if stops is None else [stops] if isinstance(stops, int) else list(stops)
    if end is not None and end not in stops:
        stops.append(end)
    generation.eos_token_id = stops[0] if len(stops) == 1 else stops or None
    generation.save_pretrained(target)


def _change_json(path: pathlib.Path, remove: str, **values) -> None:
    content = json.loads(path.read_text(encoding="utf-8")) | values
    content.pop(remove, None)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
