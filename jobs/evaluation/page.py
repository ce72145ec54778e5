"""The evaluation as a page that a person reads: one HTML file that asks for nothing else.

In: evaluation.json and samples.jsonl as they are. Out: HTML as text. Layout: templates/evaluation.html.j2; style and
the words for text that hides are those of the corpus report.
"""

import pathlib
from collections.abc import Iterable
from dataclasses import dataclass

import jinja2
from markupsafe import Markup

from jobs.corpus.reporting import page as corpus_page
from jobs.corpus.reporting.visible_text import visible
from jobs.evaluation import plots
from jobs.evaluation.panel import MEANINGS

SHOWN = 20
"""Most samples and questions on the page. All of them are in samples.jsonl."""

WATCHED = (("loss", "Loss"), ("choice/accuracy", "Next-reply choice"))
"""Metrics whose course over the checkpoints is drawn."""

STUDIED = (
    (("generation/ended", "generation/repetition", "generation/distinct_2"), "Shares"),
    (("generation/chrf", "generation/bleu"), "Likeness to the true reply"),
)
"""Metrics that share an axis where the length of replies is studied: from 0 to 1, and from 0 to 100."""


@dataclass(frozen=True)
class Kinds:
    """Losses by kind of sample: rows of what was trained and of the base, and their plot."""

    trained: list[dict]
    base: list[dict]
    plot: Markup


def render(evaluation: dict, samples: list[dict]) -> str:
    """The page as HTML."""
    models = {name: row for name, row in evaluation["models"].items() if "error" not in row}
    tried = [row for row in evaluation["checkpoints"] if "error" not in row]
    study, step, trained = evaluation["study"], evaluation["chosen"]["step"], evaluation["trained"]
    return _ENVIRONMENT.get_template("evaluation.html.j2").render(
        evaluation=evaluation,
        models=models,
        errors={name: row["error"] for name, row in evaluation["models"].items() if "error" in row},
        measured=_metrics(models.values()),
        watched=_metrics(tried),
        meanings=MEANINGS,
        checkpoint_plots={
            title: Markup(plots.by_step(tried, metric, step, f"{title} on valid by training step"))
            for metric, title in WATCHED
            if metric in _metrics(tried)
        },
        kinds={title: _kinds(models, trained, title) for title, rows in models[trained]["tables"].items() if rows},
        study_plots={
            title: Markup(plots.by_limit(study, metrics, f"{title} by length limit"))
            for metrics, title in STUDIED
            if len(study) > 1
        },
        replies=[sample for sample in samples if sample["scorer"] == "generation"][:SHOWN],
        questions=[sample for sample in samples if sample["scorer"] == "choice"][:SHOWN],
    )


def _metrics(rows: Iterable[dict]) -> list[str]:
    """All metrics that stand in a row, in the order of the scorers."""
    there = {metric for row in rows for metric in row["metrics"]}
    return [metric for metric in MEANINGS if metric in there]


def _kinds(models: dict, trained: str, title: str) -> Kinds:
    rows = {name: models[name]["tables"][title] for name in (trained, "base")}
    plot = plots.by_kind(rows, f"Loss {title[0].lower()}{title[1:]}")
    return Kinds(rows[trained], rows["base"], Markup(plot))


def figure(value: float) -> str:
    """A measured number with the digits that one reads."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def signed(value: float) -> str:
    """A difference, with its sign and a minus that is as wide as a plus."""
    return f"{value:+.4g}".replace("-", "−") if value else "0"


def rough(value: float) -> str:
    """An end of an interval: two digits after the point are enough."""
    return f"{value:.2f}"


def _environment() -> jinja2.Environment:
    folders = (pathlib.Path(__file__), pathlib.Path(corpus_page.__file__))
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder.with_name("templates") for folder in folders]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": corpus_page.number,
        "visible": visible,
        "figure": figure,
        "signed": signed,
        "rough": rough,
    }
    return environment


_ENVIRONMENT = _environment()
