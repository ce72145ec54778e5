"""What the loop has reached, stage by stage.

In: the data folder, the latest runs of the DAGs, the voting site's figures. Out: stages, ready to be shown.
"""

import datetime
import json
import pathlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

from bardloop_airflow.links import EVALUATIONS, REPORTS

ENDED = {"success": "done", "failed": "failed"}
"""Airflow's states of a DAG run in the page's words; every other state of a run that began is `running`."""


@dataclass(frozen=True)
class DagRunState:
    """The latest run of a DAG. `state` is Airflow's."""

    run_id: str
    state: str
    at: datetime.datetime


@dataclass(frozen=True)
class VoteFigures:
    """What the voting site says. `new` are votes with a preference behind the watermark, `needed` start a training."""

    total: int
    new: int
    needed: int


@dataclass(frozen=True)
class Stage:
    """One box of the picture. `state` is `none`, `running`, `done`, `failed` or `unknown`; `progress` a share."""

    name: str
    state: str
    facts: list[str] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    """Texts and addresses below Airflow's own root, or whole addresses."""
    progress: float | None = None
    at: datetime.datetime | None = None


def recipes_with_data(home: pathlib.Path) -> list[str]:
    """Recipes that have a corpus or a training run, the one that was worked on last first."""
    newest: dict[str, float] = {}
    for place in (*home.glob("corpus/*/latest.json"), *home.glob("runs/*/*/run.json")):
        recipe = place.relative_to(home).parts[1]
        newest[recipe] = max(newest.get(recipe, 0.0), place.stat().st_mtime)
    return sorted(newest, key=newest.__getitem__, reverse=True)


def stages(
    home: pathlib.Path, recipe: str, runs: Mapping[str, DagRunState], votes: VoteFigures | str, site: str
) -> list[Stage]:
    """The stages of `recipe`, in the order of the loop.

    Args:
        runs: the latest run of each DAG that has one, of whatever recipe.
        votes: what the voting site says, or why it says nothing.
        site: its address, empty when there is no connection to it.
    """
    run = _newest_run(home, recipe)
    return [
        _corpus(home, recipe, runs),
        _training(run, runs),
        _evaluation(recipe, run),
        _adapter(home, recipe, runs),
        _votes(votes, runs, site),
    ]


def _corpus(home: pathlib.Path, recipe: str, runs: Mapping[str, DagRunState]) -> Stage:
    latest = _read(home / "corpus" / recipe / "latest.json")
    facts, links = [], []
    if latest:
        digest = latest["digest"]
        threads = _read(home / "corpus" / recipe / digest / "report.json")["threads"]
        facts = [digest, f"{sum(threads.values()):,} threads, {threads['train']:,} of them to train on"]
        links = [("Report", f"{REPORTS}/{recipe}/{digest}/report.html")]
    return _of_dag("Corpus", "corpus", runs, bool(latest), facts, links)


def _training(run: pathlib.Path | None, runs: Mapping[str, DagRunState]) -> Stage:
    retrains = "retrain" in runs and runs["retrain"].state not in ENDED
    dag = "retrain" if retrains else "train"
    if run is None:
        return _of_dag("Training", dag, runs, False, [], [])
    facts, progress = [run.name], None
    steps = yaml.safe_load((run / "config.yaml").read_text())["train"]["max_steps"]
    log = run / "metrics.jsonl"
    lines = log.read_text().split("\n")[:-1] if log.exists() else []  # the last one may be half written
    losses = [row for row in map(json.loads, lines) if "loss" in row]
    if losses:
        step, loss = losses[-1]["step"], losses[-1]["loss"]
        facts.insert(0, f"step {step:,} of {steps:,}, loss {loss:.3f}")
        progress = step / steps
    return _of_dag("Training", dag, runs, (run / "train.json").exists(), facts, [], progress)


def _evaluation(recipe: str, run: pathlib.Path | None) -> Stage:
    found = _read(run / "evaluation.json") if run else None
    if not found:
        return Stage("Gate", "none", ["not evaluated yet"] if run else [])
    verdict = found["verdict"]
    facts = [f"{found['chosen']['name']} {'passed' if verdict['passed'] else 'did not pass'}", *verdict["reasons"]]
    state = "done" if verdict["passed"] else "failed"
    return Stage("Gate", state, facts, [("Evaluation", f"{EVALUATIONS}/{recipe}/{run.name}/evaluation.html")])


def _adapter(home: pathlib.Path, recipe: str, runs: Mapping[str, DagRunState]) -> Stage:
    pointer = (_read(home / "serving" / "registry.json") or {}).get(recipe)
    facts = [f"{pointer['stable']} is live"] if pointer else ["the base alone answers"]
    if pointer and pointer.get("previous"):
        facts.append(f"before it: {pointer['previous']}")
    return _of_dag("Live adapter", "rollout", runs, bool(pointer), facts, [])


def _votes(votes: VoteFigures | str, runs: Mapping[str, DagRunState], site: str) -> Stage:
    links = [("Voting site", site), ("Statistics", f"{site}/admin/statistics/")] if site else []
    if isinstance(votes, str):
        return _of_dag("Votes", "retrain", {}, False, [votes], links, state="unknown")
    facts = [f"{votes.total:,} votes", f"{votes.new:,} new preferences; {votes.needed:,} start the next training"]
    return _of_dag("Votes", "retrain", runs, votes.total > 0, facts, links)


def _of_dag(name, dag, runs, has_result, facts, links, progress=None, state="none") -> Stage:
    """A stage whose state is that of its DAG's latest run; without one, `done` when it has a result, else `state`."""
    links = [*links, (f"DAG {dag}", f"/dags/{dag}")]
    latest = runs.get(dag)
    if latest is None:
        return Stage(name, "done" if has_result else state, facts, links)
    state = ENDED.get(latest.state, "running")
    links = [*links, ("Latest run", f"/dags/{dag}/runs/{latest.run_id}")]
    return Stage(name, state, facts, links, progress if state == "running" else None, latest.at)


def _newest_run(home: pathlib.Path, recipe: str) -> pathlib.Path | None:
    started = [path.parent for path in (home / "runs" / recipe).glob("*/run.json")]
    return max(started, key=lambda run: (run / "run.json").stat().st_mtime, default=None)


def _read(path: pathlib.Path):
    """A JSON document; None when it is not there."""
    return json.loads(path.read_text()) if path.is_file() else None
