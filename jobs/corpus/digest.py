"""Digests that say when work can be kept: same inputs, same recipe, same code, same digest."""

import hashlib
import json
from collections.abc import Mapping

from contracts.recipe import Recipe

CODE_VERSION = 3
"""Raise it when a change in jobs/corpus changes what comes out of the same archive."""


def part_digest(recipe: Recipe, archive_sha256: str) -> str:
    """12 hex digits: a part and everything that decides how its posts are read and cleaned."""
    corpus = recipe.corpus
    settings = [corpus.clean.model_dump(), corpus.duplicates.near.model_dump(), corpus.policy.sexual_minors]
    return _sha256([CODE_VERSION, archive_sha256, settings])[:12]


def corpus_digest(recipe: Recipe, archives: Mapping[str, str]) -> str:
    """12 hex digits: all parts (name to sha256, in the recipe's order) and what the recipe asks for."""
    return _sha256([CODE_VERSION, recipe_digest(recipe), list(archives.items())])[:12]


def recipe_digest(recipe: Recipe) -> str:
    """64 hex digits: the recipe's corpus section, wherever the archive lies and whatever the work runs on."""
    section = recipe.corpus.model_dump(mode="json", exclude={"engine": True, "archive": True})
    return _sha256(section)


def _sha256(value) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
