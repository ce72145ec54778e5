"""A model of running text: which post comes next in a story is asked as it was trained, and nothing is asked for that
a story cannot say."""

import json
import shutil

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from contracts.recipe import Choice, Evaluate
from jobs.evaluation.held_out import HeldOut, read_held_out
from jobs.evaluation.scorers.choice import ChoiceScorer
from jobs.next_reply.chat import read_chat
from jobs.next_reply.story import Story
from jobs.next_reply.turns import FORGOTTEN, POSTS, story_turns
from jobs.training.views.completion import story
from tests.evaluation import scenes
from tests.evaluation.test_log_likelihood import alone
from tests.training import tiny

STORY = ("train.view=completion", "train.max_steps=8")


@pytest.fixture(scope="module")
def told(trained_home):
    return read_chat(scenes.recipe(trained_home, *STORY), trained_home / "models/tiny")


def a_thread(*posts: tuple[str, str]) -> dict:
    messages = [{"author": author, "text": text} for author, text in posts]
    return {"thread_id": "7", "title": "The mill", "tags": [], "messages": messages}


def test_a_turn_is_a_post_after_another_players():
    posts = ("Ada", "One."), ("Bo", " Two. "), ("Bo", "Three."), ("Cy", " "), ("Ada", "Four."), ("Bo", "Two.")
    thread = a_thread(*posts)
    first, second = story_turns([thread])  # not what Bo adds to his own, not Cy's silence, not the same words again
    assert (first.source, first.context, first.reply) == ("7", ["The mill", "Ada: One.", "Bo:"], "Two.")
    assert second.context == ["The mill", "Ada: One.", "Bo: Two.", "Bo: Three.", "Cy: ", "Ada:"]


def test_of_a_long_thread_the_newest_posts_are_remembered():
    count = POSTS + FORGOTTEN + 2
    found = list(story_turns([a_thread(*((("Ada", "Bo")[n % 2], f"Line {n}.") for n in range(count)))]))
    assert [turn.context[-1] for turn in found[-2:]] == ["Ada:", "Bo:"]
    begins = [turn.context[0] for turn in found]
    last = POSTS - 1  # questions begin with the second post; the title is a piece, too
    assert set(begins[:last]) == {"The mill"}
    assert len(found[last - 1].context) == POSTS + 1
    later = begins[last:]
    assert later == ["Bo: Line 99."] * FORGOTTEN + ["Bo: Line 199."] * (len(later) - FORGOTTEN)


def test_a_question_is_the_text_that_was_trained(told):
    """Context and true post together are the beginning of the thread's story, to the letter and to the token."""
    thread = scenes.thread(3)
    text, posts = story(thread)
    turn = list(story_turns([thread]))[2]
    before, after = told.continuation(turn.context, turn.reply)
    assert told.tokenizer.decode(before + after) == text[: posts[4] - 2]
    assert told.tokenizer.decode(after) == f" {turn.reply}"
    assert all(told.continuation(turn.context, other)[0] == before for other in ("No.", "“So?”", "* waits", "9"))


def test_the_oldest_pieces_go_until_the_rest_fits(told):
    """A quarter of the positions at once, so that the post after it is asked behind the same beginning."""
    *_, turn = story_turns([scenes.thread(3)])
    told = Story(told.tokenizer, len(told.continuation(turn.context, "x")[0]))
    lengths = [len(told.continuation(turn.context[first:], "x")[0]) for first in range(len(turn.context) - 1)]
    assert told.fitted(turn.context, 0) == turn.context
    kept = [len(told.fitted(turn.context, reserved)) for reserved in range(1, told.positions - lengths[-1] + 1)]
    assert kept == sorted(kept, reverse=True) and 2 <= len(set(kept)) <= 4
    for reserved, count in enumerate(kept, start=1):
        first = len(turn.context) - count
        assert lengths[first] <= told.positions - reserved
        least = told.positions - reserved - told.positions // 4
        assert lengths[first - 1] > least, "more was left out than a quarter and a post"
    assert kept[-1] == 2, "the last post and the name of who speaks next"
    assert told.fitted(turn.context, told.positions - lengths[-1] + 1) is None


def test_likelihoods_are_those_of_a_single_pass(trained_home, told, model):
    held_out = read_held_out(scenes.recipe(trained_home, *STORY), trained_home, tiny.CORPUS, "test", told.tokenizer)
    settings = scenes.recipe(trained_home).evaluate.model_copy(update={"choice": Choice(questions=5)})
    scorer = ChoiceScorer(held_out, settings, told)
    score = scorer.score(model)
    assert len(score.items) == 5
    for question, item in zip(scorer.items, score.items, strict=True):
        for option, likelihood in zip(question["options"], item["log_likelihoods"], strict=True):
            prompt, ids = told.continuation(question["context"], option)
            assert likelihood == pytest.approx(alone(model, prompt, ids), abs=1e-3)


def test_tokens_across_the_border_belong_to_the_post(trained_home):
    """As of a tokenizer that knows whole phrases: the prompt that the options share ends before such a token."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Metaspace(split=False)
    lines = [message["text"] for number in range(20) for message in scenes.thread(number)["messages"]]
    backend.train_from_iterator([f"Ada: {line}" for line in lines], trainers.BpeTrainer(vocab_size=400))
    told = Story(PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="."), 512)
    turns = list(story_turns([scenes.thread(number) for number in range(20)]))
    scorer = ChoiceScorer(HeldOut("test", [], turns, {}), Evaluate(), told)
    across = 0
    for item, (prompt, continuations) in zip(scorer.items, scorer.asked, strict=True):
        for option, ids in zip(item["options"], continuations, strict=True):
            text = "\n\n".join(item["context"]) + f" {option}"
            assert prompt + ids == backend.encode(text).ids
        across += prompt != backend.encode("\n\n".join(item["context"])).ids
    assert across > 0


def test_a_run_on_stories_is_judged_by_loss_and_choice(trained_home, tmp_path):
    home = shutil.copytree(trained_home, tmp_path / "home")
    tiny.trained(home, "story", *scenes.TRAINING, *STORY)
    summary = scenes.evaluated(home, *STORY, run_id="story")
    assert summary["passed"] is True
    assert 0 < summary["metrics"]["test/choice/accuracy"] < 1
    silent = scenes.report(home, "story")["not_measured"]
    assert set(silent) == {"generated_choice", "generation"}
    assert "nothing in a story says where a post ends" in silent["generation"]
    page = (home / "runs/demo/story/evaluation.html").read_text()
    assert "<strong>Not measured: generated choice.</strong>" in page
    rows = [json.loads(line) for line in (home / "runs/demo/story/samples.jsonl").read_text().splitlines()]
    asked = next(row for row in rows if row["scorer"] == "choice")
    assert asked["context"][-2] in page
