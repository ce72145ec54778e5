"""What a reader of the scene sees of a forum post."""

import pytest

from contracts.recipe import Clean
from jobs.corpus.cleaning.clean import Cleaner


def text_of(message, **rules):
    return Cleaner(Clean(**rules)).clean(message)[0]


@pytest.mark.parametrize(
    ("message", "text"),
    [
        # paragraphs and line breaks
        ("<p>One.</p>\n<p>Two.</p>", "One.\n\nTwo."),
        ("<p>One.</p>\n\n\n<p></p><p>Two.</p>", "One.\n\nTwo."),
        ("<p>One,<br/>two.</p>", "One,\ntwo."),
        ("<P>One,<BR>two.</P>", "One,\ntwo."),
        ("One.<br><br>Two.", "One.\n\nTwo."),
        ("no tags\nbut lines\r\n\r\nand paragraphs\rand more", "no tags\nbut lines\n\nand paragraphs\nand more"),
        ("<ul><li>rope</li><li>lamp</li></ul>", "rope\n\nlamp"),
        ("<table><tr><td>Name</td><th>Bob</th></tr></table>", "Name\n\nBob"),
        ("[table][row][cell]Name[/cell][cell]Bob[/cell][/row][/table]", "Name\n\nBob"),
        ("  <p> much \n  space&nbsp; here </p> ", "much space here"),
        ("a\tb\u3000c\u00a0d\u2028e", "a b c d e"),
        # what is content stays
        ('"Don\'t," she said — ‘never’… it’s 5 < 6 & more', '"Don\'t," she said — ‘never’… it’s 5 < 6 & more'),
        ("<p>“So – or so—” it’s ‘it’, 'it' -- &quot;it&quot;</p>", "“So – or so—” it’s ‘it’, 'it' -- \"it\""),
        ("[laughter] and [FRAME 88120] stay", "[laughter] and [FRAME 88120] stay"),
        (
            "[i think so] [center of town] [b brother] [quote me]",
            "[i think so] [center of town] [b brother] [quote me]",
        ),
        ("♪ a song ♪ of ½ © 2", "♪ a song ♪ of ½ © 2"),
        ("I <3 you, he <- her, >_> 1<2 <o_o>", "I <3 you, he <- her, >_> 1<2 < o_o>"),
        ("<3 <b>one</b> &amp; [i]two[/i] >", "<3 *one* & *two* >"),
        ("[He <em>laughs</em> &amp; [b]goes[/b]]", "[He *laughs* & *goes*]"),
        # BBCode
        ("[center][color=#f00]Title[/color][/center]Text", "Title\n\nText"),
        ("[list][*]rope[*]lamp[/list]done[hr]next", "rope\nlamp\n\ndone\nnext"),
        ("[B]Halt![/B][SIZE=7] now[/SIZE] [İ]", "*Halt!* now [İ]"),
        ("[img width=30 height=40]u[/img]after", "after"),
        # what only a parser understands
        ("a<script>alert(1)</script><style>p{}</style>b", "ab"),
        ("a<!-- <b>no</b> \n [b]no[/b] -->b<!doctype html>c<?php no ?>d", "abcd"),
        ('<a href="x"\ntitle="y">words</a> <p class=x>more', "words\n\nmore"),
        ("<sarcasm>Yes</sarcasm>, <o:p>no</o:p>", "Yes, < o:p>no"),
        ("<svg><text>no</text></svg><iframe src=x>no</iframe>yes", "yes"),
        ("The end <b", "The end"),
        ("<Old-man says> & <b", "< Old-man says> &"),
        # nothing left
        ("", ""),
        ("<p><em></em></p>", ""),
        ("<p> </p>\n<p>&nbsp;</p>", ""),
        ("((only this))", ""),
        ("[@ann] 😅", ""),
        ("<p>...</p>", "..."),
        ("<p>Text.</p><p>[@ann], [@bob]</p><p>**</p>", "Text."),
    ],
)
def test_cleaning(message, text):
    assert text_of(message) == text


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("<p>I <em>know </em>you.</p>", "I *know* you."),
        ("[b]Halt![/b] he [I]whispered[/I].", "*Halt!* he *whispered*."),
        ("“<em>Run</em>”", "“*Run*”"),
        ("<strong><em>Both</em></strong>", "*Both*"),
        ("a <b>b <i>c</i> d</b> e", "a *b c d* e"),
        ("[b][i]crossed[/b] over[/i] end", "*crossed over* end"),
        ("<em>one</em> <em>two</em>", "*one two*"),
        ("<em>one</em>, <em>two</em>", "*one*, *two*"),
        ("<p><em>over</p><p>two</em> lines</p>", "*over*\n\n*two* lines"),
        ("<p>a <em>never closed</p><p>next</p>", "a *never closed*\n\nnext"),
        ("<em>one<br>two</em>", "*one\ntwo*"),
        ("*nods* <em>*waves*</em>", "*nods* *waves*"),
        ("Okay,</em> stray[/i] tags", "Okay, stray tags"),
        ("a<b></b>b <i> </i> c", "ab c"),
        ("a \x02forged\x03 &#2;mark&#3; b", "a forged mark b"),
    ],
)
def test_emphasis(message, text):
    assert text_of(message) == text
    assert text_of(message, emphasis="drop") == text.replace("*nods* *waves*", "_").replace("*", "").replace(
        "_", "*nods* *waves*"
    )


