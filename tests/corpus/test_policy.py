"""Which rows give the two signals of the rule, in DuckDB and in Python alike.

The texts with listed terms are made from the lists by this code; none is written out.
"""

import re

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.corpus import policy
from jobs.corpus.parsing.thread_table import ThreadTable
from jobs.corpus.policy import AMBIGUOUS_TERMS, MINOR_TERMS, SEXUAL_TERMS, is_about_minors, is_sexual, may_be_shown

NUMBERS = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
WORDS = dict(enumerate(NUMBERS.split(), start=1))
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
OLDER = [
    *("eighteen", "nineteen", "a hundred", "two hundred", "one hundred and five", "a hundred twelve", "three thousand"),
    *(f"{ten}{joint}{WORDS[unit]}" for ten in TENS for unit in (1, 5, 9) for joint in "- "),
    *map(str, [*range(18, 100), 105, 112, 1000, 1015]),
    *("1,015", "12,000"),
]
FORMS = [
    "a {} year old",
    "The {}-year-old.",
    "{} years old",
    "{} years of age",
    "aged {}.",
    "Age: {}",
    "AGE - {}",
    "at the age of {}, then",
    "Age: {} Human hunter",
    "aged {} then",
    "<p><strong>Age:</strong> {}<br>Eyes: grey</p>",
    "[b]Age[/b]: {}\n",
    "[cell]Age[/cell][cell]{}[/cell]",
]
SPOKEN = ["she is {}.", "I'm {}", "He’s only {}, and", "the boat is only {}", "turned {}!", "you&#39;re {}<br>"]
SHORT = ["{}yo", "{} y/o", "{}yrs old", "{}y.o."]


def written(term):
    """Texts that a listed term stands for."""
    return st.from_regex(re.compile(term.replace("~", ""), re.ASCII), fullmatch=True)


def any_of(terms):
    return st.sampled_from(terms).flatmap(written)


def in_columns(texts):
    """(sexual, minor) for each of `texts`, all searched at once."""
    return list(zip(*(found.tolist() for found in policy.signals(pa.array(texts, pa.string()))), strict=True))


@pytest.mark.parametrize("term", SEXUAL_TERMS)
@given(data=st.data())
@settings(max_examples=5, deadline=None)
def test_each_sexual_term_is_found(term, data):
    text = data.draw(written(term))
    for found in (text, f"«{text.upper()}»!", f"<p>{text}</p>", f"({text}), {text}…"):
        assert is_sexual(found)
        assert not may_be_shown(found)


@pytest.mark.parametrize("term", AMBIGUOUS_TERMS)
@given(data=st.data())
@settings(max_examples=5, deadline=None)
def test_each_ambiguous_term_counts_beside_a_minor_only(term, data):
    text = data.draw(written(term)).upper()
    assert not is_sexual(f"({text})")
    assert is_sexual(f"({text}). {data.draw(any_of(MINOR_TERMS))}")
    assert not may_be_shown(f"({text})")


@pytest.mark.parametrize("term", MINOR_TERMS)
@given(data=st.data())
@settings(max_examples=5, deadline=None)
def test_each_minor_term_is_found(term, data):
    text = data.draw(written(term))
    assert all(map(is_about_minors, (text, f"«{text.upper()}»!", f"<p>{text}</p>")))


@pytest.mark.parametrize("form", FORMS + SPOKEN + SHORT)
def test_ages_below_18(form):
    first = 3 if form in SPOKEN else 1  # "turned one of them", "she is one." are no ages
    texts = [form.format(age) for age in range(first, 18)]
    texts += [form.format(WORDS[age]) for age in range(first, 18) if form not in SHORT]
    assert [text for text in texts + [text.upper() for text in texts] if not is_about_minors(text)] == []


@pytest.mark.parametrize("form", FORMS + SPOKEN + SHORT)
def test_ages_from_18_on(form):
    texts = [form.format(age) for age in OLDER if form not in SHORT or age.isdigit()]
    assert [text for text in texts if is_about_minors(text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "her sixteenth birthday",
        "in his early teens",
        "16/f",
        "no one under 18",
        "She was a minor.",
        "of fifteen summers",
    ],
)
def test_other_ways_to_say_it(text):
    assert is_about_minors(text)


