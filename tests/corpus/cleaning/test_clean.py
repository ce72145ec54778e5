"""What a reader of the scene sees of a forum post."""

import pytest

from jobs.corpus.clean import MENTION_CLOSE, MENTION_OPEN, Style, clean
from jobs.corpus.mojibake import repair


def mention(name):
    return f"{MENTION_OPEN}{name}{MENTION_CLOSE}"


@pytest.mark.parametrize(
    ("message", "text"),
    [
        # paragraphs and line breaks
        ("<p>One.</p>\n<p>Two.</p>", "One.\n\nTwo."),
        ("<p>One,<br/>two.</p>", "One,\ntwo."),
        ("One.<br><br>Two.", "One.\n\nTwo."),
        ("no tags\nbut lines\r\n\r\nand paragraphs", "no tags\nbut lines\n\nand paragraphs"),
        ("<ul><li>rope</li><li>lamp</li></ul>", "rope\n\nlamp"),
        ("  <p> much \n  space&nbsp; here </p> ", "much space here"),
        # emphasis
        ("<p>I <em>know </em>you.</p>", "I *know* you."),
        ("[b]Halt![/b] he [I]whispered[/I].", "*Halt!* he *whispered*."),
        ("<strong><em>Both</em></strong>", "*Both*"),
        ("<em>one</em> <em>two</em>", "*one two*"),
        ("<p><em>over</p><p>two</em> lines</p>", "*over*\n\n*two* lines"),
        ("“<em>Run</em>”", "“*Run*”"),
        ("*nods* <em>*waves*</em>", "*nods* *waves*"),
        ("Okay,</em> stray[/i] tags", "Okay, stray tags"),
        # what is content stays
        ('"Don\'t," she said — ‘never’… it’s 5 < 6 & more', '"Don\'t," she said — ‘never’… it’s 5 < 6 & more'),
        ("&ldquo;It&#39;s&rdquo; &amp; caf&eacute;", "“It's” & café"),
        ("[laughter] and [FRAME 88120] stay", "[laughter] and [FRAME 88120] stay"),
        ("♪ a song ♪ of ½ © 2", "♪ a song ♪ of ½ © 2"),
        # BBCode
        ("[hider=Map]Room 14[/hider]<p>After.</p>", "Room 14\n\nAfter."),
        ("[center][color=#f00]Title[/color][/center]Text", "Title\n\nText"),
        ("[quote=Bob]said[/quote]done[hr]next", "said\n\ndone\nnext"),
        # links and pictures
        ('See <a href="http://a.example/b">the map</a> or [url=http://a.example]that[/url].', "See the map or that."),
        ("Look: https://a.example/b?c=d, [url]http://a.example[/url]right?", "Look:, right?"),
        ('<p>A<img src="x.png" alt="cat">B [img]http://a.example/b.png[/img]</p>', "AB"),
        ("a<script>alert(1)</script><style>p{}</style>b", "ab"),
        # emoji
        ("<p>Ha 😅 ✨⚔️ ❤️ 👩‍👩‍👧 🇩🇪 1️⃣ ha</p>", "Ha ha"),
        # asides out of character
        ("<p>He drew. ((brb, <em>phone</em>)) Then he fell.</p>", "He drew. Then he fell."),
        ("<p>Up. ((two</p><p>paragraphs)) Down.</p>", "Up. Down."),
        ("<p>Real.</p><p>OOC: sorry, late!</p><p><b>ooc</b> - and this</p><p>[OOC: or this]</p>", "Real."),
        ("OOCness and (one bracket) stay", "OOCness and (one bracket) stay"),
        # mentions, both forms
        ('<p><a class="bb-mention" href="/u/1">@Ann-3</a> looks up.</p>', f"{mention('Ann-3')} looks up."),
        ("She points at [@Old Bob].", f"She points at {mention('Old Bob')}."),
        ("<p>Text.</p><p>[@ann], [@bob]</p>", "Text."),
        # nothing left
        ("", ""),
        ("<p><em></em></p>", ""),
        ("<p> </p>\n<p>&nbsp;</p>", ""),
        ("((only this))", ""),
        ("[@ann] 😅", ""),
        ("<p>...</p>", "..."),
    ],
)
def test_cleaning(message, text):
    assert clean(message) == text


def test_emphasis_and_emoji_as_the_recipe_says():
    message = "<p>So <em>very</em> good 😅</p>"
    assert clean(message, Style(emphasis="drop", emoji="drop")) == "So very good"
    assert clean(message, Style(emphasis="keep", emoji="keep")) == "So *very* good 😅"


def test_private_marks_in_a_post_cannot_forge_a_mention():
    assert clean(f"<p>a {MENTION_OPEN}bob{MENTION_CLOSE} b</p>") == "a bob b"


def test_a_giant_post_is_not_cut():
    assert len(clean("<p>" + "word " * 50_000 + "</p>")) == 249_999


def test_deep_nesting_is_no_problem():
    assert clean("<div>" * 5_000 + "deep") == "deep"


@pytest.mark.parametrize(
    ("broken", "meant"),
    [
        ("donâ€™t", "don’t"),
        ("â€œCafÃ©â€\x9d â€” yes", "“Café” — yes"),
        ("Ã la carte, château, naïve “x”", "Ã la carte, château, naïve “x”"),
    ],
)
def test_text_that_was_decoded_wrongly_is_repaired(broken, meant):
    assert repair(broken) == meant
