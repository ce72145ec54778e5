"""Does the archive hold anything that the latest corpus was not built from?

In: the recipe, the downloaded parts' notes (raw/<recipe>/<part>.7z.json), the latest corpus's report. Out: the new
parts, or a skip with the reason. What was built says what is known, so a run that failed after its download loses none.
"""

import json
import logging
import pathlib
from collections.abc import Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from bardloop_airflow.places import home
from bardloop_airflow.run_settings import by_the_clock, checked_recipe

log = logging.getLogger(__name__)


def skip_unless_automatic(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """`settings`, unless the clock started the run and the recipe does not want that.

    Raises:
        AirflowSkipException: it says `corpus.archive.automatic: false`.
    """
    recipe = checked_recipe(settings)
    if by_the_clock() and not recipe.corpus.archive.automatic:
        raise AirflowSkipException(f"recipe {recipe.name} says corpus.archive.automatic: false; trigger this DAG")
    return settings


def skip_unless_new(settings: Mapping[str, Any]) -> None:
    """Nothing in a person's run, which builds from whatever is there.

    Raises:
        AirflowSkipException: the clock started the run, and the latest corpus holds all parts as they are now.
    """
    if not by_the_clock():
        return
    recipe = checked_recipe(settings)
    found = new_parts(home(), recipe.name, [part.name for part in recipe.corpus.archive.parts])
    if not found:
        raise AirflowSkipException(f"the latest corpus of {recipe.name} holds all parts as they are now")
    log.info("new: %s", ", ".join(found))


def new_parts(home: pathlib.Path, recipe: str, parts: list[str]) -> list[str]:
    """Those of `parts` whose archive is another one than when the latest corpus was built; all when there is none."""
    folder = home / "corpus" / recipe
    known = {}
    if (folder / "latest.json").is_file():
        digest = json.loads((folder / "latest.json").read_text())["digest"]
        known = json.loads((folder / digest / "report.json").read_text())["lineage"]["inputs"]
    here = {part: json.loads((home / "raw" / recipe / f"{part}.7z.json").read_text())["sha256"] for part in parts}
    return [part for part in parts if known.get(part, {}).get("sha256") != here[part]]
