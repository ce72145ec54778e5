"""What a person reads before saying yes to an adapter: its evaluation, and what the votes say so far.

In: the settings of a run of `rollout`, the web site. Out: Markdown. A site that cannot be reached is told, not waited
for: the evaluation stands without it.
"""

import logging
from collections.abc import Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowNotFoundException

from bardloop_airflow.site import SiteClient, SiteError

log = logging.getLogger(__name__)

VERDICTS = {True: "passed", False: "**did not pass**", None: "was not judged"}


def evidence(settings: Mapping[str, Any]) -> str:
    """The page of the approval."""
    trained = f"Trained on corpus `{settings['corpus_digest']}` and {settings['votes']} preferred conversations."
    try:
        site = SiteClient.from_connection()
    except AirflowNotFoundException as error:
        votes = [f"No votes here: {error}."]
    else:
        votes = _votes_of(site)
    return "\n\n".join([trained, *_evaluation(settings), "### Votes so far", *votes])


def _evaluation(settings: Mapping[str, Any]) -> list[str]:
    reasons = [f"- {reason}" for reason in settings["reasons"]]
    rows = [f"| {name} | {value:.4g} |" for name, value in settings["metrics"].items()]
    table = ["\n".join(["| metric | value |", "|---|---|", *rows])] if rows else []
    verdict = f"### Evaluation: it {VERDICTS[settings['passed']]}"
    return [verdict, *(["\n".join(reasons)] if reasons else []), *table]


def _votes(statistics: Mapping[str, Any]) -> list[str]:
    """One row an adapter version that met its base. The new adapter is not among them before it is live."""
    rows = [
        f"| {each['adapter']} | {each['votes']} | {each['wins']} | {each['losses']} | {_rate(each)} |"
        for each in statistics["versions"]
    ]
    if not rows:
        return ["Nobody has voted yet."]
    heading = ["| adapter | votes | preferred | base preferred | win rate (95 %) |", "|---|---|---|---|---|"]
    return ["\n".join([*heading, *rows])]


def _rate(record: Mapping[str, Any]) -> str:
    if record["win_rate"] is None:
        return "undecided"
    return f"{record['win_rate']:.0%} ({record['low']:.0%} to {record['high']:.0%})"


def _votes_of(site: SiteClient) -> list[str]:
    """The votes, or a line that says why there are none."""
    try:
        return _votes(site.statistics())
    except SiteError as error:
        log.warning("%s", error)
        return [f"Not known. {error}"]
    except (KeyError, TypeError, ValueError) as error:
        log.warning("unexpected answer", exc_info=True)
        return [f"Not known. The site's answer lacks {error}."]
