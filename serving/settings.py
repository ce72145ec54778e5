"""What one engine serves and how: a recipe, `key=value` arguments on top, and the environment.

In: the arguments of `serving.app:build_app` (kebab-case keys of the recipe's `serving` section, and `recipe`),
and BARDLOOP_RECIPE, BARDLOOP_HOME, BARDLOOP_API_KEY, BARDLOOP_ADMIN_KEY. Out: frozen `Settings`.
"""

import dataclasses
import os
import pathlib
from collections.abc import Mapping

from contracts.recipe import RecipeError, Serving, load_recipe
from serving.base_model import BaseModelError, ServedBase, read_base

DEFAULT_RECIPE = pathlib.Path(__file__).resolve().parent.parent / "recipes" / "roleplay_guild.yaml"


class SettingsError(ValueError):
    """The engine cannot start with these arguments or this environment. The message is one line."""


@dataclasses.dataclass(frozen=True)
class Keys:
    """Bearer keys: `api` for /v1, `admin` for /admin. Never shown in logs or in Ray's dashboard."""

    api: str = dataclasses.field(repr=False)
    admin: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True)
class Settings:
    """Everything that the engine's process has to know; small enough to travel to another machine."""

    recipe: str
    home: pathlib.Path
    base: ServedBase
    engine: Serving
    keys: Keys


def read_settings(arguments: Mapping[str, object]) -> Settings:
    """Settings from `arguments` and the environment, checked before any weights are touched.

    Raises:
        SettingsError: an unknown or wrong argument, a recipe that cannot be read, a base model that is not
            there, a key that is missing.
    """
    arguments = {str(key).replace("-", "_"): value for key, value in arguments.items()}
    recipe_path = pathlib.Path(str(arguments.pop("recipe", os.environ.get("BARDLOOP_RECIPE") or DEFAULT_RECIPE)))
    overrides = [f"serving.{key}={'null' if value is None else value}" for key, value in arguments.items()]
    home = pathlib.Path(os.environ.get("BARDLOOP_HOME", "var")).resolve()
    try:
        recipe = load_recipe(recipe_path, overrides)
        base = read_base(home, recipe.model.name)
    except RecipeError as error:
        raise SettingsError(str(error)) from error
    except BaseModelError as error:
        raise SettingsError(f"{error}: run `python -m jobs base-model --recipe {recipe_path}`") from error
    return Settings(recipe=recipe.name, home=home, base=base, engine=recipe.serving, keys=_keys())


def _keys() -> Keys:
    """The two bearer keys from the environment."""
    values = {}
    for variable in ("BARDLOOP_API_KEY", "BARDLOOP_ADMIN_KEY"):
        values[variable] = os.environ.get(variable, "")
        if not values[variable]:
            raise SettingsError(f"{variable} is not set: set it to a long secret of your own")
    if len(set(values.values())) == 1:
        raise SettingsError("BARDLOOP_API_KEY and BARDLOOP_ADMIN_KEY are the same: everybody could roll out")
    return Keys(api=values["BARDLOOP_API_KEY"], admin=values["BARDLOOP_ADMIN_KEY"])
