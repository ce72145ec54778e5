"""Datasets from elsewhere: which rows are read, what is wrong with the others, and the view `messages`."""

import json
import re

import pytest

from contracts.recipe.corpus import Split
from jobs.errors import JobError
from jobs.training.views.messages import messages
from jobs.training.views.report import ViewReport
from jobs.training.views.rows import ContentRow, MessagesRow, dataset_digest, read_rows
from tests.training.views.cases import settings, trained_text

SHARES = Split(valid=0.2, test=0.1)


def write(path, rows: list) -> str:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return str(path)


def conversation(*texts: str, system: str | None = None) -> dict:
    turns = [{"role": ("user", "assistant")[number % 2], "content": text} for number, text in enumerate(texts)]
    return {"messages": [{"role": "system", "content": system}, *turns] if system else turns}


def converse(rows: list[dict], tokenizer, max_length: int = 512, **train):
    report = ViewReport()
    placed = [(f"a.jsonl:{number}", MessagesRow.model_validate(row)) for number, row in enumerate(rows, start=1)]
    samples = list(messages(placed, tokenizer, settings(max_length, view="messages", dataset="a", **train), report))
    report.check()
    return samples, report


@pytest.mark.parametrize(
    ("fixture", "template"), [("tokenizer", None), ("llama", "inst.jinja"), ("llama", "vicuna.jinja")]
)
def test_a_conversation_is_trained_as_a_scene_is(request, fixture, template):
    tokenizer = request.getfixturevalue(fixture)
    row = conversation(" Who? ", "Me.", "And who is that?", "\nThe goat.\n", "Ah.", system="You are Tam.")
    (sample,), report = converse([row], tokenizer, chat={"template": template})
    end = tokenizer.eos_token
    assert trained_text(tokenizer, sample) == [f"Me.{end}", f"The goat.{end}"]
    assert sample.source == "a.jsonl:1" and sample.messages[0] == {"role": "system", "content": "You are Tam."}
    assert report.threads == 1 and report.left_out["no_reply"] > 0


def test_neighbouring_messages_of_one_role_are_joined(tokenizer):
    roles = ["user", "user", "assistant", "assistant"]
    (sample,), _ = converse(
        [{"messages": [{"role": role, "content": str(number)} for number, role in enumerate(roles)]}], tokenizer
    )
    assert sample.messages == [{"role": "user", "content": "0\n\n1"}, {"role": "assistant", "content": "2\n\n3"}]


def test_long_conversations_are_cut_at_turn_borders(tokenizer):
    row = conversation(*(f"This is turn number {number} of them all." for number in range(60)), system="Count.")
    samples, report = converse([row], tokenizer, 128, overlap=40)
    assert len(samples) > 5 and all(len(sample.input_ids) <= 128 for sample in samples)
    assert [text for sample in samples for text in trained_text(tokenizer, sample)] == [
        f"This is turn number {number} of them all.<|im_end|>" for number in range(1, 60, 2)
    ]
    assert all(sample.messages[0]["content"] == "Count." for sample in samples) and report.repeated > 0


def test_a_question_that_does_not_fit_keeps_its_end(tokenizer):
    question = "\n\n".join(f"Paragraph {number} of the question." for number in range(40))
    (sample,), report = converse([conversation(question, "Yes.")], tokenizer, 128)
    assert question.endswith(sample.messages[0]["content"]) and len(sample.messages[0]["content"]) > 100
    assert trained_text(tokenizer, sample) == ["Yes.<|im_end|>"] and report.left_out["too_long"] > 200


def test_a_folder_holds_a_file_a_split(tmp_path):
    write(tmp_path / "train.jsonl", [{"content": "a"}, {"content": "b", "licence": "CC0"}])
    write(tmp_path / "valid.jsonl", [{"content": "c"}])
    read = {split: list(read_rows(str(tmp_path), split, SHARES, ContentRow)) for split in ("train", "valid")}
    assert [(place, row.content) for place, row in read["train"]] == [("train.jsonl:1", "a"), ("train.jsonl:2", "b")]
    assert [(place, row.content) for place, row in read["valid"]] == [("valid.jsonl:1", "c")]
    with pytest.raises(JobError, match=r"test.jsonl: no such file; .*for evaluate.split test, test.jsonl"):
        list(read_rows(str(tmp_path), "test", SHARES, ContentRow))


