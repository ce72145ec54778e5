"""Which parts a corpus lacks: the notes of the downloads against the report of what was built."""

import json

import pytest

from bardloop_airflow.new_parts import new_parts


@pytest.fixture
def home(tmp_path):
    """Two downloaded parts, and a corpus that was built from the first alone."""
    documents = {
        "raw/demo/one.7z.json": {"sha256": "1" * 64},
        "raw/demo/two.7z.json": {"sha256": "2" * 64},
        "corpus/demo/latest.json": {"digest": "0123456789ab"},
        "corpus/demo/0123456789ab/report.json": {"lineage": {"inputs": {"one": {"size": 5, "sha256": "1" * 64}}}},
    }
    for name, document in documents.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))
    return tmp_path


def test_a_part_that_was_never_built_is_new(home):
    assert new_parts(home, "demo", ["one", "two"]) == ["two"]
    assert new_parts(home, "demo", ["one"]) == []


def test_a_part_that_is_another_one_now_is_new(home):
    (home / "raw" / "demo" / "one.7z.json").write_text(json.dumps({"sha256": "3" * 64}))
    assert new_parts(home, "demo", ["one"]) == ["one"]


def test_without_a_corpus_all_are_new(home):
    (home / "corpus" / "demo" / "latest.json").unlink()
    assert new_parts(home, "demo", ["one", "two"]) == ["one", "two"]
