"""What the report can show of the cleaning: how many posts each rule changed, and samples that give nobody away."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.recipe import Clean
from jobs.corpus.cleaning.clean import RULES
from jobs.corpus.cleaning.samples import CONTACT_RULES, SAMPLES, Witness, merged
from jobs.corpus.policy import AMBIGUOUS_TERMS
from tests.corpus.cleaning.posts import posts

NAMES = ["Brindlefox", "Old Duskquill"]
DETAILS = ["bob@example.com", "+44 7700 900977", "192.0.2.7"]
TELLING = [*NAMES, *DETAILS, "Brindle", "Duskquill", "example.com", "900977"]


def witnessed(*messages, **rules):
    """What the rules did to `messages`, each in a thread of its own."""
    witness = Witness(Clean(**rules))
    numbers = range(len(messages))
    witness.clean(pa.array(messages, pa.string()), threads=numbers, byte_offsets=[100 * number for number in numbers])
    return witness.work()


def pairs(work, rule):
    return [(sample.before, sample.after) for sample in work[rule].samples]


def test_posts_are_counted_once_for_each_rule():
    work = witnessed("<p>a <b>b</b> <b>c</b></p>", "<p>d</p> 😅", "plain", "😅", "((x)) y ((z))")
    counts = {name: rule.posts for name, rule in work.items() if rule.posts}
    assert counts == {"html": 2, "emphasis": 1, "emoji": 2, "asides": 1}
    assert list(work) == list(RULES)


def test_a_sample_differs_by_its_rule_only():
    work = witnessed("<p>She <em>nods</em> &amp; goes. ((brb)) Bye 😅</p>")
    assert pairs(work, "html") == [("<p>She <em>nods</em> &amp; goes. Bye </p>", "She *nods* & goes. Bye")]
    assert pairs(work, "emphasis") == [("She nods & goes. Bye", "She *nods* & goes. Bye")]
    assert pairs(work, "asides") == [("She *nods* & goes. ((brb)) Bye", "She *nods* & goes. Bye")]
    assert pairs(work, "emoji") == [("She *nods* & goes. Bye 😅", "She *nods* & goes. Bye")]


def test_a_sample_of_a_long_post_is_what_changed_with_a_little_around_it():
    work = witnessed("start " * 100 + "((aside)) " + "end " * 100)
    ((before, after),) = pairs(work, "asides")
    assert "((aside))" in before
    assert "((" not in after
    assert max(len(before), len(after)) < 150


def test_a_few_samples_are_enough_and_they_say_where_they_are_from():
    work = witnessed(*[f"word {'x' * n} 😅" for n in range(1, 10)])
    assert work["emoji"].posts == 9
    assert [(sample.thread, sample.byte_offset) for sample in work["emoji"].samples] == [
        (n, 100 * n) for n in range(SAMPLES)
    ]


@pytest.mark.parametrize("detail", DETAILS)
def test_contact_details_are_shown_by_a_stand_in(detail):
    work = witnessed(f"Ask at {detail}, please.")
    ((before, after),) = [pair for rule in CONTACT_RULES for pair in pairs(work, rule)]
    assert before == "".join("x" if char.isalnum() else char for char in f"Ask at {detail}, please.")
    assert after.startswith("Ask at [")


MARKED = [
    f'<a class="bb-mention" href="/u/{{0}}">@{NAMES[0]}</a>',
    "[@{0}]",
    "<span class='mention'><b>@{0}</b></span>",
]
HIDING = [
    *(form.format(name) for form in MARKED for name in NAMES),
    *(f"[quote={name}]said[/quote]" for name in NAMES),
    *(f'<blockquote cite="{name}">said</blockquote>' for name in NAMES),
    f"[quote=x]{NAMES[0]} said [@{NAMES[0]}][/quote]",
    *DETAILS,
    "bob&#64;example.com",
    "bob<i></i>@exam\u200bple.com",
    "+44 77<u>00</u> 900977",
    "[hider]bob@example.com[/hider]",
    "((bob@example.com)) [ooc]+44 7700 900977[/ooc] [img]http://192.0.2.7/[/img]",
    "https://192.0.2.7/bob@example.com",
]
AROUND = [
    "<p>{} &amp; <em>so</em> [b]on[/b] 😅 ((x)) donâ€™t [hider]y[/hider] [dice=1d6]4[/dice]</p><p>OOC: z</p>",
    "<blockquote cite=x>{}</blockquote> <b>a</b>",
    "[quote=x]{}[/quote] [i]a[/i] ((b)) \u200b www.x.example",
    "((word {})) <p>a</p> 😅",
    f"{'word ' * 11}wo {{}} [b]x[/b] <p>a</p> {'word ' * 11}",
]


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("hiding", HIDING)
@pytest.mark.parametrize("rules", [{}, {"spoilers": "drop", "quotes": "drop"}, {"html": False}, {"bbcode": False}])
def test_no_sample_gives_a_name_or_a_contact_detail_away(hiding, around, rules):
    work = witnessed(around.format(hiding), **rules)
    shown = [text for rule in work.values() for sample in rule.samples for text in (sample.before, sample.after)]
    assert [text for text in shown for telling in TELLING if telling in text] == []


@given(before=posts, hidden=st.sampled_from(["zed@example.org", "zed&#64;example.org", "[@zed]"]), after=posts)
def test_no_sample_of_any_post_gives_them_away(before, hidden, after):
    work = witnessed(f"{before} {hidden} {after}")
    shown = [text for rule in work.values() for sample in rule.samples for text in (sample.before, sample.after)]
    assert [text for text in shown if hidden in text] == []


def test_the_parts_together():
    one, two = witnessed("a 😅", "b 😅"), witnessed("c 😅", "d 😅", "e 😅")
    rules = merged(Clean(), [one, two], hidden={1})
    assert rules["emoji"].posts == 5
    assert rules["emoji"].setting == "drop"
    assert [sample.after for sample in rules["emoji"].samples] == ["a", "c", "e"]
    assert list(rules) == list(RULES)
    assert rules["html"].model_dump() == {"setting": True, "posts": 0, "samples": []}


def test_what_may_not_be_shown_is_no_sample():
    (term, *_) = (term for term in AMBIGUOUS_TERMS if term.isalpha())
    rules = merged(Clean(), [witnessed(f"{term} 😅", "word 😅")], hidden=())
    assert (rules["emoji"].posts, [sample.after for sample in rules["emoji"].samples]) == (2, ["word"])
