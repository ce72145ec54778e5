"""What a DAG run is about: the recipe and its overrides.

A run that a person triggers takes them from its params. A run that an asset event triggers takes them from the
event, so that one corpus, its adapter and the adapter's rollout are all made by the same recipe.
"""

import logging
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from airflow.sdk import Asset, Param, get_current_context
from airflow.sdk.exceptions import AirflowFailException

from bardloop_airflow.places import RECIPES

log = logging.getLogger(__name__)


class RunSettings(TypedDict):
    """Recipe (stem of a file in recipes/) and `dotted.key=value` overrides of a run."""

    recipe: str
    overrides: list[str]


def default_recipe() -> str:
    """The recipe of runs that nobody chose one for: BARDLOOP_RECIPE if it lies in recipes/, else `demo` or the first.

    Raises:
        FileNotFoundError: there are no recipes.
    """
    recipes = _recipes()
    named = pathlib.Path(os.environ.get("BARDLOOP_RECIPE", "demo")).stem
    return next((name for name in (named, "demo") if name in recipes), recipes[0])


def _recipes() -> list[str]:
    recipes = sorted(path.stem for path in RECIPES.glob("*.yaml"))
    if not recipes:
        raise FileNotFoundError(f"{RECIPES}: no recipes (*.yaml) there")
    return recipes


def recipe_params() -> dict[str, Param]:
    """The form that every DAG of ours shows when a person triggers it."""
    return {
        "recipe": Param(
            default_recipe(),
            type="string",
            enum=_recipes(),
            title="Recipe",
            description="What to build: a file in recipes/.",
        ),
        "overrides": Param(
            [],
            type="array",
            items={"type": "string", "pattern": r"^[A-Za-z_][A-Za-z0-9_.]*="},
            title="Overrides",
            description="Recipe values to change for this run, one `dotted.key=value` each, e.g. `train.max_steps=60`.",
        ),
    }


def current_settings(asset: Asset | None = None, *facts: str) -> dict[str, Any]:
    """Settings of the running DAG run, checked against the recipe; with `facts` of the event when one triggered it.

    Raises:
        AirflowFailException: the recipe or an override is wrong (a retry would not help).
    """
    context = get_current_context()
    event = triggering_extra(context["triggering_asset_events"], asset) if asset else None
    source = context["params"] if event is None else event
    settings = {"recipe": source["recipe"], "overrides": list(source["overrides"])}
    checked_recipe(settings)
    return settings | {fact: event[fact] for fact in facts if event is not None}


def by_the_clock() -> bool:
    """Whether a timetable started the running DAG run, not a person or an asset."""
    return get_current_context()["dag_run"].run_type == "scheduled"


def triggering_extra(events: Mapping[Asset, Sequence], asset: Asset) -> dict[str, Any] | None:
    """`extra` of the event of `asset` that triggered the run; None when a person did."""
    found = events[asset] if asset in events else []  # noqa: SIM401 (Airflow's mapping has no get, and may hold [])
    if not found:
        return None
    *older, newest = sorted(found, key=lambda event: event.timestamp)
    for event in older:  # events that came within one turn of the scheduler share a run
        log.warning("This run takes the newest event of asset %s and leaves out %s", asset.name, event.extra)
    return dict(newest.extra)


def checked_recipe(settings: Mapping[str, Any]):
    """The `contracts.recipe.Recipe` of `settings`.

    Raises:
        AirflowFailException: it is wrong; the message is one line that names the key and what was expected.
    """
    from contracts.recipe import RecipeError, load_recipe  # late: pydantic models cost DAG import time

    try:
        return load_recipe(RECIPES / f"{settings['recipe']}.yaml", settings["overrides"])
    except RecipeError as error:
        raise AirflowFailException(str(error)) from None
