"""Is there anything to retrain for? New votes behind the watermark, or a corpus that no training has seen.

In: the recipe, home, the web site. Out: what is new, or a skip with the reason.
"""

import json
import logging
import pathlib
from collections.abc import Mapping
from typing import Any

from airflow.sdk import Asset, get_current_context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from bardloop_airflow.places import home
from bardloop_airflow.run_settings import checked_recipe, triggering_extra
from bardloop_airflow.site import SiteClient, VotesLost

log = logging.getLogger(__name__)


def retrain_settings(votes: Asset) -> dict[str, Any]:
    """Settings of a run of the DAG `retrain`, from the watcher's event or from the run's params; `by_votes` says which.

    Raises:
        AirflowFailException: the recipe or an override is wrong (a retry would not help).
    """
    context = get_current_context()
    event = triggering_extra(context["triggering_asset_events"], votes)
    source = context["params"] if event is None else event["payload"]
    settings = {"recipe": source["recipe"], "overrides": list(source["overrides"])}
    checked_recipe(settings)
    return {**settings, "by_votes": event is not None}


def what_is_new(settings: Mapping[str, Any]) -> dict[str, str]:
    """Arguments of the job `votes`: {"until": number of the last vote to take}.

    A run that votes started needs votes.min_new of them: those that started it may have been taken by the run before.
    Any other run needs one, or a new corpus.

    Raises:
        AirflowSkipException: nothing is new; the message says what was looked at.
        AirflowFailException: the site's newest vote stands before the watermark (a retry would not help).
        SiteError: the web site does not answer.
    """
    from contracts.votes import read_watermark  # late: pydantic models cost DAG import time

    recipe, by_votes = checked_recipe(settings), settings["by_votes"]
    mark = read_watermark(home(), recipe.name)
    found = {"votes": 0, "preferred": 0, "until": mark.vote}
    if recipe.votes.weight:
        try:
            found = SiteClient.from_connection().new_votes(recipe.name, mark.vote)
        except VotesLost as error:
            raise AirflowFailException(str(error)) from None
    enough = found["preferred"] >= (recipe.votes.min_new if by_votes else 1)
    corpus = new_corpus(home(), recipe.name, mark.corpus) if recipe.train.dataset is None else None
    votes = f"{found['votes']} votes behind number {mark.vote}, {found['preferred']} of them with a preference"
    if corpus and _train_is_busy():
        log.info("corpus %s is new, but the DAG train is at work", corpus)
        corpus = None
    if not (enough or corpus):
        needed = f" (needed: {recipe.votes.min_new})" if by_votes and recipe.votes.weight else ""
        raise AirflowSkipException(f"nothing to retrain {recipe.name} for: {votes}{needed}, and no new corpus")
    log.info("%s: %s; %s", recipe.name, votes, f"corpus {corpus} is new" if corpus else "no new corpus")
    return {"until": str(found["until"])}


def new_corpus(home: pathlib.Path, recipe: str, taken: str | None) -> str | None:
    """Digest of the latest corpus if neither the last retraining nor any adapter was made from it."""
    latest = home / "corpus" / recipe / "latest.json"
    if not latest.is_file():
        return None
    digest = json.loads(latest.read_text())["digest"]
    manifests = (json.loads(path.read_bytes()) for path in (home / "adapters").glob(f"{recipe}@*/manifest.json"))
    trained = {taken} | {manifest["corpus_digest"] for manifest in manifests}
    return None if digest in trained else digest


def with_votes(settings: Mapping[str, Any], votes: Mapping[str, Any]) -> dict[str, Any]:
    """`settings` whose overrides name the set of votes that the job `votes` made, if there is one."""
    chosen = [f"votes.digest={votes['digest']}"] if votes["digest"] else []
    return {**settings, "overrides": [*settings["overrides"], *chosen]}


def _train_is_busy() -> bool:
    """Whether a run of the DAG `train` goes on or waits: a corpus starts one as soon as it is built."""
    return get_current_context()["ti"].get_dr_count(dag_id="train", states=["running", "queued"]) > 0
