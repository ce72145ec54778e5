"""The rules of the gate for one adapter: the section `gate` of its recipe. An adapter bears its recipe's name.

In: recipes/NAME.yaml, read again when it has changed. Out: a checked `Gate`, or a `Refusal` that says what is missing.
"""

import pathlib
from functools import lru_cache

from contracts.recipe import Gate, RecipeError, load_recipe
from webapp.arena.refusals import Refusal
from webapp.arena.scenes import library

RECIPES = pathlib.Path(__file__).resolve().parents[2] / "recipes"


def rules_of(adapter: str) -> Gate:
    """The rules for versions of `adapter`, its tags filled in from the library where the recipe names none.

    Raises:
        Refusal: no_recipe (404), bad_recipe (500).
    """
    path = RECIPES / f"{adapter}.yaml"
    try:
        changed = path.stat().st_mtime_ns
    except FileNotFoundError:
        known = ", ".join(sorted(each.stem for each in RECIPES.glob("*.yaml"))) or "none"
        message = f"There is no recipe {adapter!r} on this site, so nobody has said when it passes. Recipes: {known}."
        raise Refusal(404, "no_recipe", message) from None
    rules = _read(path, changed)
    if rules.tags:
        return rules
    tags = sorted({tag for scene in library().values() for tag in scene.tags})
    return rules.model_copy(update={"tags": tuple(tags)})


@lru_cache(maxsize=32)
def _read(path: pathlib.Path, changed: int) -> Gate:
    try:
        recipe = load_recipe(path)
    except RecipeError as error:
        raise Refusal(500, "bad_recipe", str(error).removeprefix(f"{path.parent}/")) from None
    if recipe.name != path.stem:
        message = f"{path.name}: its name is {recipe.name!r}: name the file after it, then its adapters can be judged."
        raise Refusal(500, "bad_recipe", message)
    return recipe.gate