def test_a_single_file_is_split_by_what_its_rows_say(tmp_path):
    texts = [f"Row {number}." for number in range(1000)]
    file = write(tmp_path / "all.jsonl", [{"content": text} for text in texts])
    read = {s: [row.content for _, row in read_rows(file, s, SHARES, ContentRow)] for s in ("train", "valid", "test")}
    assert sorted(text for split in read.values() for text in split) == sorted(texts)
    assert 650 < len(read["train"]) < 750 and 160 < len(read["valid"]) < 240 and 70 < len(read["test"]) < 130
    twice = write(tmp_path / "twice.jsonl", [{"id": n, "content": text} for n, text in enumerate(texts[::-1] * 2)])
    again = {row.content for _, row in read_rows(twice, "valid", SHARES, ContentRow)}
    assert again == set(read["valid"]), "order, copies and other keys change nothing"


def test_the_digest_is_that_of_the_files(tmp_path):
    file = write(tmp_path / "train.jsonl", [{"content": "a"}])
    before = dataset_digest(str(tmp_path))
    assert re.fullmatch("[0-9a-f]{12}", before) and before == dataset_digest(file)
    write(tmp_path / "valid.jsonl", [{"content": "b"}])
    assert dataset_digest(str(tmp_path)) != before
    with pytest.raises(JobError, match=r"nowhere: no such file; train.dataset is a JSONL file, or a folder"):
        dataset_digest(str(tmp_path / "nowhere"))


WRONG = [
    (MessagesRow, b"{'messages': []}", r"not JSON \(.*\); expected one object with 'messages' a line"),
    (MessagesRow, b'{"messages": [', r"not JSON"),
    (MessagesRow, b"\xff\xfe", r"not JSON"),
    (MessagesRow, b"[]", r"row: .*; expected an object with 'messages'"),
    (MessagesRow, b'{"content": "x"}', r"messages: Field required; expected an object with 'messages'"),
    (MessagesRow, b'{"messages": "x"}', r"messages: Input should be a valid list"),
    (MessagesRow, b'{"messages": []}', r"expected at least one message"),
    (
        MessagesRow,
        b'{"messages": [{"role": "user", "content": "x"}, {"role": "bot", "content": "y"}]}',
        r"messages\.1\.role: Input should be 'system', 'user' or 'assistant'",
    ),
    (
        MessagesRow,
        b'{"messages": [{"role": "user", "content": "x"}, {"role": "system", "content": "y"}]}',
        r"expected a system message as the first or not at all",
    ),
    (MessagesRow, b'{"messages": [{"role": "user", "content": " "}]}', r"messages\.0\.content: String should match"),
    (MessagesRow, b'{"messages": [{"role": "user"}]}', r"messages\.0\.content: Field required"),
    (ContentRow, b'{"content": 3}', r"content: Input should be a valid string; expected an object with 'content'"),
    (ContentRow, b'{"text": "x"}', r"content: Field required"),
    (ContentRow, b'"x"', r"row: "),
]


@pytest.mark.parametrize(("kind", "line", "problem"), WRONG)
def test_a_wrong_row_is_named_by_file_and_line(tmp_path, kind, line, problem):
    good = {"content": "x", "messages": [{"role": "user", "content": "x"}]}
    (tmp_path / "train.jsonl").write_bytes(json.dumps(good).encode() + b"\n\n" + line + b"\n")
    with pytest.raises(JobError, match=rf"train\.jsonl:3: .*{problem}"):
        list(read_rows(str(tmp_path), "train", SHARES, kind))


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_an_empty_file_is_an_error(tmp_path, content):
    (tmp_path / "train.jsonl").write_text(content)
    with pytest.raises(JobError, match=r"train.jsonl: no rows in it; expected one JSON object with 'content' a line"):
        list(read_rows(str(tmp_path), "train", SHARES, ContentRow))