@pytest.mark.parametrize(
    ("message", "drop_cited", "drop", "keep"),
    [
        ("[quote=Bob]said[/quote]done", "done", "done", "said\n\ndone"),
        ("[quote]said[/quote]done", "said\n\ndone", "done", "said\n\ndone"),
        ('<blockquote cite="/post/7">said</blockquote>done', "done", "done", "said\n\ndone"),
        ("<blockquote>said</blockquote>done", "said\n\ndone", "done", "said\n\ndone"),
        ('<div class="bb-quote"><b>Bob</b> said</div>done', "done", "done", "*Bob* said\n\ndone"),
        ("[quote=Bob][quote=Ann]first[/quote]second[/quote]done", "done", "done", "first\n\nsecond\n\ndone"),
        ("[quote]a[quote=Ann]b[/quote]c[/quote]d", "a\n\nc\n\nd", "d", "a\n\nb\n\nc\n\nd"),
        ("[quote=Bob]never closed", "never closed", "never closed", "never closed"),
        ("[quote=Bob]a[quote=Ann]b[/quote]c", "a\n\nc", "a\n\nc", "a\n\nb\n\nc"),
        ("stray[/quote] end", "stray\n\nend", "stray\n\nend", "stray\n\nend"),
        ("<blockquote cite=x>never closed<p>end", "never closed\n\nend", "never closed\n\nend", "never closed\n\nend"),
    ],
)
def test_quotes(message, drop_cited, drop, keep):
    assert (text_of(message), text_of(message, quotes="drop"), text_of(message, quotes="keep")) == (
        drop_cited,
        drop,
        keep,
    )


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("<p>He drew. ((brb, <em>phone</em>)) Then he fell.</p>", "He drew. Then he fell."),
        ("<p>Up. ((two</p><p>paragraphs)) Down.</p>", "Up. Down."),
        ("a ((b (c (d)) e)) f ((g)) h", "a f h"),
        ("a ((b (c))) d", "a d"),
        ("a (((b))) d", "a d"),
        ("a (b) ((never closed", "a (b) ((never closed"),
        ("a ((b) c", "a ((b) c"),
        ("a b)) c (d)) e", "a b)) c (d)) e"),
        ("a ((b) (c)) d", "a d"),
        ("<p>Real.</p><p>OOC: sorry, late!</p><p><b>ooc</b> - and this</p><p>[OOC: or this]</p>", "Real."),
        ("((OOC: both)) Real.", "Real."),
        ("(OOC: brb) She walks. (ooc - done) She sits.", "She walks. She sits."),
        ("Real.\n(OOC: over\ntwo lines) On.", "Real.\nOn."),
        ("Real.[ooc]said[/ooc]On.", "Real.\n\nOn."),
        ("OOCness and (one bracket) stay", "OOCness and (one bracket) stay"),
        ("He said OOC things", "He said OOC things"),
    ],
)
def test_out_of_character(message, text):
    assert text_of(message) == text


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ('<p><a class="bb-mention" href="/u/1">@Ann-3</a> looks up.</p>', "[@Ann-3] looks up."),
        ("<span class='user-mention'><b>@Ann</b> the <i>3rd</i></span> looks up.", "[@Ann the 3rd] looks up."),
        ("She points at [@Old Bob].", "She points at [@Old Bob]."),
        ("She points at [@ Bob ] and [@Tom &amp; Co].", "She points at [@Bob] and [@Tom & Co]."),
        ("[@bob", "[@bob"),
        (f"[@{'b' * 61}] is no name", f"[@{'b' * 61}] is no name"),
        (f'<a class="mention">{"b" * 61}</a>is none', "is none"),
        ("mail@ and @bob stay", "mail@ and @bob stay"),
    ],
)
def test_mentions(message, text):
    assert text_of(message) == text


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ('See <a href="http://a.example/b">the map</a> or [url=http://a.example]that[/url].', "See the map or that."),
        ("Look: https://a.example/b?c=d, [url]http://a.example[/url]right?", "Look:, right?"),
        ("At WWW.A.EXAMPLE/x!", "At!"),
        ("An inn, www-like, http is fine: ://", "An inn, www-like, http is fine: ://"),
        ('<p>A<img src="x.png" alt="cat">B [img]http://a.example/b.png[/img]</p>', "AB"),
        ("[youtube]dQw4w9[/youtube]<video src=x>no video</video><audio></audio>Text", "Text"),
        ("<picture><source srcset=x><img src=y></picture>Text", "Text"),
        ("She rolls. [dice=1d20+4]17[/dice]", "She rolls."),
        ('<div class="bb-dice"><b>1d20</b>: 17</div>She rolls.', "She rolls."),
        ("[dice=1d20 never closed", "[dice=1d20 never closed"),
        ("She [dice=1d20]17 rolls", "She 17 rolls"),
        ("<p>Ha 😅 ✨⚔️ ❤️ 👩‍👩‍👧 🇩🇪 1️⃣ ha</p>", "Ha ha"),
    ],
)
def test_links_media_dice_and_emoji(message, text):
    assert text_of(message) == text


