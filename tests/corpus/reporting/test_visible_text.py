"""Forum text on a page: nothing hides, differences are marked."""

from jobs.corpus.reporting.visible_text import difference, visible


def test_visible_text_names_what_shows_nothing():
    assert visible("a<\u202eb\r\n") == ('a&lt;<span class="hidden">U+202E</span>b<span class="hidden">CR</span>\n')


def test_a_difference_marks_words_and_line_breaks():
    assert difference("one two three", "one 2 three") == ("one <del>two</del> three", "one <ins>2</ins> three")
    assert difference("a b c", "x y c") == ("<del>a b</del> c", "<ins>x y</ins> c")
    assert difference("a</p>b", "a\nb") == ("a<del>&lt;/p&gt;</del>b", "a<ins>↵\n</ins>b")
    assert difference("same & same", "same & same") == ("same &amp; same", "same &amp; same")
