"""Each vote is in one training that succeeded: the watermark moves with it, and not before."""

import json

import pytest

from contracts.adapter_manifest import AdapterManifest
from tests.training import tiny

FEW_STEPS = ("train.max_steps=2", "train.save_steps=1", "train.max_length=512")
SCENE = {"title": "House", "player": "Ada", "character": "Bo", "post": "The bell rings."}
ENDLESS = SCENE | {"post": "The bell rings. " * 100}


@pytest.fixture
def home(tmp_path):
    """A tiny base model and corpus in the test's home."""
    return tiny.prepare(tmp_path)


def train(home, run_id: str, *overrides: str) -> dict:
    """Train for real; what view.json says."""
    tiny.trained(home, run_id, *FEW_STEPS, *overrides)
    return json.loads((home / "runs" / "demo" / run_id / "view.json").read_text())


def test_every_vote_is_taken_once(cast, job, home):
    """Two votes and a tie, a training; two more votes, another."""
    for who in ("adapter", "base", "tie"):
        cast(who, own=SCENE)
    first = job("votes")
    one = train(home, "one", f"votes.digest={first['digest']}", "votes.weight=3")
    assert (one["votes"]["rows"], one["votes"]["weight"], one["votes"]["samples"]) == (2, 3, 6)
    assert job("votes")["digest"] == first["digest"]  # a training that fails is repeated with the same votes
    moved = job("watermark", "--run-id", "one")
    assert (moved["before"], moved["vote"], moved["corpus"]) == (0, first["until"], tiny.CORPUS)
    assert job("watermark", "--run-id", "one")["unchanged"]
    assert job("votes") == {"digest": first["digest"], "votes": 0, "rows": 0, "unchanged": True}

    cast("adapter", own=SCENE)
    cast("adapter", own=SCENE)
    second = job("votes")
    assert (second["votes"], second["rows"]) == (2, 2)
    two = train(home, "two", f"votes.digest={second['digest']}")
    assert (two["votes"]["rows"], two["votes"]["samples"]) == (4, 4)  # those before stay in the data, each once
    assert two["train"] == one["train"]
    assert job("watermark", "--run-id", "two")["vote"] == second["until"]

    late = train(home, "late", f"votes.digest={first['digest']}")  # of the first set, when the second is taken
    assert late["votes"]["rows"] == 2
    code, line = job("watermark", "--run-id", "late")
    assert code == 1 and "another training took them meanwhile" in line


def test_a_training_of_a_new_corpus_keeps_what_was_taken_and_the_manifest_counts_it(cast, job, home):
    from jobs.evaluation import evaluate

    cast("adapter", own=SCENE)
    cast("adapter", own=ENDLESS)
    digest = job("votes")["digest"]
    assert "votes" not in train(home, "before")  # nobody has taken them yet
    train(home, "taking", f"votes.digest={digest}")
    job("watermark", "--run-id", "taking")
    after = train(home, "after")["votes"]
    assert (after["rows"], after["conversations"]) == (2, 1)  # one is longer than a sample may be
    assert "votes" not in train(home, "without", "votes.weight=0")
    for run_id, votes in (("after", 1), ("before", 0)):
        judged = evaluate.run(tiny.recipe(home, *FEW_STEPS), home, tiny.arguments(run_id))
        manifest = (home / "adapters" / judged["adapter"] / "manifest.json").read_text()
        assert AdapterManifest.model_validate_json(manifest).votes == votes


def test_running_text_takes_no_conversations(cast, job, home):
    from jobs.errors import JobError

    cast("adapter", own=SCENE)
    with pytest.raises(JobError, match=r"votes are conversations, train.view is completion"):
        train(home, "one", "train.view=completion", f"votes.digest={job('votes')['digest']}")


def test_a_run_that_is_not_finished_takes_nothing(job, tmp_path):
    code, line = job("watermark", "--run-id", "none")
    assert code == 1 and "this run is not finished, so its votes are not taken" in line
    assert not (tmp_path / "votes").exists()
