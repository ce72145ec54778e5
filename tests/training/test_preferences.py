"""Training on pairs: the post that was written against one from another thread."""

import json
import math
import pathlib
import shutil

import pytest
from safetensors.torch import load_file

from contracts.recipe import RecipeError
from jobs.errors import JobError
from jobs.evaluation import evaluate
from jobs.next_reply.turns import Turn, story_turns
from jobs.training import base_model
from jobs.training.pairs import PairReport, nearest, reservoir, stream_pairs
from jobs.training.run_folder import RunFolder
from jobs.training.threads import read_threads
from tests.evaluation import scenes
from tests.training import tiny

DPO = ("train.method=dpo", "train.learning_rate=0.003", "train.wandb.mode=disabled")
STORY = ("train.view=completion", "train.max_length=192")
ONLY_PREFERENCES = ("train.dpo.sft_weight=0", "train.dpo.beta=0.5")
WEIGHTS = "adapter_model.safetensors"


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> pathlib.Path:
    """The tiny base, and threads that all differ."""
    home = tmp_path_factory.mktemp("preferences")
    tiny.write_base(home / "tiny")
    scenes.write_corpus(home)
    base_model.run(tiny.recipe(home), home, tiny.arguments("none"))
    return home


@pytest.fixture(scope="module")
def words(home):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(home / "models" / "tiny")


TRAINED = (*DPO, *STORY, "train.max_steps=40", "train.save_steps=20")


@pytest.fixture(scope="module")
def run(home) -> dict:
    """The summary of one training on pairs of stories."""
    return tiny.trained(home, "pairs", *TRAINED)


@pytest.fixture(scope="module")
def parent(home, run) -> str:
    """The adapter of that training, judged and published."""
    return evaluate.run(tiny.recipe(home, *TRAINED, *scenes.FAST), home, tiny.arguments("pairs"))["adapter"]


def pairs(home, words, *overrides: str, split: str = "train"):
    recipe = tiny.recipe(home, *DPO, *overrides)
    report = PairReport(recipe.train.view, recipe.train.chat.template)
    return list(stream_pairs(recipe, home, tiny.CORPUS, split, words, report)), report


def metrics(summary: dict) -> list[dict]:
    return [json.loads(line) for line in (pathlib.Path(summary["run"]) / "metrics.jsonl").read_text().splitlines()]


# The pairs


@pytest.mark.parametrize("view", [STORY, ("train.view=chat",)])
def test_what_was_written_stands_against_what_another_thread_says(home, words, view):
    found, report = pairs(home, words, *view)
    assert report.samples == len(found) == report.drawn > 20 and report.turns >= report.drawn
    posts = {number: [post["text"] for post in scenes.thread(number)["messages"]] for number in range(8)}
    for pair in found:
        told, chosen, rejected = (
            words.decode(list(ids)) for ids in (pair.prompt_ids, pair.chosen_ids, pair.rejected_ids)
        )
        (thread,) = [number for number, texts in posts.items() if chosen.strip() in texts]
        (other,) = [number for number, texts in posts.items() if rejected.strip() in texts]
        assert thread != other
        before = posts[thread][posts[thread].index(chosen.strip()) - 1]
        assert before in told and chosen.strip() not in told
    assert report.tokens == sum(2 * len(p.prompt_ids) + len(p.chosen_ids) + len(p.rejected_ids) for p in found)
    assert report.trained == sum(len(p.chosen_ids) + len(p.rejected_ids) for p in found)


def test_no_sequence_is_longer_than_asked_for_and_what_does_not_fit_is_counted(home, words):
    found, report = pairs(home, words, "train.view=completion", "train.max_length=100")
    longest = max(len(p.prompt_ids) + max(len(p.chosen_ids), len(p.rejected_ids)) for p in found)
    assert longest <= 100
    assert report.too_long == report.drawn - report.samples > 0


def test_no_pair_at_all_is_an_error_before_the_training(home, words):
    with pytest.raises(JobError, match="no pair to train on within 64 tokens"):
        pairs(home, words, "train.view=completion", "train.max_length=64")


def test_the_seed_decides_and_no_more_are_drawn_than_asked_for(home, words):
    first, report = pairs(home, words, *STORY, "train.dpo.pairs=10")
    again, _ = pairs(home, words, *STORY, "train.dpo.pairs=10")
    other, _ = pairs(home, words, *STORY, "train.dpo.pairs=10", "train.seed=8")
    assert first == again != other
    assert report.drawn <= 10 < report.turns


