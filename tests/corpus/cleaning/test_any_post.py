"""What holds for every post, however it is written, and for every recipe."""

import html
import re
import time

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contracts.recipe import Clean
from jobs.corpus.cleaning.clean import Cleaner
from jobs.corpus.cleaning.ordinary import clean_ordinary
from tests.corpus.cleaning.posts import ordinary_posts, posts, recipes

ON = Clean()
_HTML = re.compile(r"<[A-Za-z/!?]")
_BBCODE = re.compile(
    r"\[/?(?:b|i|u|s|quote|hider|spoiler|url|img|dice|roll|center|ooc|color|hr|\*)(?:=[^\[\]\n]*)?\]", re.I | re.A
)
OFF = {"quotes": "keep", "spoilers": "keep", "emphasis": "drop", "emoji": "keep"}


@given(message=posts, rules=recipes)
@settings(max_examples=1500)
@example(message="\u0130[\u0130]", rules=ON)
@example(message="<a[/hider]/>[url=>", rules=ON)
@example(message="<p-1&para[/dice]a@b.com12:30>", rules=ON)
@example(message="</::<&amp;lt;[/spoiler]", rules=ON)
@example(message="[laughs &amp; <em>goes</em>]", rules=ON)
@example(message="â€&#3;&mdash;", rules=ON)
@example(message="ww. at \u2028\u2028example dot com", rules=ON)
@example(message="+44 7700 ((brb)) 900123", rules=ON)
@example(message="[@a[b]]", rules=ON.model_copy(update={"mentions": False}))
@example(message="[/b]", rules=ON.model_copy(update={"bbcode": False}))
@example(message="ß<i>Ã¢â‚¬Å“", rules=ON.model_copy(update={"emphasis": "drop"}))
@example(message="(OOC[b]@x.com", rules=ON.model_copy(update={"emphasis": "drop", "invisible": False}))
@example(message="[url=55&amp; a]", rules=ON.model_copy(update={"bbcode": False}))
def test_cleaning_what_is_clean_changes_nothing(message, rules):
    cleaner = Cleaner(rules)
    text, fired = cleaner.clean(message)
    assert cleaner.clean(text)[0] == text
    assert not {name for name in fired if getattr(rules, name) == OFF.get(name, False)}


@given(message=posts | ordinary_posts)
@settings(max_examples=3000)
@example(message="bob at&nbsp;example&nbsp;dot&nbsp;com")
@example(message="<p>One.</p>\n<p>“<em>Two</em>” &amp; [b]three[/b]</p>")
def test_a_post_comes_out_as_the_long_way(message):
    cleaner = Cleaner(ON)
    (text,), (fired,) = cleaner.clean_all(pa.array([message]))
    other, also_fired = cleaner.clean(message)
    assert (text, set(fired)) == (other, set(also_fired))


@given(messages=st.lists(posts | ordinary_posts), rules=recipes)
@settings(max_examples=500)
def test_each_post_of_many_comes_out_as_alone(messages, rules):
    cleaner = Cleaner(rules)
    texts, fired = cleaner.clean_all(pa.array(messages, pa.string()))
    assert texts == [cleaner.clean(message)[0] for message in messages]
    assert list(map(set, fired)) == [set(cleaner.clean(message)[1]) for message in messages]


def refused(message):
    raise AssertionError(f"{message}: not simple")


def test_the_ordinary_post_takes_the_shortcut():
    message = "<p>“Run,” she said — and he <em>ran</em>.</p>\n<p>It&#39;s late &amp; [i]dark[/i].<br/>A café.</p>"
    texts, fired = clean_ordinary(pa.array([message]), refused)
    assert texts == ["“Run,” she said — and he *ran*.\n\nIt's late & *dark*.\nA café."]
    assert fired == [("html", "bbcode", "emphasis")]


@given(message=posts)
@settings(max_examples=1500)
@example(message="[/url]23ooc))K&lt[/b][/&mdash;</::<&amp;lt;[/spoiler]")
@example(message="&lt;p&gt;I[*][/url&amp;#&#157;Kww.]")
@example(message="&amp;lt;script&amp;gt; [&#98;]b[/b]")
def test_no_markup_is_left(message):
    text, _ = Cleaner(ON).clean(message)
    assert not _HTML.search(text)
    assert not _BBCODE.search(text)
    assert html.unescape(text) == text
    assert not set(text) & set("\x02\x03\r\t\x0b\0\u200b\xa0")


@given(message=posts)
@settings(max_examples=500)
def test_lines_are_trimmed_and_paragraphs_not_empty(message):
    text, _ = Cleaner(ON).clean(message)
    assert "\n\n\n" not in text
    assert "  " not in text
    assert [line for line in text.split("\n") if line != line.strip()] == []
    assert text == text.strip()


@pytest.mark.parametrize(
    "unit",
    [
        "<b",
        "</",
        "<!--",
        "[b",
        "[@",
        "[quote=",
        "((",
        "( ",
        "&amp;",
        "&",
        "<em>",
        "[i]",
        "Ã¢",
        "\u0301",
        "OOC ",
        " at a dot",
        "*",
        "<p>(OOC ",
    ],
)
def test_long_runs_take_no_more_than_moments(unit):
    message = unit * (60_000 // len(unit))
    begin = time.process_time()
    Cleaner(ON).clean(f"{message} end")
    assert time.process_time() - begin < 5
