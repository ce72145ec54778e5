"""The real small base model, made once for the tests that need its tokenizer or its weights."""

import pytest

from contracts.recipe import load_recipe
from jobs.training import base_model
from tests.training import tiny


@pytest.fixture(scope="session")
def smollm2_home(tmp_path_factory):
    """A home in which the job `base-model` has run with recipes/demo.yaml."""
    home = tmp_path_factory.mktemp("smollm2")
    base_model.run(load_recipe(tiny.ROOT / "recipes" / "demo.yaml"), home, tiny.arguments("none"))
    return home


@pytest.fixture(scope="session")
def tokenizer(smollm2_home):
    """SmolLM2's tokenizer, as the base model's folder has it."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(smollm2_home / "models" / "SmolLM2-135M-Instruct")
