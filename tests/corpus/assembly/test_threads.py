"""From posts to threads: what belongs together, who speaks, what is too short."""

import collections

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.corpus.assembly.threads import alias
from tests.corpus.archives import post
from tests.corpus.built import SPLITS, at, build


def test_a_row_is_as_the_design_says(archive, home):
    rows = [post("<p>Hi.</p>", "ann", at(1)), post("Ho [@ann]!", "bob", at(2)), post("Hum.", "ann", at(3))]
    corpus = build(archive, home, rows)
    thread = corpus.threads()["The Gate"]
    assert [(m["author"], m["text"], m["timestamp"].isoformat()) for m in thread["messages"]] == [
        ("Player A", "Hi.", at(1)),
        ("Player B", "Ho Player A!", at(2)),
        ("Player A", "Hum.", at(3)),
    ]
    assert (thread["tags"], thread["parts"]) == (["Casual", "Fantasy"], ["p1"])
    assert (thread["n_messages"], thread["n_authors"], thread["n_chars"]) == (3, 2, 3 + 12 + 4)
    assert len(thread["thread_id"]) == 16
    string = pa.string()
    message = pa.struct([("author", string), ("text", string), ("timestamp", pa.timestamp("us"))])
    schemas = [pq.read_schema(corpus.folder / split / "00000.parquet") for split in SPLITS]
    kinds = dict(zip(schemas[0].names, schemas[0].types, strict=True))
    groups = kinds.pop("tag_groups")
    assert schemas[0] == schemas[1] == schemas[2]
    assert kinds == {
        "thread_id": string,
        "title": string,
        "tags": pa.list_(string),
        "messages": pa.list_(message),
        "n_messages": pa.int32(),
        "n_authors": pa.int32(),
        "n_chars": pa.int64(),
        "parts": pa.list_(string),
    }
    assert [f.name for f in groups] == ["style", "party_size", "genre", "period", "adult", "other"]


def test_a_thread_over_parts_is_one_thread_in_time_order(archive, home):
    corpus = build(
        archive,
        home,
        [post("third", at=at(3)), post("first", at=at(1))],
        [post("elsewhere", title="Elsewhere")],
        [post("second", "bob", at=at(2)), post("fourth", "bob", at=at(4)), post("also third", "bob", at=at(3))],
    )
    thread = corpus.threads()["The Gate"]
    assert corpus.texts()["The Gate"] == ["first", "second", "third", "also third", "fourth"]
    assert thread["parts"] == ["p1", "p3"]
    assert corpus.threads()["Elsewhere"]["parts"] == ["p2"]


def test_threads_that_only_look_alike_stay_apart(archive, home):
    long = "A very long title " * 6
    titles = ["The Gate", "the gate", "The Gate!", "../The Gate", "The  Gate", long + "one", long + "two"]
    rows = [post(f"text {n}", title=title, tags="['A']") for n, title in enumerate(titles)]
    rows += [post("text of another tag", tags="['B']"), post("same tags", tags="[ 'A' ]", title="The Gate")]
    report = build(archive, home, rows).report
    assert (sum(report.threads.values()), report.total.kept) == (len(titles) + 1, len(titles) + 2)


def test_tags_are_put_in_the_groups_of_the_forum(archive, home):
    tags = ["Advanced", "1x1", "Sci-Fi", "Near Future", "18+", "slice of life", "Vampires"]
    corpus = build(archive, home, [post("Hi.", tags=str(tags)), post("Ho.", tags="[]")], policy={"exclude_tags": []})
    groups = {str(row["tags"]): row["tag_groups"] for split in SPLITS for row in read(corpus, split)}
    assert groups[str(tags)] == {
        "style": ["Advanced"],
        "party_size": ["1x1"],
        "genre": ["Sci-Fi", "slice of life"],
        "period": ["Near Future"],
        "adult": ["18+"],
        "other": ["Vampires"],
    }
    assert groups["[]"] == {group: [] for group in groups[str(tags)]}
    assert corpus.report.tags["genre"] == {"Sci-Fi": 1, "slice of life": 1}
    assert corpus.report.tags["party size"] == {"1x1": 1}