def test_each_turn_is_as_likely_to_be_drawn():
    turns = [Turn("t", [], str(number)) for number in range(20)]
    times = dict.fromkeys(range(20), 0)
    for seed in range(2000):
        for turn in reservoir(iter(turns), 5, seed):
            times[int(turn.reply)] += 1
    assert sum(times.values()) == 10_000
    # A turn is drawn in a quarter of 2,000: 500 times, with a standard deviation of 19.4.
    assert all(abs(count - 500) < 100 for count in times.values())


def test_of_a_long_story_only_what_may_be_shown_is_kept():
    pieces = ["a" * 10, "b" * 10, "c" * 10, "Ada:"]
    assert nearest(pieces, 1) == pieces[2:]  # the last post and who speaks next, always
    assert nearest(pieces, 14) == pieces[2:]
    assert nearest(pieces, 15) == pieces[1:]
    assert nearest(pieces, 1000) == pieces


def test_what_is_asked_on_held_out_threads_is_in_no_pair(home, words):
    texts = {turn.reply for turn in story_turns(read_threads(home, "demo", tiny.CORPUS, "test"))}
    found, _ = pairs(home, words, *STORY)
    assert not texts & {words.decode(list(pair.chosen_ids)).strip() for pair in found}


# The training


def test_it_learns_which_post_was_written(run):
    watched = [line for line in metrics(run) if "eval_loss" in line]
    assert [line["step"] for line in watched] == [20, 40]
    lines = [line for line in metrics(run) if "loss" in line]
    last = sum(line["rewards/accuracies"] for line in lines[-10:]) / 10
    assert last > 0.7
    assert sum(line["loss"] for line in lines[-5:]) < sum(line["loss"] for line in lines[:5])


KINDS = {
    "story": STORY,
    "chat": ("train.view=chat",),
    "recomputed": (*STORY, "train.gradient_checkpointing=true", "train.lora.plus_ratio=16"),
    "dora": (*STORY, "train.lora.dora=true", "rollout.approval=never"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_it_begins_where_both_posts_are_as_far_from_the_reference(home, kind):
    settings = (*DPO, *KINDS[kind], *ONLY_PREFERENCES, "train.max_steps=2", "train.save_steps=2")
    summary = tiny.trained(home, f"begins-{kind}", *settings)
    assert metrics(summary)[0]["loss"] == pytest.approx(math.log(2), abs=1e-5)


@pytest.mark.parametrize("base", ["float32", "nf4"])
def test_the_reference_of_an_adapter_that_goes_on_is_its_parent(home, parent, base):
    settings = (*DPO, *STORY, *ONLY_PREFERENCES, f"train.parent={parent}", "train.max_steps=6", "train.save_steps=3")
    kind = ("train.quantization=nf4",) if base == "nf4" else ()
    summary = tiny.trained(home, f"goes-on-{base}", *settings, *kind)
    assert metrics(summary)[0]["loss"] == pytest.approx(math.log(2), abs=1e-5)
    folder = pathlib.Path(summary["adapter"])
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == []
    before, after = load_file(home / "adapters" / parent / WEIGHTS), load_file(folder / WEIGHTS)
    assert before.keys() == after.keys()
    assert any(not before[name].equal(after[name]) for name in before)


def test_a_run_that_was_cut_off_ends_as_if_nothing_had_been(home, parent):
    settings = (*DPO, *STORY, f"train.parent={parent}", "train.max_steps=6", "train.save_steps=3")
    whole = tiny.trained(home, "whole", *settings)
    tiny.trained(home, "cut", *settings)
    folder = RunFolder(home, tiny.recipe(home, *settings), "cut")
    for gone in (folder.result, folder.checkpoints / "checkpoint-6"):  # as when it was killed behind step 3
        shutil.rmtree(gone)
    (folder.path / "train.json").unlink()
    again = tiny.trained(home, "cut", *settings)
    one, other = (pathlib.Path(summary["adapter"]) / WEIGHTS for summary in (whole, again))
    assert one.read_bytes() == other.read_bytes()


# What is refused


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (("train.view=content", "train.dataset=rows.jsonl"), "choose view chat or completion"),
        (("train.view=chat", "train.tuning=full", "rollout.approval=never"), "choose tuning lora"),
        (("train.view=chat", "train.lora.dropout=0.1"), "set lora.dropout to 0"),
        (("train.view=chat", "train.dpo.beta=0"), "beta"),
    ],
)
def test_what_cannot_be_is_said_when_the_recipe_is_read(home, overrides, said):
    with pytest.raises(RecipeError, match=said):
        tiny.recipe(home, *DPO, *overrides)
