"""What each scorer says, by hand-worked cases and by the libraries that define the figures."""

import json
import math
import re
import types

import pytest
from scipy.stats import binomtest

from contracts.recipe import Evaluate
from jobs.evaluation.held_out import HeldOut
from jobs.evaluation.replies import Reply
from jobs.evaluation.scorers import SCORERS, NothingToScoreError
from jobs.evaluation.scorers.generated_choice import asked_in_words, read_answer
from jobs.evaluation.scorers.generation import distinct, names, repetition, reply_metrics, speaks_for
from jobs.evaluation.scorers.scorer import wilson_interval
from jobs.next_reply.questions import alike, draw_questions
from jobs.next_reply.turns import Turn, turns
from jobs.training.views.sample import Sample
from tests.evaluation import scenes
from tests.training import tiny


@pytest.fixture(scope="module")
def summary(judged_home) -> dict:
    return scenes.evaluated(judged_home, "evaluate.generation.study=[4,12]")


@pytest.fixture(scope="module")
def samples(judged_home, summary) -> list[dict]:
    return [json.loads(line) for line in (judged_home / "runs/demo/first/samples.jsonl").read_text().splitlines()]


def turn(source: str, reply: str) -> Turn:
    return Turn(source, [{"role": "user", "content": "Bo: Well?"}], reply)


def test_loss_by_kind_adds_up_to_the_loss(judged_home, summary):
    adapter = scenes.report(judged_home)["models"]["adapter"]
    rows = adapter["tables"]["By length in tokens"]
    tokens = sum(row["tokens"] for row in rows)
    assert tokens == scenes.report(judged_home)["reply_tokens"]
    whole = sum(row["loss"] * row["tokens"] for row in rows) / tokens
    assert whole == pytest.approx(adapter["metrics"]["loss"], abs=1e-4)
    tags = {row["kind"]: row["samples"] for row in adapter["tables"]["By tag"]}
    assert tags["Mystery"] == scenes.report(judged_home)["samples"] == 2 * tags["Horror"]


def test_perplexity_per_byte_is_of_the_text_that_was_trained(judged_home, summary, samples):
    report = scenes.report(judged_home)
    written = sum(
        len(message["text"].encode()) for number in range(14, 22) for message in scenes.thread(number)["messages"]
    )
    nats = report["metrics"]["test/loss"] * report["reply_tokens"]
    assert report["metrics"]["test/perplexity_per_byte"] == pytest.approx(math.exp(nats / written), rel=1e-3)


def test_questions_hold_the_true_post_and_others_from_elsewhere(samples, summary):
    questions = [sample for sample in samples if sample["scorer"] == "choice"]
    posts = {}
    for number in range(14, 22):
        thread = scenes.thread(number)
        posts |= {message["text"]: thread["thread_id"] for message in thread["messages"]}
    assert len(questions) > 40
    for question in questions:
        assert len(question["options"]) == 4
        owners = [posts[option] for option in question["options"]]
        assert owners.count(question["source"]) == 1 and owners[question["answer"]] == question["source"]
        for model in ("base", "adapter"):
            pick = question["models"][model]
            per_byte = [
                likelihood / len(option.encode())
                for likelihood, option in zip(pick["log_likelihoods"], question["options"], strict=True)
            ]
            assert per_byte[pick["picked"]] == max(per_byte)
    assert len({question["answer"] for question in questions}) == 4, "the true one is not always at the same place"


def test_the_share_of_right_choices_has_its_interval(judged_home, samples, summary):
    questions = [sample for sample in samples if sample["scorer"] == "choice"]
    right = sum(question["models"]["adapter"]["picked"] == question["answer"] for question in questions)
    adapter = scenes.report(judged_home)["models"]["adapter"]
    assert adapter["metrics"]["choice/accuracy"] == pytest.approx(right / len(questions), abs=1e-5)
    low, high = binomtest(right, len(questions)).proportion_ci(method="wilson")
    assert adapter["intervals"]["choice/accuracy"] == pytest.approx([low, high], abs=1e-5)


@pytest.mark.parametrize(("hits", "asked"), [(0, 5), (3, 8), (40, 40), (71, 100)])
def test_wilson_as_scipy_has_it(hits, asked):
    interval = binomtest(hits, asked).proportion_ci(method="wilson")
    assert wilson_interval(hits, asked) == pytest.approx((interval.low, interval.high), abs=1e-12)


def test_the_seed_decides_the_questions():
    pool = [turn(f"t{n}", scenes.thread(n)["messages"][0]["text"]) for n in range(30)]
    first = draw_questions(pool, 10, 3, seed=7)
    assert first == draw_questions(pool, 10, 3, seed=7) != draw_questions(pool, 10, 3, seed=8)
    assert len(first) == 10 and len({question.source for question in first}) == 10


def test_wrong_answers_are_as_long_as_the_true_one():
    pool = [turn(f"t{n}", " ".join(f"w{n}x{k}" for k in range(length))) for n, length in enumerate([3, 30, 300] * 8)]
    for question in draw_questions(pool, 24, 3, seed=1):
        lengths = [len(option.split()) for option in question.options]
        assert len(set(lengths)) == 1


def test_a_copy_of_the_true_post_is_no_wrong_answer():
    copies = ["The bell rings.", "the bell RINGS!", "So the bell rings.", "“The bell” rings"]
    pool = [turn(f"t{n}", text) for n, text in enumerate([*copies, "A fox runs home.", "Nobody answered at all."])]
    for question in draw_questions(pool, 6, 2, seed=1):
        assert sum(option in copies for option in question.options) == 1
    assert draw_questions(pool, 6, 3, seed=1) == [], "three different others there are not"


