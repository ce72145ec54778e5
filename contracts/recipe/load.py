"""Read a recipe from YAML.

In: a YAML file, `dotted.key=value` overrides, environment values (`${oc.env:NAME,default}`).
Out: a frozen `Recipe`, or a `RecipeError` whose text is one line: which key, what was expected.
"""

import difflib
import pathlib
from collections.abc import Sequence

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, ValidationError
from yaml import YAMLError

from contracts.recipe.recipe import Recipe


class RecipeError(ValueError):
    """The recipe or an override is wrong. The message is one line for the person at the keyboard."""


def load_recipe(path: str | pathlib.Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read `path`, apply `dotted.key=value` overrides and return the checked recipe.

    Raises:
        RecipeError: no such file, not YAML, an unknown key (with the nearest known one), a wrong value.
    """
    path = pathlib.Path(path)
    try:
        document = OmegaConf.load(path)
        if not OmegaConf.is_dict(document):
            raise RecipeError(f"{path}: expected a mapping of sections, found {type(document).__name__}")
        for override in overrides:
            if "=" not in override:
                raise RecipeError(f"--set {override!r}: expected dotted.key=value")
        document = OmegaConf.merge(document, OmegaConf.from_dotlist(list(overrides)))
        values = OmegaConf.to_container(document, resolve=True)
    except FileNotFoundError as error:
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml"))) or "none"
        raise RecipeError(f"{path}: no such recipe; recipes in {path.parent}: {known}") from error
    except (OmegaConfBaseException, YAMLError, UnicodeDecodeError, OSError) as error:
        raise RecipeError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise RecipeError(f"{path}: " + "; ".join(_complaint(e) for e in error.errors())) from error


def _complaint(error) -> str:
    """One pydantic error as `key: what was expected`, with a suggestion for a misspelt key."""
    key = ".".join(str(step) for step in error["loc"])
    if error["type"] == "extra_forbidden":
        known = _keys_at(error["loc"][:-1])
        near = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}"
        return f"{key}: unknown key, {hint}"
    if error["type"] == "missing":
        return f"{key}: missing"
    found = "" if isinstance(error["input"], dict) else f", found {error['input']!r}"
    return f"{key or 'recipe'}: {error['msg'].removeprefix('Value error, ')}{found}"


def _keys_at(location) -> list[str]:
    """Names of the fields of the section at `location` (list positions are skipped)."""
    section: type[BaseModel] = Recipe
    for step in location:
        if isinstance(step, int):
            continue
        section = _section_of(section.model_fields[step].annotation)
    return list(section.model_fields)


def _section_of(annotation) -> type[BaseModel]:
    """The section class inside an annotation such as `tuple[Part, ...]` or `Gguf | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        if argument is not Ellipsis and argument is not type(None):
            return _section_of(argument)
    raise TypeError(f"no section in {annotation!r}")