@pytest.mark.parametrize(
    "text",
    [
        "She lifts the cock of the crossbow, cocks her head and cocked the other one at cock-crow.",
        "Get off your ass, you pompous ass.",
        "They kiss and embrace; he loves her. Love at last!",
        "Sex: Female. Race: Elf. Sexuality: straight. The opposite sex. A sextant from Essex.",
        "The analyst scraped a grape off the document, tit for tat, and Dick Turpin came.",
        "The horn, the shaft of an arrow, a breastplate, a chicken breast, booby traps, the Asses' Bridge.",
        "That was hard on him. Strap on your armor. The hook-up, a rapier, fuck this.",
        "[i]Pen[/i] is mightier",
    ],
)
def test_what_is_not_sexual(text):
    assert not is_sexual(text)
    assert not is_sexual(f"{text} The child, aged 12, laughed.")


@pytest.mark.parametrize(
    "text",
    [
        "She casts minor illusion. It was a minor wound, in A minor, of minor importance.",
        "The temperature is in the low teens. The bonus is in the teens.",
        "He is 15 feet away and she's 12 paces off. The wall is 10 feet high.",
        "In the Age of Iron, 12 kings ruled the age.",
        "A 12-year whisky. Just kidding. Upgraded, military-grade. Turn 12.",
        "I am twenty-five years old, Age: 180, Age: 12,000, aged 25",
    ],
)
def test_what_is_not_about_minors(text):
    assert not is_about_minors(text)


@pytest.mark.parametrize("mark", ["<b>", "</em>", "<span style='x'>", "[i]", "[/color]", "&shy;", "\u200b", "<b></b>"])
@given(text=any_of([term for term in SEXUAL_TERMS if term.isalpha()]), data=st.data())
@settings(max_examples=20, deadline=None)
def test_markup_within_a_word_does_not_hide_it(mark, text, data):
    at = data.draw(st.integers(1, len(text) - 1))
    assert is_sexual(f"{text[:at]}{mark}{text[at:]}")


@pytest.mark.parametrize("gap", ["  \n", "&nbsp;", "\u00a0", "-", "</p><p>", " <em>", "[/i] [u]"])
@given(text=any_of([term for term in SEXUAL_TERMS if " " in term and "(" not in term]))
@settings(max_examples=20, deadline=None)
def test_words_apart_are_still_a_phrase(gap, text):
    assert is_sexual(text.replace(" ", gap))


_PIECES = (
    any_of(SEXUAL_TERMS)
    | any_of(AMBIGUOUS_TERMS)
    | any_of(MINOR_TERMS)
    | st.builds(str.format, st.sampled_from(FORMS + SPOKEN + SHORT), st.sampled_from([*WORDS.values(), *OLDER]))
    | st.sampled_from(["<b>", "[i]", "</p>", "&shy;", "&nbsp;", "\u00a0", " ", "-", "'", '"', "<", "[", "]", "é", "\n"])
    # RE2 takes long s and the Kelvin sign for s and k
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\u017f\u212a"), max_size=5)
)


@given(st.lists(st.lists(_PIECES, max_size=5).map("".join), min_size=1, max_size=20))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_arrow_and_python_agree(texts):
    assert in_columns(texts) == [(is_sexual(text), is_about_minors(text)) for text in texts]


def test_a_thread_is_flagged_by_any_two_of_its_rows():
    sexual, ambiguous = SEXUAL_TERMS[1], next(term for term in AMBIGUOUS_TERMS if term.isalpha())
    rows = [
        ("both rows", sexual),
        ("both rows", "<b>Age:</b> 15"),
        ("one row", f"{ambiguous}, aged 12"),
        ("no minor", sexual),
        ("no minor", "<b>Age:</b> 25"),
        ("not sexual", "the child"),
        ("apart", ambiguous),
        ("apart", "the child"),
        (f"a title: {sexual}, the child", ""),
    ]
    table = ThreadTable(ask_policy=True)
    threads = table.find(*(pa.array(column) for column in zip(*((thread, "[]") for thread, _ in rows), strict=True)))
    table.note(threads, pa.array([text for _, text in rows]))
    flagged = [row["title"] for row in table.table().to_pylist() if row["sexual"] and row["minor"]]
    assert sorted(flagged) == ["a title: " + sexual + ", the child", "both rows", "one row"]
