"""The measuring itself: every checkpoint on `valid`, then the best one against base, parent and others on the split
that is reported on.

In: a finished run and its held-out data. Out: evaluation.json as a dict, and samples.jsonl as rows.
"""

import logging
import math
import pathlib
from dataclasses import asdict, dataclass

from contracts.recipe import Recipe
from jobs.errors import JobError
from jobs.evaluation.candidates import Candidate, check_whole
from jobs.evaluation.differences import Difference, difference
from jobs.evaluation.endpoint import Endpoint, EndpointError
from jobs.evaluation.held_out import HeldOut, read_held_out
from jobs.evaluation.local_model import LocalModel
from jobs.evaluation.panel import METRICS, Panel, check_metric, joined, make_panel
from jobs.evaluation.scorers import Score
from jobs.evaluation.verdict import Verdict, choose, judge
from jobs.evaluation.whole_models import WholeModels
from jobs.next_reply.chat import Chat, read_chat
from jobs.training.run_folder import Inputs

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Measured:
    """What was found out. `chosen` is the best: the adapter to publish, or the model."""

    evaluation: dict
    samples: list[dict]
    chosen: Candidate
    verdict: Verdict


def measure(recipe: Recipe, home: pathlib.Path, inputs: Inputs, found: list[Candidate], parent: pathlib.Path | None):
    """A `Measured` of the candidates in `found` (in the order of training) and `parent`, an adapter's folder or None.

    Raises:
        JobError: the reported split holds no sample, a criterion's metric cannot be measured, or no candidate is
            sound.
    """
    settings, model_folder = recipe.evaluate, home / "models" / recipe.model.name
    chat = read_chat(recipe, model_folder)
    data = {
        split: read_held_out(recipe, home, inputs.corpus_digest, split, chat.tokenizer)
        for split in sorted({"valid", settings.split})
    }
    reported = data[settings.split]
    if not reported.samples:
        raise JobError(
            f"corpus {inputs.corpus_digest}: split {settings.split} gives no sample; hold out more (corpus.split)"
        )
    panel = make_panel(reported, settings, chat)
    for criterion in settings.criteria:
        check_metric("evaluate.criteria", criterion, panel)
    trained, kind = ("model", WholeModels) if recipe.train.tuning == "full" else ("adapter", LocalModel)
    model = kind(model_folder, recipe, chat)
    checkpoints, chosen, reason = _choose(recipe, model, data["valid"], chat, found)
    log.info("%s is taken: %s", chosen.name, reason)

    scores: dict[str, dict[str, Score]] = {}
    places = {"base": None, "parent": parent, trained: chosen.folder}  # the last one is asked again by the study
    for name, weights in places.items():
        if name == "base" or weights is not None:
            with model.being(name, weights):
                scores[name] = panel.score(model)
    _check_sound(joined(scores[trained])["metrics"], chosen)
    with model.being(trained, chosen.folder):
        study = _study(model, panel, settings.generation.study)
        probe = model.probe() if trained == "adapter" else None
    references, errors = _ask_endpoints(recipe, panel, chat)
    differences = _differences(scores, trained, settings.seed)
    scores = {name: scores[name] for name in (trained, "base", "parent") if name in scores}  # as it is read
    rows = {name: joined(each) for name, each in (scores | references).items()}
    verdict = judge(
        rows[trained]["metrics"],
        {name: rows[name]["metrics"] for name in ("base", "parent") if name in rows},
        settings.criteria,
        {key: _in_words(each) for key, each in differences.items()},
    )
    evaluation = {
        "trained": trained,
        "metrics": _flat(rows, trained, settings.split),
        "samples": len(reported.samples),
        "reply_tokens": sum(item["tokens"] for item in panel.scorers["loss"].items),
        "view": reported.view,
        "split": settings.split,
        "chosen": {"name": chosen.name, "step": chosen.step, "version": chosen.version, "reason": reason},
        "checkpoints": checkpoints,
        "models": rows | {name: {"error": error} for name, error in errors.items()},
        "differences": [
            {"metric": metric, "against": name, **asdict(each)} for (metric, name), each in differences.items()
        ],
        "verdict": {"passed": verdict.passed, "reasons": list(verdict.reasons)},
        "study": study,
        "probe": probe,
        "not_measured": panel.silent,
    }
    return Measured(evaluation, _samples(panel, scores | references), chosen, verdict)


