"""What the report says of a built corpus: every record once, figures that add up, nothing of what a policy took out."""

import json
import shutil

import pytest

from jobs.corpus.policy import MINOR_TERMS, REASON, SEXUAL_TERMS
from jobs.errors import JobError
from tests.corpus.archives import Archive, post, run_corpus, run_download
from tests.corpus.built import at, build

SEXUAL = next(term for term in SEXUAL_TERMS if term.isalpha())
MINOR = next(term for term in MINOR_TERMS if term.isalpha())
LONG = (
    "The lantern swung over the black water of the harbour, and no one answered the call from the old wall that night."
)


def rows():
    """Two parts in which records are dropped for every kind of reason."""
    first = [
        *(post(f"<p>Line {n} of the long thread.</p>", "ann" if n % 2 else "bob", at(n), "Long") for n in range(8)),
        post("Out of character.", at=at(20), type="OOC", title="Long"),
        post("<p></p>", at=at(21), title="Long"),
        post("An undated line.", at="yesterday", title="Long"),
        b"Broken,IC,['A'],ann\n",
        *(post(f"Adult line {n}.", at=at(n), title="Adults", tags="['18+', 'Drama']") for n in range(5)),
    ]
    second = [
        post(LONG, "ann", at(1), "Pair"),
        post(LONG, "bob", at(2), "Pair"),
        post(f"{LONG} Again.", "cid", at(3), "Pair"),
        post("Write to ann@example.org, please.", "cid", at(4), "Pair"),
        post("Alone.", at=at(1), title="Alone", tags="['Vampires', 'Casual']"),
        post(f"{SEXUAL} {MINOR}", at=at(1), title="Flagged"),
        b'Quote,IC,"[\'A\']",ann,2020-01-01T10:00:00,"some "text" here"\n',
    ]
    return first, second


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    (folder / "archive").mkdir()
    return build(Archive(folder / "archive"), folder / "home", *rows(), min_posts=2, split={"valid": 0, "test": 0})


def test_every_record_is_kept_or_dropped_for_a_reason(corpus):
    report = corpus.report
    first, second = report.parts["p1"], report.parts["p2"]
    assert (first.records, first.kept) == (17, 8)
    assert first.dropped == {
        "not_ic": 1,
        "empty": 1,
        "malformed.timestamp": 1,
        "malformed.columns": 1,
        "excluded.tag": 5,
    }
    assert (second.records, second.kept) == (7, 2)
    assert second.dropped == {
        "duplicate": 1,
        "near_duplicate": 1,
        "excluded.min_posts": 1,
        REASON: 1,
        "malformed.quote": 1,
    }
    assert (report.total.records, report.total.kept) == (24, 10)
    assert report.total.dropped == dict(sorted((first.dropped | second.dropped).items()))
    assert len(corpus.rejects()) == 14


def test_the_figures_add_up(corpus):
    report = corpus.report
    assert (report.threads, report.messages) == (
        {"train": 2, "valid": 0, "test": 0},
        {"train": 10, "valid": 0, "test": 0},
    )
    found = report.distributions
    of_posts, of_threads = (
        [found.chars_per_post],
        [found.posts_per_thread, found.chars_per_thread, found.authors_per_thread],
    )
    assert [sum(histogram.counts) for histogram in of_posts] == [10]
    assert [sum(histogram.counts) for histogram in of_threads] == [2] * 3
    assert sum(found.threads_per_author.counts) == 3  # ann, bob and cid
    assert (found.threads_per_author.maximum, found.threads_per_author.median) == (2, 1)
    assert (found.posts_per_thread.median, found.posts_per_thread.maximum) == (5, 8)
    assert dict(zip(found.posts_per_thread.bounds, found.posts_per_thread.counts, strict=True))[5] == 1
    assert (found.chars_per_post.maximum, found.chars_per_thread.maximum) == (
        len(LONG),
        8 * len("Line 0 of the long thread."),
    )
    assert report.tags["genre"] == {"Fantasy": 2}
    assert report.tags["other"] == report.tags["adult"] == {}
    assert report.cleaning["html"].posts == 9  # the empty one too
    assert report.cleaning["email"].posts == 1


def test_examples_of_rejects_can_be_found_in_the_archive(corpus):
    examples = corpus.report.rejects
    for reason, shown in examples.items():
        for example in shown:
            content = (corpus.csvs / f"{example.part}.csv").read_bytes()
            raw = example.raw.encode()
            assert content[example.byte_offset :].startswith(raw), reason
            assert content[: example.byte_offset].count(b"\n") + 1 == example.line
    assert set(examples) == {row["reason"] for row in corpus.rejects()} - {"excluded.tag", REASON}


def test_examples_show_a_few_short_ones_without_contact_details(archive, home):
    address = "ann@example.org"
    rows = [post(f"Mail {address} {'long ' * 200}", at=at(n), type="OOC") for n in range(20)]
    rows += [post(f"nothing but {SEXUAL}", type="Char"), post("Hi.", title="Other")]
    shown = build(archive, home, rows).report.rejects["not_ic"]
    assert len(shown) == 4
    assert all(len(example.raw) == 300 and "[e-mail address]" in example.raw for example in shown)
    assert not any(address in example.raw for example in shown)


def test_of_policy_exclusions_nothing_is_shown(corpus):
    text = (corpus.folder / "report.json").read_text() + (corpus.folder / "report.html").read_text()
    assert [word for word in ("Adult line", "Flagged", f"{SEXUAL} {MINOR}") if word in text] == []


def test_a_record_that_gets_lost_fails_the_job(archive, home):
    build(archive, home, [post("one"), post("two", type="OOC")])
    (facts,) = home.glob("corpus/small/parts/p1-*/part.json")
    changed = json.loads(facts.read_text())
    changed["account"] |= {"records": 3, "dropped": {"not_ic": 1, "empty": 1}}
    facts.write_text(json.dumps(changed))
    shutil.rmtree(home / "corpus/small" / json.loads((home / "corpus/small/latest.json").read_text())["digest"])
    (home / "corpus/small/latest.json").unlink()
    with pytest.raises(JobError, match=r"does not add up \(.*3 records, but 1 kept \+ 1 dropped .*: 1 unaccounted for"):
        run_corpus(archive.recipe(), home)
    assert not (home / "corpus/small/latest.json").exists()
    assert not list(home.glob("corpus/small/*.partial"))


def test_neither_time_nor_place_nor_address_changes_a_byte(corpus, tmp_path):
    elsewhere = shutil.copytree(corpus.csvs, tmp_path / "it's [a] copy")
    archive = Archive(elsewhere, ["p1", "p2"])
    recipe = archive.recipe(base=elsewhere.as_uri(), min_posts=2, split={"valid": 0, "test": 0})
    home = tmp_path / "it's [another] home"
    run_download(recipe, home)
    again = home / "corpus/small" / run_corpus(recipe, home)["digest"]
    assert {
        p.relative_to(again).as_posix(): p.read_bytes() for p in again.rglob("*") if p.is_file()
    } == corpus.contents()


def test_a_corpus_without_posts_has_a_report_too(archive, home):
    corpus = build(archive, home, [post("Nothing in character.", type="OOC")])
    report = corpus.report
    assert (report.total.records, report.total.kept, report.total.dropped) == (1, 0, {"not_ic": 1})
    assert sum(report.distributions.chars_per_post.counts) == 0
    assert (corpus.folder / "report.html").read_text().startswith("<!doctype html>")
