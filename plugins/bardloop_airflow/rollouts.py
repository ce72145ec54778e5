"""What becomes of an adapter: which one a run is about, and handing it to the inference service.

In: adapters/<name>@<version>/manifest.json under home, the connection `bardloop_serving`.
"""

import logging
import pathlib
from typing import Any

from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from bardloop_airflow.places import home
from bardloop_airflow.run_settings import checked_recipe
from bardloop_airflow.serving.client import RolloutRefused, ServingClient

log = logging.getLogger(__name__)

ENGINE_STARTS_WITHIN_S = 600.0


def adapter_param(verb: str = "promote") -> dict[str, Param]:
    """The form's field for the adapter. `verb` says what is done to it."""
    return {
        "adapter": Param(
            "",
            type="string",
            pattern=r"^([a-z][a-z0-9_-]{0,62}@[0-9a-f]{12})?$",
            title="Adapter",
            description=f"Which adapter to {verb}, as `name@version`. Empty: the newest of the recipe.",
        )
    }


def with_adapter(settings: dict[str, Any], named: str = "") -> dict[str, Any]:
    """`settings` with the adapter to promote, its metrics, the verdict of its evaluation (`passed`, `reasons`), and
    what it was trained on (`corpus_digest`, `votes`).

    The adapter is the one in `settings` (from the event that triggered the run), else `named` (by a person), else
    the newest of the recipe.

    Raises:
        AirflowFailException: there is no such adapter, or the run that triggered this trained a whole model.
    """
    if settings.get("adapter", "") is None:
        raise AirflowFailException(
            "the run that triggered this trained the whole model (train.tuning: full) and published no adapter; the "
            "engine serves adapters: nothing is rolled out"
        )
    reference = settings.get("adapter") or named
    manifest = _manifest(home() / "adapters", checked_recipe(settings).name, reference)
    verdict = manifest.model_dump(mode="json", include={"metrics", "passed", "reasons", "corpus_digest", "votes"})
    return settings | {"adapter": manifest.reference} | verdict


def adapter_to_export(settings: dict[str, Any], named: str) -> str:
    """The adapter of the event that triggered the run, else `named`, else the newest of the recipe.

    Raises:
        AirflowSkipException: a training triggered the run, and its recipe does not ask for an export, or it made a
            whole model.
        AirflowFailException: there is no such adapter.
    """
    recipe = checked_recipe(settings)
    if "adapter" in settings and not recipe.export.automatic:
        raise AirflowSkipException(f"recipe {recipe.name} says export.automatic: false; trigger this DAG to export")
    if settings.get("adapter", "") is None:
        raise AirflowSkipException("the run that triggered this trained the whole model: it is one of its own already")
    return _manifest(home() / "adapters", recipe.name, settings.get("adapter") or named).reference


def promote(adapter: str) -> dict[str, Any]:
    """Make `adapter` the live version of its name; the inference service's answer.

    Raises:
        AirflowFailException: the service refused the adapter; a retry would not help.
        ServingError: the service is not there, or failed.
    """
    service = ServingClient.from_connection()
    service.wait_until_ready(ENGINE_STARTS_WITHIN_S)
    try:
        answer = service.roll_out(adapter)
    except RolloutRefused as refusal:
        raise AirflowFailException(str(refusal)) from None
    log.info("%s is live; before: %s; smoke test: %s", adapter, answer.get("previous"), answer.get("smoke"))
    return answer


def _manifest(adapters: pathlib.Path, recipe_name: str, reference: str):
    """The `contracts.adapter_manifest.AdapterManifest` of `reference`, or of the recipe's newest adapter when empty."""
    from contracts.adapter_manifest import AdapterManifest  # late: pydantic models cost DAG import time

    paths = list(adapters.glob(f"{reference or recipe_name + '@*'}/manifest.json"))
    if not paths:
        missing = reference or f"adapter of recipe {recipe_name!r}"
        raise AirflowFailException(f"{adapters}: no {missing} there; the DAG 'train' makes adapters")
    manifests = [AdapterManifest.model_validate_json(path.read_text()) for path in paths]
    return max(manifests, key=lambda manifest: manifest.created_at)