def test_what_is_alike():
    assert alike("The bell rings.", "the bell, rings") and alike("a b c d", "a b c")
    assert not alike("a b c d", "a b e f") and alike("…", "!")


def test_an_overlapping_window_gives_a_reply_once():
    scene = [{"role": "system", "content": "s"}, {"role": "user", "content": "Bo: Hi."}]
    reply = {"role": "assistant", "content": "Hello."}
    more = [{"role": "user", "content": "Bo: Go."}, {"role": "assistant", "content": "No."}]
    long = Sample("t", [*scene, reply, *more], [], [])
    found = turns([Sample("t", [*scene, reply], [], []), long, Sample("u", [scene[0], reply], [], [])])
    assert [(each.source, each.reply, len(each.context)) for each in found] == [("t", "Hello.", 2), ("t", "No.", 4)]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("3", 2), (" 2.", 1), ("The answer is **4**.", 3), ("1) because 1 fits", 0), ("#2", 1),
        ("", None), ("none", None), ("5", None), ("0", None), ("1 or 2", None), ("1-4", None), ("the 2nd", None),
        ("3.5", None),
    ],
)  # fmt: skip
def test_answers_are_read_or_unreadable(text, place):
    assert read_answer(text, 4) == place


def test_the_question_in_words_has_all_options_in_order():
    (question,) = draw_questions([turn("a", "One fox."), turn("b", "Two bells!")], 1, 1, seed=3)
    (message,) = asked_in_words(question)
    assert message["role"] == "user" and message["content"].startswith("Bo: Well?")
    assert f"1. {question.options[0]}\n\n2. {question.options[1]}" in message["content"]


def test_unreadable_answers_are_wrong_and_counted(judged_home, samples, summary):
    answers = [sample for sample in samples if sample["scorer"] == "generated_choice"]
    read = [read_answer(sample["models"]["base"]["text"], 4) for sample in answers]
    metrics = scenes.report(judged_home)["models"]["base"]["metrics"]
    assert metrics["choice/unreadable"] == pytest.approx(read.count(None) / len(read), abs=1e-5)
    right = sum(place == sample["answer"] for place, sample in zip(read, answers, strict=True))
    assert metrics["choice/generated_accuracy"] == pytest.approx(right / len(read), abs=1e-5)


def test_metrics_of_replies_by_hand():
    same = "Ada closes the door and waits."
    replies = [Reply(same, 7, True), Reply("Bo: I wait.\nno no no no no no", 11, False)]
    metrics = reply_metrics(replies, [same, "The rain stops."], [{"Bo"}, {"Bo"}])
    assert metrics["generation/speaks_for_others"] == 0.5 and metrics["generation/ended"] == 0.5
    assert metrics["generation/tokens"] == 9
    assert metrics["generation/rouge_l"] == pytest.approx(0.5), "one is equal, one has no word in common"
    assert metrics["generation/repetition"] == pytest.approx((0 + 2 / 6) / 2), "no no no no comes three times"
    equal = reply_metrics([Reply(same, 7, True)], [same], [set()])
    assert equal["generation/bleu"] == pytest.approx(100) and equal["generation/chrf"] == pytest.approx(100)


def test_variety_and_repetition():
    assert distinct([["a", "b", "a"], ["b"]], 1) == 0.5 and distinct([["a", "b", "a", "b"]], 2) == pytest.approx(2 / 3)
    assert distinct([], 1) == 0 and repetition(["a"] * 3) == 0 and repetition(["a"] * 5) == 0.5


def test_whose_words_are_whose():
    context = [
        {"role": "system", "content": "You are Ada: play."}, {"role": "user", "content": "Bo: Hi.\n\nCy: Ho."},
        {"role": "assistant", "content": "Me: no."}, {"role": "user", "content": "Dr Lee: Go."},
    ]  # fmt: skip
    assert names(context) == {"Bo", "Dr Lee"}
    assert speaks_for("I nod.\n**Bo: hello", {"Bo"}) and not speaks_for("Bo said: hello", {"Bo"})


def test_the_study_asks_each_limit_once(judged_home, summary):
    study = scenes.report(judged_home)["study"]
    assert [row["max_new_tokens"] for row in study] == [4, 12]
    assert all(row["generation/tokens"] <= row["max_new_tokens"] for row in study)
    reported = scenes.report(judged_home)["models"]["adapter"]["metrics"]
    assert study[1]["generation/chrf"] == reported["generation/chrf"]


@pytest.mark.parametrize("scorer", SCORERS, ids=lambda scorer: scorer.name)
def test_nothing_to_score_is_a_reason_not_a_failure(scorer):
    """Running text has no turns, an empty split no samples."""
    with pytest.raises(NothingToScoreError, match="split test holds no"):
        scorer(HeldOut("test", [], [], {}), Evaluate(), None)


def test_the_scorer_of_the_documentation_works(recipe, held_out, chat, model):
    text = (tiny.ROOT / "docs/evaluation.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    module = types.ModuleType("questions")
    exec(compile(code, "docs/evaluation.md", "exec"), module.__dict__)
    scorer = module.SCORER(held_out, recipe.evaluate, chat)
    score = scorer.score(model)
    assert score.metrics.keys() == scorer.metrics.keys() and len(score.items) == len(scorer.items) == 4


def test_every_module_of_the_folder_is_a_scorer():
    assert [scorer.name for scorer in SCORERS] == ["loss", "choice", "generated_choice", "generation"]
