"""Archives, homes and servers for the tests of the corpus jobs."""

import os
import pathlib

import pytest
from hypothesis import settings

from demo.archive.pack import pack
from tests.corpus.archives import Archive
from tests.corpus.fetching.http_server import serving

settings.register_profile("corpus", deadline=None, max_examples=200, derandomize="CI" in os.environ)
settings.load_profile("corpus")


@pytest.fixture
def archive(tmp_path) -> Archive:
    """An archive without parts."""
    folder = tmp_path / "archive"
    folder.mkdir()
    return Archive(folder)


@pytest.fixture
def home(tmp_path) -> pathlib.Path:
    """An empty home."""
    return tmp_path / "home"


@pytest.fixture(scope="session")
def demo_archive(tmp_path_factory) -> pathlib.Path:
    """The project's sample archive, packed."""
    folder = tmp_path_factory.mktemp("demo") / "archive"
    pack(folder)
    return folder


@pytest.fixture
def server(archive):
    """An HTTP server for the parts of `archive`."""
    with serving(archive.folder) as running:
        yield running
