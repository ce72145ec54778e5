"""People vote on an adapter before it takes over: `rollout.approval: votes`.

In: a rollout that the inference service holds, GET /api/gate of the web site. Out: it is released, or withdrawn with
the reason. Whatever cannot be known now is waited for: nothing is promoted without a `pass`.
"""

import logging
from collections.abc import Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from bardloop_airflow.rollouts import PASSES, promote
from bardloop_airflow.run_settings import checked_recipe
from bardloop_airflow.serving.client import RolloutRefused, ServingClient, ServingError
from bardloop_airflow.site import SiteClient, SiteError

log = logging.getLogger(__name__)


def has_passed(settings: dict[str, Any], who: str, why: str) -> dict[str, Any] | None:
    """Why `settings["adapter"]` may take over: `code` and `reasons`; None while people vote.

    None, too, while the service or the site does not answer. A service that was started again meanwhile holds nothing:
    it is begun once more; the votes so far stand.

    Raises:
        AirflowSkipException: the votes say that it is not to take over. It was withdrawn.
        AirflowFailException: the service refused it, or somebody has withdrawn it; or the site judges by other rules
            than this run, then it was withdrawn, too.
    """
    recipe, adapter = checked_recipe(settings), settings["adapter"]
    if recipe.rollout.approval != "votes":
        return {"code": "not_asked", "reasons": [f"rollout.approval is {recipe.rollout.approval}"]}
    service = ServingClient.from_connection()
    try:
        rollout = next((each for each in service.rollouts() if each["version"] == adapter), None)
        if rollout is None or (rollout["state"] == "refused" and rollout["reason"]["code"] in PASSES):
            log.warning("%s: %s: once more", adapter, rollout or "the service knows of no rollout of it")
            promote(settings, who, why)
            return None
        if rollout["state"] in ("refused", "rolled_back"):
            raise AirflowFailException(f"{adapter} was {rollout['state']}: {rollout['reason']['message']}")
        if rollout["state"] in ("canary", "live"):
            return {"code": "released", "reasons": [f"it is {rollout['state']} already"]}
        if rollout["state"] != "held":
            log.info("%s: %s", adapter, rollout["state"])
            return None
        return _told(service, rollout, SiteClient.from_connection().gate(adapter, rollout["previous"]), recipe, who)
    except (ServingError, SiteError) as error:
        log.warning("%s: waiting", error)
        return None
    except RolloutRefused as refusal:  # somebody released or withdrew it at this moment: the next look sees it
        log.warning("%s: looking again", refusal)
        return None


def _told(service, rollout: Mapping[str, Any], answer: Mapping[str, Any], recipe, who: str) -> dict[str, Any] | None:
    """Do as the gate says."""
    adapter, numbers, reason = rollout["version"], answer["numbers"], " ".join(answer["reasons"])
    log.info(
        "%s against %s: %s: %s (voters %d, capital %.3g of %.3g, %d open)",
        *(adapter, answer["against"], answer["answer"], reason),
        *(numbers["voters"], numbers["capital"], numbers["threshold"], numbers["voters_open"]),
    )
    if different := _other_rules(recipe, answer["rules"]):
        why = f"the site judges by other rules than this run: {different}; give both the same recipe"
        service.withdraw(adapter, who, why)
        raise AirflowFailException(f"{adapter}: {why}")
    if answer["answer"] == "pass":
        service.release(rollout["id"], who, reason)
        return {"code": answer["code"], "reasons": answer["reasons"]}
    if answer["answer"] == "stop":
        service.withdraw(adapter, who, reason)
        raise AirflowSkipException(f"{adapter} is not promoted ({answer['code']}): {reason}")
    return None


def _other_rules(recipe, rules: Mapping[str, Any]) -> str:
    """Which rules of the gate differ between the run's recipe and the site's answer; empty: none."""
    ours = recipe.gate.model_dump(mode="json")
    if not ours["tags"]:
        del ours["tags"]  # the library's, which the site alone knows
    return ", ".join(f"{key} {rules.get(key)}, here {value}" for key, value in ours.items() if rules.get(key) != value)
