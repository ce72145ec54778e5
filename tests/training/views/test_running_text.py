"""The views `completion` and `content`: text without turns, all of it trained, cut where it hurts least."""

import itertools

import pytest

from jobs.errors import JobError
from jobs.training.views.completion import completion, story
from jobs.training.views.content import content
from jobs.training.views.report import ViewReport
from jobs.training.views.rows import ContentRow
from jobs.training.views.sample import IGNORED, Sample
from tests.training import tiny
from tests.training.views.cases import SCENE, settings, thread
from tests.training.views.test_templates import with_template


def told(threads: list[dict], tokenizer, max_length: int, **train) -> tuple[list[Sample], ViewReport]:
    report = ViewReport()
    samples = list(completion(threads, tokenizer, settings(max_length, view="completion", **train), report))
    report.check()
    return samples, report


def parts(sample: Sample) -> tuple[list[int], list[int]]:
    """What a sample repeats or cannot train (its beginning), and what it trains: its end, from the first label on."""
    first = next(index for index, label in enumerate(sample.labels) if label != IGNORED)
    assert list(sample.labels[first:]) == list(sample.input_ids[first:])
    return list(sample.input_ids[:first]), list(sample.input_ids[first:])


def test_a_thread_is_one_story(tokenizer):
    (sample,), report = told([SCENE], tokenizer, 512)
    assert tokenizer.decode(sample.input_ids) == (
        "The Ferry\n\nMira: *The rope creaks.*\n\n“Who goes there?” she asks — and counts 12 coins. 🜁\n\n"
        "Tam: “Only me.”\n\nOld Perrin: He spits.\n\n3 crows, he thinks.\n\nMira: “Then come aboard,” said Mira.\n\n"
        "Tam: Tam comes aboard.\n\nHe is very wet.\n\nTam: And he sneezes.<|im_end|>"
    )
    assert list(sample.labels) == [IGNORED, *sample.input_ids[1:]], "nothing stands before the first token"
    assert (sample.source, sample.tags, sample.messages) == ("t", ("Fantasy",), [])
    assert report.trained == report.tokens_in - 1 == len(sample.input_ids) - 1


def test_a_tokenizer_that_begins_texts_begins_stories(llama):
    (sample,), report = told([SCENE], llama, 512)
    ids = llama(story(SCENE)[0])["input_ids"]
    assert ids[0] == llama.bos_token_id and list(sample.input_ids) == [*ids, llama.eos_token_id]
    assert list(sample.labels) == [IGNORED, *ids[1:], llama.eos_token_id]
    assert report.frame == 1 and report.trained == report.tokens_in


@pytest.mark.parametrize("fixture", ["tokenizer", "llama"])
@pytest.mark.parametrize("overlap", [0, 40])
def test_a_long_story_is_cut_between_posts_and_loses_nothing(request, fixture, overlap):
    tokenizer = request.getfixturevalue(fixture)
    long = tiny.thread(1, posts=80)
    samples, report = told([long], tokenizer, 200, overlap=overlap)
    assert len(samples) > 4 and all(150 < len(sample.input_ids) <= 200 for sample in samples[:-1])
    text = tokenizer(story(long)[0], add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
    joined = [token for sample in samples for token in parts(sample)[1]]
    assert report.tokens_in == len(text) and report.repeated <= overlap * (len(samples) - 1)
    if fixture == "llama":
        assert joined == text
    elif overlap:
        assert joined == text[1:], "nothing stands before the first token"
    else:
        assert len(joined) == len(text) - len(samples) == len(text) - report.context, "nor before that of a sample"
    for before, sample in itertools.pairwise(samples):
        assert tokenizer.decode(sample.input_ids, skip_special_tokens=True).startswith(("Ada: ", "Bo: "))
        if overlap:
            repeated = parts(sample)[0][fixture == "llama" :]
            assert 10 < len(repeated) <= overlap and list(before.input_ids[-len(repeated) :]) == repeated


def test_a_giant_post_is_cut_at_paragraphs_then_at_sentences_then_anywhere(tokenizer):
    sentences = " ".join(f"Sentence {number} tells of a ferry." for number in range(30))
    paragraphs = "\n\n".join(f"Paragraph {number}: {'and so ' * 8}on." for number in range(12))
    endless = "and on " * 200
    samples, report = told([thread(("Ada", paragraphs), ("Bo", sentences), ("Ada", endless))], tokenizer, 100)
    starts = [tokenizer.decode(sample.input_ids).lstrip()[:9] for sample in samples]
    assert starts[0] == "The Ferry"
    assert starts.count("Paragraph") >= 2 and starts.count("Sentence ") >= 2
    assert {"Bo: Sente", "Ada: and "} <= set(starts), "a post that begins is not torn from its name"
    assert sum(len(sample.input_ids) for sample in samples) == report.tokens_in, "nothing lost, nothing twice"
    assert "".join(tokenizer.decode(sample.input_ids) for sample in samples).count("and on") == 200


def test_an_overlap_longer_than_a_sample_comes_to_an_end(tokenizer):
    samples, report = told([tiny.thread(1, posts=40)], tokenizer, 64, overlap=1000)
    assert report.trained == report.tokens_in - 1 and 0 < report.repeated <= 32 * len(samples)


def test_control_tokens_in_a_story_are_words(tokenizer):
    (sample,), _ = told([thread(("Ada", "She types <|im_end|> and laughs."), ("Bo", "Why?"))], tokenizer, 512)
    assert list(sample.input_ids).count(tokenizer.eos_token_id) == 1 == list(sample.input_ids[-1:]).count(2)
    assert tokenizer.decode(sample.input_ids[:-1]).endswith("Ada: She types <|im_end|> and laughs.\n\nBo: Why?")


def test_rows_of_content_are_trained_whole(tokenizer):
    rows = [("a.jsonl:1", ContentRow(content="One  text.\n")), ("a.jsonl:2", ContentRow(content="Another. " * 60))]
    report = ViewReport()
    samples = list(content(rows, tokenizer, settings(100, view="content", dataset="a.jsonl"), report))
    report.check()
    assert tokenizer.decode(samples[0].input_ids) == "One  text.\n<|im_end|>" and samples[0].source == "a.jsonl:1"
    assert {sample.source for sample in samples[1:]} == {"a.jsonl:2"} and len(samples) == 3
    assert "".join(tokenizer.decode(sample.input_ids) for sample in samples[1:]) == "Another. " * 60 + "<|im_end|>"


def test_a_tokenizer_without_an_end_token_is_refused(llama):
    endless = with_template(llama, llama.chat_template)
    endless.eos_token = None
    with pytest.raises(JobError, match="no end token"):
        told([SCENE], endless, 512)
