"""What one engine serves and how: a recipe, `key=value` arguments on top, and the environment.

In: the arguments of `serving.app:build_app` (kebab-case keys of the recipe's `serving` section, and `recipe`),
BARDLOOP_RECIPE, BARDLOOP_HOME, BARDLOOP_API_KEY, BARDLOOP_ADMIN_KEY, serving/keys.json. Out: frozen `Settings`.
"""

import dataclasses
import os
import pathlib
from collections.abc import Mapping

from contracts.recipe import Canary, RecipeError, Serving, load_recipe
from serving.base_model import BaseModelError, ServedBase, read_base
from serving.keys import Key, KeyFile, KeysError, digest

DEFAULT_RECIPE = pathlib.Path(__file__).resolve().parent.parent / "recipes" / "roleplay_guild.yaml"


class SettingsError(ValueError):
    """The engine cannot start with these arguments or this environment. The message is one line."""


@dataclasses.dataclass(frozen=True)
class ControlSettings:
    """What the rollout control has to know. `capacity`: adapters that a replica can hold."""

    home: pathlib.Path
    base: str
    capacity: int
    canary: Canary


@dataclasses.dataclass(frozen=True)
class Settings:
    """Everything that a replica has to know; small enough to travel to another machine. `keys`: the environment's."""

    recipe: str
    home: pathlib.Path
    base: ServedBase
    engine: Serving
    canary: Canary
    keys: tuple[Key, ...]

    @property
    def control(self) -> ControlSettings:
        """Of the control of the same service."""
        return ControlSettings(self.home, self.base.name, adapter_capacity(self.engine), self.canary)


def adapter_capacity(serving: Serving) -> int:
    """Adapters held in the machine's memory, from where vLLM puts max_loras at a time into a batch."""
    return 4 * serving.max_loras


def read_settings(arguments: Mapping[str, object]) -> Settings:
    """Settings from `arguments` and the environment, checked before any weights are touched.

    Raises:
        SettingsError: an unknown or wrong argument, a recipe that cannot be read, a base model that is not
            there or cannot be served so, a key that is missing.
    """
    arguments = {str(key).replace("-", "_"): value for key, value in arguments.items()}
    recipe_path = pathlib.Path(str(arguments.pop("recipe", os.environ.get("BARDLOOP_RECIPE") or DEFAULT_RECIPE)))
    overrides = [f"serving.{key}={'null' if value is None else value}" for key, value in arguments.items()]
    try:
        recipe = load_recipe(recipe_path, overrides)
        base = read_base(home(), recipe.model.name)
    except RecipeError as error:
        raise SettingsError(str(error)) from error
    except BaseModelError as error:
        raise SettingsError(f"{error}: run `python -m jobs base-model --recipe {recipe_path}`") from error
    if base.quantisation and recipe.serving.accelerator == "CPU":
        raise SettingsError(
            f"{base.name} has weights of the kind {base.quantisation}: vLLM puts adapters on those only on GPUs; "
            "set serving.accelerator to GPU, or take a base that is not quantised"
        )
    canary = recipe.rollout.canary
    return Settings(recipe.name, home(), base, engine=recipe.serving, canary=canary, keys=_keys(home()))


def home() -> pathlib.Path:
    """Where all data live."""
    return pathlib.Path(os.environ.get("BARDLOOP_HOME", "var")).resolve()


def _keys(home: pathlib.Path) -> tuple[Key, ...]:
    """The two keys of the environment, as digests. They may do everything, and are not needed where the file has some.

    Raises:
        SettingsError: there is no key for /v1 or none for /admin, the same one for both, or the file is damaged.
    """
    kinds = {"BARDLOOP_API_KEY": False, "BARDLOOP_ADMIN_KEY": True}
    given = {variable: os.environ.get(variable, "") for variable in kinds}
    keys = tuple(
        Key(name=variable.lower().replace("_", "-"), sha256=digest(given[variable]), admin=admin)
        for variable, admin in kinds.items()
        if given[variable]
    )
    try:
        every = [*keys, *KeyFile(home).all()]
    except KeysError as error:
        raise SettingsError(str(error)) from error
    for variable, admin in kinds.items():
        if not any(key.admin == admin for key in every):
            option = " --admin" if admin else ""
            raise SettingsError(
                f"{variable} is not set: set it to a long secret of your own, or run `python -m serving keys add "
                f"NAME{option}`"
            )
    if len({key.sha256 for key in every}) < len(every):
        raise SettingsError("BARDLOOP_API_KEY and BARDLOOP_ADMIN_KEY are the same: everybody could roll out")
    return keys
