"""A trained run that the tests of this folder judge."""

import pathlib
import shutil

import pytest

from contracts.recipe import Recipe
from jobs.evaluation.held_out import HeldOut, read_held_out
from jobs.evaluation.local_model import LocalModel
from jobs.next_reply.chat import Chat, read_chat
from tests.evaluation import scenes
from tests.training import tiny


@pytest.fixture(scope="session")
def trained_home(tmp_path_factory) -> pathlib.Path:
    """A home with one finished training on threads that all differ. To be copied, not changed."""
    return scenes.prepare(tmp_path_factory.mktemp("scenes"))


@pytest.fixture
def scenes_home(trained_home, tmp_path) -> pathlib.Path:
    """A copy of it."""
    shutil.copytree(trained_home, tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture(scope="module")
def judged_home(trained_home, tmp_path_factory) -> pathlib.Path:
    """A copy for a module that looks at one evaluation."""
    home = tmp_path_factory.mktemp("judged") / "home"
    shutil.copytree(trained_home, home)
    return home


@pytest.fixture(scope="session")
def recipe(trained_home) -> Recipe:
    """What the run was trained with."""
    return scenes.recipe(trained_home)


@pytest.fixture(scope="session")
def chat(trained_home, recipe) -> Chat:
    """The tiny base's tokenizer and template."""
    return read_chat(recipe, trained_home / "models/tiny")


@pytest.fixture(scope="session")
def held_out(trained_home, recipe, chat) -> HeldOut:
    """Split test of the corpus."""
    return read_held_out(recipe, trained_home, tiny.CORPUS, "test", chat.tokenizer)


@pytest.fixture(scope="session")
def model(trained_home, recipe, chat) -> LocalModel:
    """The tiny base without an adapter."""
    return LocalModel(trained_home / "models/tiny", recipe, chat)