def test_spoilers_as_the_recipe_says():
    for message in ("[hider=Map]Room 14[/hider]After.", '<div class="bb-hider">Room 14</div><p>After.</p>'):
        assert text_of(message) == "Room 14\n\nAfter."
        assert text_of(message, spoilers="drop") == "After."
    assert text_of("[hider=Map]never closed", spoilers="drop") == "never closed"


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("&ldquo;It&#39;s&rdquo; &amp; caf&eacute; &#x2014; &hellip;", "“It’s” & café — …".replace("’", "'")),
        ("&amp;amp; &amp;quot;twice&amp;quot; &amp;amp;amp;lt;3", '& "twice" <3'),
        ("&lt;b&gt;not bold&lt;/b&gt;", "< b>not bold< /b>"),
        ("1 &lt; 2 &lt;3 &gt;", "1 < 2 <3 >"),
        ("AT&T & &co; &", "AT&T & &co; &"),
        ("[FRAME &amp; HILL]", "[FRAME & HILL]"),
    ],
)
def test_entities(message, text):
    assert text_of(message).replace("*", "") == text


@pytest.mark.parametrize(
    ("broken", "meant"),
    [
        ("donâ€™t", "don’t"),
        ("â€œCafÃ©â€\x9d â€” yes", "“Café” — yes"),
        ("Ã¢â‚¬Å“twiceÃ¢â‚¬Â\x9d, donÃ¢â‚¬â„¢t", "“twice”, don’t"),
        ("<p>caf&Atilde;&copy;</p>", "café"),
        ("Ã la carte, château, naïve “x”", "Ã la carte, château, naïve “x”"),
        ("Â£5 and a piÃ±ata", "£5 and a piñata"),
    ],
)
def test_text_that_was_decoded_wrongly_is_repaired(broken, meant):
    assert text_of(broken) == meant


def test_what_nobody_sees_goes_and_what_is_left_is_composed():
    assert text_of("a\u200bb\u00adc\ufeffd\x07e\x85f e\u0301") == "abcdef é"


@pytest.mark.parametrize(
    "message",
    [
        "bob@exam\u200bple.com",
        "bob&#64;example.com",
        "bob<b></b>@example.com",
        "bob at  example&nbsp;dot\u2003com",
        "(0117) &nbsp;496 0123",
        "+44 77<u>00</u> 900123",
        "+44 7700 ((brb)) 900123",
        "192.0.<u>2</u>.7",
    ],
)
def test_contact_details_do_not_hide_behind_markup(message):
    text, fired = Cleaner(Clean()).clean(message)
    assert {"email", "phone", "ip_address"} & set(fired)
    assert not any(char.isdigit() for char in text)
    assert "example" not in text


def test_a_giant_post_is_not_cut():
    assert len(text_of("<p>" + "word " * 50_000 + "</p>")) == 249_999


@pytest.mark.parametrize(
    "message", ["<div>" * 5_000, "[b]" * 5_000, "((" * 5_000, "<em>" * 5_000, "&amp;" * 5_000, "<" * 5_000]
)
def test_deep_nesting_is_no_problem(message):
    assert text_of(f"{message} deep").strip("*").endswith("deep")