def _choose(recipe: Recipe, model: LocalModel, valid: HeldOut, chat: Chat, found: list[Candidate]):
    """What each candidate reached on `valid`, the chosen one, and why."""
    settings = recipe.evaluate
    if not valid.samples:
        reason = "the last state, because split valid holds no sample to choose by"
        log.warning("no checkpoint can be chosen: %s", reason)
        return [], found[-1], reason
    panel, metric = make_panel(valid, settings, chat), settings.choose_by.metric
    check_metric("evaluate.choose_by", settings.choose_by, panel)
    # What writes replies takes long: it is left for the one that is chosen, unless it decides the choice.
    asked = {name for name, scorer in panel.scorers.items() if scorer.needs == "log_likelihood"}
    if not settings.choice.of_checkpoints:
        asked -= {"choice"}
    asked |= {METRICS[metric]}
    with model.being("base", None):
        rows = [{"name": "base", "step": 0, "version": None, **joined(panel.score(model, asked))}]
    sound: list[tuple[Candidate, float]] = []
    refused = []
    for candidate in found:
        row = {"name": candidate.name, "step": candidate.step, "version": candidate.version}
        try:
            check_whole(candidate)
            with model.being(candidate.name, candidate.folder):
                row |= joined(panel.score(model, asked))
            _check_sound(row["metrics"], candidate)
        except JobError as error:
            log.warning("%s is out: %s", candidate.name, error)
            refused.append(str(error))
            row = {key: row[key] for key in ("name", "step", "version")} | {"error": str(error)}
        else:
            sound.append((candidate, row["metrics"][metric]))
        rows.append(row)
    if not sound:
        raise JobError(f"no checkpoint of this run can be taken: {refused[-1]}; train it again")
    place = choose([value for _, value in sound], settings.choose_by)
    chosen, value = sound[place]
    best = {"lower": "lowest", "higher": "highest"}[settings.choose_by.better]
    among = f"of {len(sound)} checkpoints on valid" if len(sound) > 1 else "the only one"
    return rows, chosen, f"{best} {metric} {among} ({value:.4g})"


def _check_sound(metrics: dict[str, float], candidate: Candidate) -> None:
    for metric, value in metrics.items():
        if not math.isfinite(value):
            raise JobError(f"{candidate.folder}: its {metric} is {value}, it is of no use")


def _study(model: LocalModel, panel: Panel, limits: tuple[int, ...]) -> list[dict]:
    """Metrics of the model's replies at each limit of their length."""
    scorer = panel.scorers.get("generation")
    if scorer is None or not limits:
        return []
    rows = []
    for limit in sorted({scorer.settings.max_new_tokens, *limits}):
        metrics = scorer.score(model, limit).metrics
        rows.append({"max_new_tokens": limit} | {metric: round(value, 5) for metric, value in metrics.items()})
    return rows


def _ask_endpoints(recipe: Recipe, panel: Panel, chat: Chat) -> tuple[dict[str, dict[str, Score]], dict[str, str]]:
    """Scores of the reference models that answered, and what was wrong with the others."""
    scores, errors = {}, {}
    for address in recipe.evaluate.endpoints:
        try:
            scores[address.name] = panel.score(Endpoint(address, recipe.evaluate, chat))
        except EndpointError as error:
            log.error("reference model %s is left out: %s", address.name, error)
            errors[address.name] = str(error)
    return scores, errors


def _differences(scores: dict[str, dict[str, Score]], trained: str, seed: int) -> dict[tuple[str, str], Difference]:
    """`trained` minus base, and minus parent, by (metric, reference), for all metrics that samples add up to."""
    return {
        (metric, name): difference(parts, scores[name][scorer].parts[metric], seed)
        for scorer, score in scores[trained].items()
        for metric, parts in score.parts.items()
        for name in ("base", "parent")
        if name in scores
    }


def _in_words(each: Difference) -> str:
    interval = f", 95 % interval {each.low:+.4g} to {each.high:+.4g}" if each.low is not None else ""
    return f"{each.mean:+.4g}{interval}, {each.threads} threads"


def _flat(rows: dict[str, dict], trained: str, split: str) -> dict[str, float]:
    """`<split>/<metric>` of `trained`, `<split>/base_<metric>` and `<split>/parent_<metric>` of the others."""
    prefixes = {trained: "", "base": "base_", "parent": "parent_"}
    return {
        f"{split}/{prefix}{metric}": value
        for name, prefix in prefixes.items()
        if name in rows
        for metric, value in rows[name]["metrics"].items()
    }


def _samples(panel: Panel, scores: dict[str, dict[str, Score]]) -> list[dict]:
    """What was asked, and what every model did with it."""
    return [
        {"scorer": name, "split": panel.split, **item}
        | {"models": {model: each[name].items[place] for model, each in scores.items() if name in each}}
        for name, scorer in panel.scorers.items()
        for place, item in enumerate(scorer.items)
    ]
