"""What becomes of an adapter: which one a run is about, and handing it to the inference service.

In: adapters/<name>@<version>/manifest.json under home, the connection `bardloop_serving`.
"""

import logging
import pathlib
from typing import Any

from airflow.sdk import Param, PokeReturnValue
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from bardloop_airflow.places import home
from bardloop_airflow.run_settings import checked_recipe
from bardloop_airflow.serving.client import RolloutRefused, ServingClient, ServingError

log = logging.getLogger(__name__)

ENGINE_STARTS_WITHIN_S = 600.0
PASSES = ("no_replica", "registry_not_written", "too_slow")
"""Codes of refusals that say nothing of the adapter: replicas that start, a full disk, a slow file server."""


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


def approved_by(settings: dict[str, Any], person: str, nobody: str) -> str | None:
    """The next task: `person` where one has to say yes, `nobody` where evaluation or votes decide, else None."""
    approval = checked_recipe(settings).rollout.approval
    if approval == "person":
        return person
    left_alone = approval == "never" or settings["passed"] is False  # a person may still ask for it
    return None if left_alone else nobody


def promote(settings: dict[str, Any], who: str, why: str, hold: bool = True) -> str | None:
    """Have the inference service begin to make `settings["adapter"]` the live version of its name.

    Where the recipe says `rollout.approval: votes` it is held first, see `bardloop_airflow.gate`; `hold` False: not any
    more.

    Returns:
        The rollout's id; None while another rollout is under way, or the service does not answer.

    Raises:
        AirflowFailException: the service refuses the adapter; a retry would not help.
    """
    service = ServingClient.from_connection()
    rules = checked_recipe(settings).rollout
    canary, hold = rules.canary.model_dump(mode="json"), hold and rules.approval == "votes"
    try:
        service.wait_until_ready(ENGINE_STARTS_WITHIN_S)
        answer = service.roll_out(settings["adapter"], who, why, canary, hold)
    except ServingError as error:
        log.warning("%s: waiting for the service", error)
        return None
    except RolloutRefused as refusal:
        raise AirflowFailException(str(refusal)) from None
    if answer is None:
        return None
    log.info("rollout %s of %s is %s", answer["id"], settings["adapter"], answer["state"])
    return answer["id"]


def is_live(settings: dict[str, Any], who: str, why: str) -> dict[str, Any] | None:
    """The end of the last rollout of `settings["adapter"]`, None while it goes on.

    None, too, while the service does not answer. One that was started again meanwhile knows of no rollout, and has what
    was live before: it is begun once more, as it is where something stood in its way that passes.

    Raises:
        AirflowFailException: the version was refused or rolled back, with why.
    """
    try:
        rollouts = ServingClient.from_connection().rollouts()
    except ServingError as error:
        log.warning("%s: waiting for the service", error)
        return None
    answer = next((rollout for rollout in rollouts if rollout["version"] == settings["adapter"]), None)
    if answer is None or (answer["state"] == "refused" and answer["reason"]["code"] in PASSES):
        log.warning("%s: %s: once more", settings["adapter"], answer or "the service knows of no rollout of it")
        promote(settings, who, why, hold=False)
        return None
    log.info("%s: %s, %.0f %% of the requests; %s", answer["version"], answer["state"], 100 * answer["weight"], answer)
    if answer["state"] in ("refused", "rolled_back"):
        raise AirflowFailException(f"{answer['version']} was {answer['state']}: {answer['reason']['message']}")
    return answer if answer["state"] == "live" else None


def once_there(value: Any | None) -> PokeReturnValue:
    """What a sensor says of its look: it is over once there is a value."""
    return PokeReturnValue(value is not None, value)


def _manifest(adapters: pathlib.Path, recipe_name: str, reference: str):
    """The `contracts.adapter_manifest.AdapterManifest` of `reference`, or of the recipe's newest adapter when empty."""
    from contracts.adapter_manifest import AdapterManifest  # late: pydantic models cost DAG import time

    paths = list(adapters.glob(f"{reference or recipe_name + '@*'}/manifest.json"))
    if not paths:
        missing = reference or f"adapter of recipe {recipe_name!r}"
        raise AirflowFailException(f"{adapters}: no {missing} there; the DAG 'train' makes adapters")
    manifests = [AdapterManifest.model_validate_json(path.read_text()) for path in paths]
    return max(manifests, key=lambda manifest: manifest.created_at)
