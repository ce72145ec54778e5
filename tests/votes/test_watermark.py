"""Each vote is in one training that succeeded: the watermark moves with it, and not before."""

import json
import shutil

import pytest

from contracts.adapter_manifest import AdapterManifest
from jobs.errors import JobError
from jobs.evaluation import evaluate
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


def judge(home, run_id: str) -> str:
    """Evaluate for real; the adapter."""
    return evaluate.run(tiny.recipe(home, *FEW_STEPS), home, tiny.arguments(run_id))["adapter"]


def test_every_vote_is_taken_once(cast, job, home):
    """Two votes and a tie, a training; two more votes, another."""
    for who in ("adapter", "base", "tie"):
        cast(who, own=SCENE)
    first = job("votes")
    one = train(home, "one", f"votes.digest={first['digest']}", "votes.weight=3")
    assert (one["votes"]["rows"], one["votes"]["weight"], one["votes"]["samples"]) == (2, 3, 6)
    assert job("votes")["digest"] == first["digest"]  # a training that fails is repeated with the same votes
    code, line = job("watermark", "--run-id", "one")
    assert code == 1 and "this run is not evaluated, so its votes are not taken" in line
    adapter = judge(home, "one")
    moved = job("watermark", "--run-id", "one")
    assert (moved["before"], moved["vote"], moved["corpus"]) == (0, first["until"], tiny.CORPUS)
    assert moved["adapter"] == adapter and (home / "adapters" / adapter).is_dir()
    assert job("watermark", "--run-id", "one")["unchanged"]
    assert job("votes") == {"digest": first["digest"], "votes": 0, "rows": 0, "unchanged": True}

    cast("adapter", own=SCENE)
    cast("adapter", own=SCENE)
    second = job("votes")
    assert (second["votes"], second["rows"]) == (2, 2)
    rival = train(home, "rival", f"votes.digest={second['digest']}")
    assert (rival["votes"]["rows"], rival["votes"]["samples"]) == (4, 4)  # those before stay in the data, each once
    assert rival["train"] == one["train"]
    judge(home, "rival")
    cast("base", own=SCENE)
    both = job("votes")
    train(home, "two", f"votes.digest={both['digest']}")
    judge(home, "two")
    assert job("watermark", "--run-id", "two")["vote"] == both["until"]
    code, line = job("watermark", "--run-id", "rival")
    assert code == 1 and "another training took them meanwhile" in line
    rival = home / "runs" / "demo" / "rival"
    (rival / "train.json").unlink()
    shutil.rmtree(rival / "checkpoints" / "checkpoint-2")
    for run_id in ("late", "rival"):  # told before the hours of training, whether it begins or goes on
        with pytest.raises(JobError, match="another training took them meanwhile"):
            train(home, run_id, f"votes.digest={second['digest']}")


def test_a_training_of_a_new_corpus_keeps_what_was_taken_and_the_manifest_counts_it(cast, job, home):
    cast("adapter", own=SCENE)
    cast("adapter", own=ENDLESS)
    digest = job("votes")["digest"]
    assert "votes" not in train(home, "before")  # nobody has taken them yet
    train(home, "taking", f"votes.digest={digest}")
    judge(home, "taking")
    job("watermark", "--run-id", "taking")
    after = train(home, "after")["votes"]
    assert (after["rows"], after["conversations"]) == (2, 1)  # one is longer than a sample may be
    assert "votes" not in train(home, "without", "votes.weight=0")
    for run_id, votes in (("after", 1), ("before", 0)):
        manifest = (home / "adapters" / judge(home, run_id) / "manifest.json").read_text()
        assert AdapterManifest.model_validate_json(manifest).votes == votes


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("train.view=completion", "votes are conversations, train.view is completion"),
        ("train.method=dpo", "votes join the samples of supervised training, train.method is dpo"),
    ],
)
def test_running_text_and_pairs_take_no_conversations(cast, job, home, setting, said):
    cast("adapter", own=SCENE)
    with pytest.raises(JobError, match=said):
        train(home, "one", setting, f"votes.digest={job('votes')['digest']}")


def test_a_run_that_is_not_finished_takes_nothing(job, tmp_path):
    code, line = job("watermark", "--run-id", "none")
    assert code == 1 and "this run is not finished, so its votes are not taken" in line
    assert not (tmp_path / "votes").exists()
