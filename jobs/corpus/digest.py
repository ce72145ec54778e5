"""Digests that say when work can be kept: same inputs, same recipe, same code, same digest."""

import hashlib
import json
from collections.abc import Mapping

from contracts.recipe import Recipe

CODE_VERSION = 1
"""Raise it when a change in jobs/corpus changes what comes out of the same archive."""


def part_digest(recipe: Recipe, archive_sha256: str) -> str:
    """12 hex digits: a part and everything that decides how its posts are read and cleaned."""
    return _sha12([CODE_VERSION, archive_sha256, recipe.corpus.emphasis, recipe.corpus.emoji])


def corpus_digest(recipe: Recipe, archives: Mapping[str, str]) -> str:
    """12 hex digits: all parts (name to sha256) and the recipe's corpus section, wherever the archive lies."""
    section = recipe.corpus.model_dump(mode="json")
    del section["archive"]["base"]
    return _sha12([CODE_VERSION, section, dict(archives)])


def _sha12(value: list) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]
