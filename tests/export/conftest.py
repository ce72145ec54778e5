"""What the exporting jobs start from: one adapter, trained, judged and published for real, with its run and corpus."""

import argparse
import types

import pytest

from jobs.evaluation import evaluate
from jobs.training import base_model
from tests.export import wide
from tests.training import tiny

OVERRIDES = (
    "train.learning_rate=0.005",
    "train.max_steps=40",
    "train.save_steps=20",
    "evaluate.generation.samples=2",
    "evaluate.choice.questions=4",
    "export.license=apache-2.0",
)


def arguments(run_id: str | None = None, adapter: str | None = None, build: bool = False) -> argparse.Namespace:
    return argparse.Namespace(run_id=run_id, adapter=adapter, build_quantizer=build)


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """home, recipe, run id and the reference of the adapter."""
    home = tmp_path_factory.mktemp("export")
    wide.write_base(home / "tiny")
    tiny.write_corpus(home)
    wide.write_report(home)
    recipe = tiny.recipe(home, *OVERRIDES)
    base_model.run(recipe, home, arguments())
    tiny.trained(home, "one", *OVERRIDES)
    reference = evaluate.run(recipe, home, arguments("one"))["adapter"]
    return types.SimpleNamespace(home=home, recipe=recipe, run_id="one", reference=reference)
