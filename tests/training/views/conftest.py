"""A tokenizer of the real base model's kind."""

import pytest

from tests.training.views import cases


@pytest.fixture(scope="session")
def llama():
    return cases.llama_tokenizer()
