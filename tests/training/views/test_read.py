"""read_samples: the view that the recipe names, its report, and samples on disk."""

import json
from dataclasses import asdict

import pytest

from jobs.errors import JobError
from jobs.training.views import IGNORED, ViewReport, read_samples, source_digest, stream_samples
from jobs.training.views.dataset import open_dataset, write_dataset
from tests.training import tiny


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A corpus, and beside it a dataset of either kind."""
    home = tmp_path_factory.mktemp("home")
    tiny.write_base(home / "tiny")
    tiny.write_corpus(home)
    turns = [
        {"role": "system", "content": "Ring."},
        {"role": "user", "content": "The bell?"},
        {"role": "assistant", "content": "And the river answers."},
    ]
    for split in ("train", "valid"):
        rows = "".join(json.dumps({"messages": turns, "content": f"{split} {number}"}) + "\n" for number in range(3))
        (home / f"{split}.jsonl").write_text(rows)
    return home


@pytest.fixture(scope="module")
def words(home):
    """The tiny base's tokenizer."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(home / "tiny")


def recipe(home, view: str, *more: str):
    dataset = [f"train.dataset={home}"] if view in ("messages", "content") else []
    return tiny.recipe(home, f"train.view={view}", *dataset, *more)


REPLY = "<|im_start|>assistant\nAnd the river answers.<|im_end|>\n"


@pytest.mark.parametrize(
    ("view", "sources", "beginning", "ending"),
    [
        ("chat", 8, "<|im_start|>system\nYou are Ada in a forum", REPLY),
        ("completion", 8, "House 0\n\nAda: The bell rings 0 times", "And the river answers.<|im_end|>"),
        ("messages", 3, "<|im_start|>system\nRing.<|im_end|>\n<|im_start|>user\nThe bell?<|im_end|>\n", REPLY),
        ("content", 3, "train 0<|im_end|>", "train 2<|im_end|>"),
    ],
)
def test_the_recipe_names_the_view(home, words, view, sources, beginning, ending):
    samples, report = read_samples(recipe(home, view), home, tiny.CORPUS, "train", words)
    first, last = words.decode(samples[0].input_ids), words.decode(samples[-1].input_ids)
    assert first.startswith(beginning) and last.endswith(ending)
    assert report.view == view and report.threads == sources and report.samples == len(samples)
    labels = [label for sample in samples for label in sample.labels if label != IGNORED]
    assert json.loads(json.dumps(asdict(report)))["trained"] == len(labels)
    held_out, _ = read_samples(recipe(home, view), home, tiny.CORPUS, "valid", words)
    assert {sample.source for sample in held_out} and not {s.source for s in held_out} & {s.source for s in samples}


def test_the_report_names_the_template(home, words):
    named = recipe(home, "messages", "train.chat.template=vicuna.jinja")
    _, report = read_samples(named, home, tiny.CORPUS, "train", words)
    assert report.template == "vicuna.jinja"


def test_nothing_to_train_on_is_an_error(home, words):
    narrow = recipe(home, "chat", "train.max_length=64")
    with pytest.raises(JobError, match=r"corpus 0123456789ab: no sample to train on in the view chat: .*too_long"):
        read_samples(narrow, home, tiny.CORPUS, "train", words)
    assert read_samples(narrow, home, tiny.CORPUS, "valid", words)[0] == []


def test_a_report_whose_sums_do_not_hold_is_an_error():
    ViewReport(tokens_in=5, reply_tokens=3, trained=2, cut={"x": 1}, context=2, repeated=4, frame=1, tokens=9).check()
    for wrong in ({"tokens_in": 1}, {"reply_tokens": 1, "tokens_in": 1}, {"tokens": 1}, {"cut": {"x": 1}}):
        with pytest.raises(JobError, match=f"{next(iter(wrong)) if 'cut' not in wrong else 'reply_tokens'} are"):
            ViewReport(**wrong).check()


def test_the_source_digest_is_that_of_what_is_read(home):
    assert source_digest(recipe(home, "chat"), home) == tiny.CORPUS
    assert source_digest(recipe(home, "content"), home) not in (tiny.CORPUS, "")


def test_samples_on_disk_are_the_samples(home, words, tmp_path):
    chat = recipe(home, "chat")
    samples, _ = read_samples(chat, home, tiny.CORPUS, "train", words)
    report = ViewReport()
    write_dataset(
        stream_samples(chat, home, tiny.CORPUS, "train", words, report),
        ("input_ids", "labels"),
        tmp_path / "train.arrow",
    )
    dataset = open_dataset(tmp_path / "train.arrow")
    assert [row["input_ids"] for row in dataset] == [list(sample.input_ids) for sample in samples]
    assert [row["labels"] for row in dataset] == [list(sample.labels) for sample in samples]
    assert report.samples == len(samples) and [path.name for path in tmp_path.iterdir()] == ["train.arrow"]
    size = (tmp_path / "train.arrow").stat().st_size
    assert 8 <= size / report.tokens < 9, "bytes a token"
