"""Which contact details leave a post, and what only looks like them. All are from reserved ranges."""

import timeit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.corpus.cleaning.contact_details import EMAIL, IP_ADDRESS, PHONE, email, ip_address, phone


def without_details(text):
    return ip_address(phone(email(text)))


@pytest.mark.parametrize(
    "address",
    [
        "bob@example.com",
        "Bob.Smith+rp@mail.example.co.uk",
        "bob_7@example.museum",
        "bob (at) example (dot) com",
        "bob[at]mail.example[dot]org",
        "BOB {AT} example.net",
        "bob at example dot com",
        "björn@bücher.example",
    ],
)
def test_email_addresses(address):
    assert email(f"Write to {address}, or not.") == f"Write to {EMAIL}, or not."


@pytest.mark.parametrize(
    "number",
    [
        # international
        "+44 7700 900977",
        "+447700900977",
        "+44 (0)20 7946 0421",
        "0044 7700 900142",
        "+1 535 555 0173",
        "+1 (535) 555-0173",
        "+49 30 12345678",
        "+353 87 123 4567",
        "+33 6 12 34 56 78",
        # North America
        "(474) 555-0121",
        "(474)555-0121",
        "215-555-0106",
        "517.555.0120",
        "517 555 0120",
        "215/555-0106",
        "215 – 555 – 0106",
        "215\u2011555\u20110106",
        "1-800-555-0199",
        "1 (800) 555 0199",
        "2155550106",
        "12155550106",
        "555-0123",
        "215-555-0106 x12",
        "215-555-0106, ext. 1234",
        # trunk zero
        "020 7946 0421",
        "(020) 7946 0421",
        "07700 900142",
        "07700900142",
        "07700-900-142",
        "0117 496 0123",
        "01632 960 123",
        "02079460421",
        "(02) 5550 1234",
        "0412 345 678",
        "030 12345678",
    ],
)
def test_phone_numbers(number):
    assert phone(f"Ring me: {number}.") == f"Ring me: {PHONE}."
    assert phone(f"*{number}* or_{number}_, please") == f"*{PHONE}* or_{PHONE}_, please"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("call me at 234-5678 now", f"call me at {PHONE} now"),
        ("Phone number: 234-5678", f"Phone number: {PHONE}"),
        ("+44 7700 900977 215-555-0106", f"{PHONE} {PHONE}"),
        ("215-555-0106/215-555-0107", f"{PHONE}/{PHONE}"),
        ("07700 900142 10 times", f"{PHONE} 10 times"),
        ("+5 to hit; 12 215-555-0106", f"+5 to hit; 12 {PHONE}"),
        ("+5 215-555-0106", f"+5 {PHONE}"),
    ],
)
def test_phone_numbers_among_other_numbers(text, left):
    assert phone(text) == left


@pytest.mark.parametrize(
    "address",
    [
        "192.0.2.7",
        "10.90.35.100:25565",
        "1.2.3.4",
        "2001:db8::1",
        "2001:DB8:0:0:0:0:0:1",
        "fe80::1",
        "::ffff:192.0.2.1",
        "[2001:db8::1]:25565",
        "2001:db8::",
    ],
)
def test_ip_addresses(address):
    assert ip_address(f"Our server: {address}, join!") == f"Our server: {IP_ADDRESS}, join!"


@pytest.mark.parametrize(
    "text",
    [
        # dice, stat blocks, versions
        "I rolled 3d6+12 for that.",
        "2d20 + 5, 3d6+12 1000 2000",
        "STR 18 DEX 14 CON 16 INT 10 WIS 12 CHA 8",
        "18 14 16 10 12 8, then +5 10 15 20 25",
        "HP: 120/150",
        "Version 2.10.3 of the rules, v1.2.3.4 of the sheet.",
        # times, dates, ranges
        "Meet at 10:30, room 555.",
        "12:30:45 or 2015-12-21T18:48:35 or 2015-12-21 18:48",
        "Born 12-14-1887 in Hexham, 14.12.1887, 1887-12-14, 12/14/1887.",
        "1914-1918, 1914–1918, 01.02.2014 08.03.2014",
        # sums and counts
        "It cost 1,200-1,400 gold.",
        "1000000 gold, 5000000000 credits, 1,000,000,000 souls",
        "500-1000 words, 100 200 3000",
        "the units 215 555 010 and 555-666",
        # ids
        "12345678901234567890 and 0123 4567 8901 2345 and 978-0-306-40615-7",
        "created 1450000000",
        # not addresses
        "999.1.2.3 and 1.2.3.4.5",
        ":: and ::1 and 12::30 and a::b and :100:: and Abe::Ed",
        "@bob, a@b, 5 potions@5.30 each, (at) once, a dot here",
        "",
    ],
)
def test_what_only_looks_like_it_stays(text):
    assert without_details(text) == text


_RICH = st.text("0123456789012345.@+()[]:-/ \u2013axdfé_,", max_size=60)
_DETAILS = [
    "215-555-0106",
    "+44 7700 900977",
    "07700 900142",
    "192.0.2.7",
    "2001:db8::1",
    "555-0123",
    "bob@example.com",
]
_FRAGMENTS = ["bob (at) example (dot) com", "call 234-5678", "+1", "00", "x12", " dot com", "[at]", "::"]
_PIECES = st.sampled_from([EMAIL, PHONE, IP_ADDRESS, *_DETAILS, *_FRAGMENTS, *"0123456789.@+()[]:-/ ,x_"])
_TEXT = _RICH | st.lists(_PIECES, max_size=8).map("".join)


@given(_TEXT)
@settings(max_examples=2000, deadline=None)
@pytest.mark.parametrize("rule", [email, phone, ip_address, without_details])
def test_a_second_time_changes_nothing(rule, text):
    once = rule(text)
    assert rule(once) == once


@given(st.text(max_size=200))
def test_texts_without_digits_and_at_signs_stay(text):
    text = "".join(c for c in text if c != "@" and not c.isdigit())
    assert phone(ip_address(text)) == text


@pytest.mark.parametrize(
    "text", ["1-" * 50_000, "+1 2" * 25_000, "1.1.1." * 20_000, ":a" * 50_000, "a.a" * 30_000 + "@b"]
)
def test_odd_posts_take_no_longer_than_their_length_does(text):
    assert timeit.timeit(lambda: without_details(text), number=1) < 2


def test_a_post_without_digits_costs_a_few_microseconds():
    post = "She looked across the water, and nothing moved but the reeds. " * 3
    assert min(timeit.repeat(lambda: without_details(post), number=2000, repeat=5)) / 2000 < 20e-6