def read(corpus, split):
    return pq.read_table(corpus.folder / split).to_pylist()


def test_short_threads_and_monologues_are_excluded(archive, home):
    rows = [
        *(post(f"long {n}", "ann" if n % 2 else "bob", at(n), "Long") for n in range(4)),
        *(post(f"short {n}", "ann" if n % 2 else "bob", at(n), "Short") for n in range(3)),
        *(post(f"alone {n}", "ann", at(n), "Alone") for n in range(4)),
        *(post(text, author, at(n), "Copies") for n, (text, author) in enumerate([("x", "ann")] * 3 + [("y", "bob")])),
    ]
    corpus = build(archive, home, rows, min_posts=4, min_authors=2)
    assert list(corpus.threads()) == ["Long"]
    reasons = collections.Counter(reason for reason, _ in corpus.dropped())
    assert reasons == {"excluded.min_posts": 3 + 2, "excluded.min_authors": 4, "duplicate": 2}
    corpus = build(archive, home, min_chars=25)
    assert list(corpus.threads()) == ["Alone"]  # 4 times 7 characters
    assert {row["reason"] for row in corpus.rejects()} == {"excluded.min_chars"}


def test_excluded_tags_are_found_in_any_case(archive, home):
    rows = [post("a", tags="['HORROR']"), post("b"), post("c", tags="['Horror story']", title="Other")]
    corpus = build(archive, home, rows, policy={"exclude_tags": ["Horror"]})
    assert sorted(corpus.texts().values()) == [["b"], ["c"]]
    assert corpus.dropped() == [("excluded.tag", "a")]


def test_forum_names_stay_behind(archive, home):
    names = ["AnnTheThird", "bob_the_bard", "Zoë Quick"]
    rows = [
        post("Look, <a class='bb-mention'>@bob_the_bard</a>!", "AnnTheThird", at(1)),
        post("And [@somebody_else] too.", "bob_the_bard", at(2)),
        post("<p>[@annthethird]</p><p>Yes, [@ZoÃ« Quick], [@BOB_THE_BARD].</p>", "Zoë Quick", at(3)),
        post("Not here, [@bob_the_bard].", "Zoë Quick", at(4), "Elsewhere"),
    ]
    corpus = build(archive, home, rows)
    assert corpus.texts() == {
        "The Gate": ["Look, Player B!", "And too.", "Yes, Player C, Player B."],
        "Elsewhere": ["Not here, ."],
    }
    written = [str(row).lower() for split in SPLITS for row in read(corpus, split)]
    assert not [name for name in [*names, "somebody_else"] for row in written if name.lower() in row]


def test_aliases_are_those_of_one_thread_in_order_of_appearance(archive, home):
    rows = [post(f"line {n}", f"author {n}", at(40 - n)) for n in range(30)]
    rows += [post("and author 7 elsewhere", "author 7", at(1), "Elsewhere")]
    threads = build(archive, home, rows).threads()
    expected = [alias(n) for n in range(30)]
    assert [m["author"] for m in threads["The Gate"]["messages"]] == expected
    assert [m["author"] for m in threads["Elsewhere"]["messages"]] == ["Player A"]


def test_aliases_go_on_after_z():
    assert [alias(n) for n in (0, 1, 25, 26, 27, 701, 702)] == [
        f"Player {letters}" for letters in ("A", "B", "Z", "AA", "AB", "ZZ", "AAA")
    ]


def test_contact_details_in_titles_are_replaced(archive, home):
    title = "Write to ann@example.org,\n call 020 7946 0123 or 192.168.7.9"
    threads = build(archive, home, [post("Hi.", title=title)]).threads()
    assert list(threads) == ["Write to [e-mail address], call [phone number] or [IP address]"]
