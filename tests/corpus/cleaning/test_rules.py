"""Each rule of the recipe, on and off: what it takes away, and that the report hears of it."""

import pytest

from contracts.recipe import Clean
from jobs.corpus.cleaning.clean import RULES, Cleaner

CASES = [
    # rule, setting that switches it on, setting that switches it off, post, text when on, text when off
    ("mojibake", True, False, "donâ€™t", "don’t", "donâ€™t"),
    ("invisible", True, False, "a\u200bb\x07", "ab", "a\u200bb\x07"),
    ("html", True, False, "<p>a &amp; b</p>", "a & b", "<p>a &amp; b</p>"),
    ("bbcode", True, False, "[center]a[/center] b", "a\n\nb", "[center]a[/center] b"),
    ("images", True, False, "[img]map.png[/img] a", "a", "map.png a"),
    ("dice", True, False, "[dice=1d6]4[/dice] a", "a", "4 a"),
    ("dice", True, False, '<div class="bb-dice">1d6: 4</div>a', "a", "1d6: 4\n\na"),
    ("quotes", "drop_cited", "keep", "[quote=Bob]a[/quote]b", "b", "a\n\nb"),
    ("quotes", "drop", "keep", "[quote]a[/quote]b", "b", "a\n\nb"),
    ("spoilers", "drop", "keep", "[hider=Map]a[/hider]b", "b", "a\n\nb"),
    ("emphasis", "keep", "drop", "<b>a</b> b", "*a* b", "a b"),
    ("mentions", True, False, '<a class="bb-mention" href="/u/1">@ann</a> nods', "[@ann] nods", "@ann nods"),
    ("mentions", True, False, "[@ann] nods", "[@ann] nods", "@ann nods"),
    ("links", True, False, "see https://a.example/b there", "see there", "see https://a.example/b there"),
    ("links", True, False, "see [url]a.example/b[/url] there", "see there", "see a.example/b there"),
    ("asides", True, False, "a ((b (c))) d", "a d", "a ((b (c))) d"),
    ("asides", True, False, "a [ooc]b[/ooc] c", "a\n\nc", "a\n\nb\n\nc"),
    ("ooc", True, False, "a\nOOC: b", "a", "a\nOOC: b"),
    ("ooc", True, False, "a (OOC: b) c", "a c", "a (OOC: b) c"),
    ("emoji", "drop", "keep", "a 😅 b", "a b", "a 😅 b"),
    ("email", True, False, "ask bob@example.com now", "ask [e-mail address] now", "ask bob@example.com now"),
    ("phone", True, False, "call 555-123-4567 now", "call [phone number] now", "call 555-123-4567 now"),
    ("ip_address", True, False, "at 192.0.2.7 now", "at [IP address] now", "at 192.0.2.7 now"),
]


@pytest.mark.parametrize(("rule", "on", "off", "post", "text_on", "text_off"), CASES)
def test_a_rule_works_when_it_is_on_and_only_then(rule, on, off, post, text_on, text_off):
    text, fired = Cleaner(Clean(**{rule: on})).clean(post)
    assert (text, rule in fired) == (text_on, True)
    text, fired = Cleaner(Clean(**{rule: off})).clean(post)
    assert (text, rule in fired) == (text_off, False)


def test_every_rule_has_a_case():
    assert {case[0] for case in CASES} == set(RULES)


def test_plain_text_asks_for_no_rule():
    assert Cleaner(Clean()).clean("“Run,” she said.\n\nHe didn't — it’s 5 o'clock…") == (
        "“Run,” she said.\n\nHe didn't — it’s 5 o'clock…",
        [],
    )
