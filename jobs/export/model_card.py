"""The model card: README.md beside a merged model and beside its GGUF files, in the hub's form.

In: manifest, recipe, run and corpus report, and what the export measured. Out: YAML front matter and Markdown, the
same for the same inputs. Layout: templates/model_card.md.j2.
"""

import json
import pathlib
from dataclasses import dataclass

from contracts.corpus_report import CorpusReport
from jobs.errors import JobError
from jobs.export.published import Published
from jobs.training.files import write_text

CARD = "README.md"
CORPUS_VIEWS = ("chat", "completion")


@dataclass(frozen=True)
class Row:
    """One metric, with the base's value beside it where both were measured."""

    metric: str
    split: str
    value: float
    base: float | None


def write_merged_card(folder: pathlib.Path, published: Published, home: pathlib.Path, facts: dict) -> bool:
    """The card of a merged model, `facts` being merge.json; whether it had to be written."""
    return _write(folder, published, home, library="transformers", relation="finetune", merged=facts, files={})


def write_gguf_card(folder: pathlib.Path, published: Published, home: pathlib.Path, files: dict[str, dict]) -> bool:
    """The card of the GGUF files, `files` being those in quantize.json; whether it had to be written."""
    return _write(folder, published, home, library="gguf", relation="quantized", merged=None, files=files)


def _write(
    folder: pathlib.Path, published: Published, home: pathlib.Path, library: str, relation: str, **facts
) -> bool:
    """Render, and write if anything changed; whether it did. `facts` go to the template as they are.

    Raises:
        JobError: the run's account or the corpus report is gone, so that the card would be silent about the data.
    """
    import jinja2

    manifest, recipe = published.manifest, published.recipe
    rows = metric_rows(manifest.metrics)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(pathlib.Path(__file__).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    text = environment.get_template("model_card.md.j2").render(
        front_matter=_front_matter(published, rows, library, relation),
        manifest=manifest,
        recipe=recipe,
        base=base_name(published),
        corpus=_corpus_report(published, home),
        dataset=pathlib.Path(recipe.train.dataset).name if recipe.train.dataset else None,
        view=_of_run(published, "view.json")["train"],
        training=_of_run(published, "train.json"),
        rows=rows,
        **facts,
    )
    path = folder / CARD
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    write_text(path, text)
    return True


def base_name(published: Published) -> str:
    """The base's hub id; its name where it came from a folder or a package, whose place means nothing elsewhere."""
    kind, _, place = published.base_source.partition(":")
    return place if kind == "hub" else published.manifest.base_model


def metric_rows(metrics: dict[str, float]) -> list[Row]:
    """`<split>/<metric>` with `<split>/base_<metric>` beside it, in the manifest's order."""
    rows = []
    for key, value in metrics.items():
        split, _, metric = key.partition("/")
        if not metric.startswith(("base_", "parent_")):
            rows.append(Row(metric, split, value, metrics.get(f"{split}/base_{metric}")))
    return rows


def _front_matter(published: Published, rows: list[Row], library: str, relation: str) -> str:
    from huggingface_hub import EvalResult, ModelCardData

    manifest, recipe = published.manifest, published.recipe
    results = [
        EvalResult(
            task_type="text-generation",
            dataset_type=recipe.name,
            dataset_name=f"{recipe.name}, corpus {manifest.corpus_digest}",
            dataset_split=row.split,
            metric_type=row.metric.rpartition("/")[2],
            metric_name=row.metric,
            metric_value=row.value,
        )
        for row in rows
    ]
    data = ModelCardData(
        model_name=manifest.reference,
        base_model=base_name(published),
        base_model_relation=relation,
        license=recipe.export.license or "unknown",  # the hub's word for it
        library_name=library,
        pipeline_tag="text-generation",
        tags=["role-play", "lora", library],
        eval_results=results or None,
    )
    return data.to_yaml()


def _corpus_report(published: Published, home: pathlib.Path) -> CorpusReport | None:
    """None when the run was trained on a dataset that is no corpus of ours."""
    if published.recipe.train.view not in CORPUS_VIEWS:
        return None
    path = home / "corpus" / published.recipe.name / published.manifest.corpus_digest / "report.json"
    if not path.is_file():
        raise JobError(f"{path} is gone: the model card has to say what the adapter was trained on")
    return CorpusReport.model_validate_json(path.read_text(encoding="utf-8"))


def _of_run(published: Published, name: str) -> dict:
    path = published.run.path / name
    if not path.is_file():
        raise JobError(f"{path} is gone: the model card has to say how the adapter was trained")
    return json.loads(path.read_text(encoding="utf-8"))
