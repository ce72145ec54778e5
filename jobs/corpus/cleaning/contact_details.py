"""Contact details in a post: e-mail addresses, phone numbers, IP addresses. Each has its own function.

In: plain text, after HTML and BBCode. Out: the same text with a placeholder for each one found.

Every function leaves alone what it has already worked on, and `ip_address(phone(email(text)))` does so too:
a placeholder blocks its neighbours exactly as the digits blocked them that it stands for.
"""

import ipaddress
import re

import phonenumbers

EMAIL, PHONE, IP_ADDRESS = "[e-mail address]", "[phone number]", "[IP address]"

PLACEHOLDERS = (EMAIL, PHONE, IP_ADDRESS)
_PLACEHOLDERS = [re.escape(placeholder) for placeholder in PLACEHOLDERS]


def _whole(pattern: str, *joints: str) -> str:
    """`pattern` where it is no piece of a longer word or number; `joints` are what glues digits to digits."""
    before = "".join(rf"(?<!{end}{joint})" for end in _PLACEHOLDERS for joint in ("", *joints))
    before += "".join(rf"(?<!\d{joint})" for joint in joints)
    joint = f"(?:{'|'.join(joints)})"
    after = rf"(?!{joint}\d)(?!{joint}?(?:{'|'.join(_PLACEHOLDERS)}))"
    return rf"(?<![^\W_]){before}(?:{pattern})(?![^\W_]){after}"


# E-mail: a local part of at most 64 characters (RFC 5321), a domain that ends in letters.
_LOCAL = "".join(f"(?<!{end})" for end in _PLACEHOLDERS) + r"(?<![\w%+-])\w[\w.%+-]{0,63}"
_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_DOMAINS = "com|org|net|edu|gov|info|uk|ca|au|nz|ie|de|fr|nl|se|eu"
_EMAIL = re.compile(rf"{_LOCAL}@(?:{_LABEL}\.){{1,8}}[^\W\d_]{{2,24}}(?!\w)")
_EMAIL_IN_WORDS = re.compile(
    # ann (at) example (dot) com, ann [at] example.com; without brackets only before a well-known domain
    rf"{_LOCAL}\ ?[\[({{]at[\])}}]\ ?{_LABEL}(?:(?:\.|\ ?[\[({{]dot[\])}}]\ ?|\ dot\ ){_LABEL}){{1,4}}(?!\w)"
    rf"|{_LOCAL}\ at\ {_LABEL}(?:\ dot\ {_LABEL}){{0,3}}\ dot\ (?:{_DOMAINS})(?!\w)",
    re.IGNORECASE,
)
_DOT_DOMAIN = re.compile(rf" dot (?:{_DOMAINS})(?!\w)", re.IGNORECASE)


def email(text: str) -> str:
    """`text` with each e-mail address replaced by `EMAIL`, also when @ and dots are written as (at) and (dot)."""
    if "@" in text and _has_local_part(text):
        text = _EMAIL.sub(EMAIL, text)
    return _EMAIL_IN_WORDS.sub(EMAIL, text) if _may_be_in_words(text) else text


def may_be_in(text: str) -> bool:
    """Whether one of the rules may find something in `text`, its @ signs aside: a cheap test."""
    return _may_be_in_words(text) or _may_be_phone(text) or _may_be_ipv4(text) or _may_be_ipv6(text)


def _may_be_in_words(text: str) -> bool:
    if (" dot " in text or " DOT " in text or " Dot " in text) and _DOT_DOMAIN.search(text) is not None:
        return True
    return any(bracket in text and _ends_in_at(text, bracket) for bracket in ")]}")


def _ends_in_at(text: str, bracket: str) -> bool:
    """Whether `bracket` closes behind the word at."""
    end = text.find(bracket)
    while end >= 0:
        if text[max(end - 2, 0) : end].lower() == "at":
            return True
        end = text.find(bracket, end + 1)
    return False


def _has_local_part(text: str) -> bool:
    """Whether an @ stands behind what can end a local part: most stand before a forum name."""
    at = text.find("@")
    while at >= 0:
        if at and (text[at - 1].isalnum() or text[at - 1] in "_.%+-"):
            return True
        at = text.find("@", at + 1)
    return False


_DASH = "\\-\u2010-\u2013"
_GAP = f"(?: ?[{_DASH}.] ?|[ \u00a0])"
_GLUE = f"[{_DASH}.:]"
_SEVEN_DIGITS = re.compile(f"[0-9](?:[{_DASH}. \u00a0()/]{{0,3}}[0-9]){{6}}")
# +44 7700 900123, 0044 20 ...: how many of the groups belong to it is for the library to say
_INTERNATIONAL = (
    rf"(?:\+|00)[1-9][0-9]{{0,14}}(?:{_GAP}?\([0-9]{{1,5}}\){_GAP}?[0-9]{{1,14}}|{_GAP}[0-9]{{1,14}}){{0,7}}"
)
# 3-3-4; with nothing but spaces between, only when the three numbers could be dialled
_NORTH_AMERICAN = (
    rf"(?:1{_GAP})?(?:(?:\([0-9]{{3}}\){_GAP}?|[0-9]{{3}} ?[{_DASH}./] ?)[0-9]{{3}}{_GAP}[0-9]{{4}}"
    rf"|[02-9][0-9]{{2}} [2-9][0-9]{{2}}{_GAP}[0-9]{{4}})"
)
# A trunk zero, as in Britain, Ireland, Germany, Australia: 020 7946 0123, (0117) 496 0123, 0412 345 678
_TRUNK = rf"(?:\(0[0-9]{{1,4}}\) ?|0[0-9]{{1,4}}{_GAP})[0-9]{{3,8}}(?:{_GAP}[0-9]{{3,8}}){{0,2}}"
_BLOCK = r"1?[2-9][0-9]{9}|0[0-9]{10}"
_EXTENSION = r"(?:,? ?(?:x|ext\.?|extension) ?[0-9]{1,6}(?![^\W_]))?"
_PHONE = re.compile(
    _whole(
        f"(?P<international>{_INTERNATIONAL})|(?P<north_american>{_NORTH_AMERICAN})|(?P<trunk>{_TRUNK})"
        f"|(?P<block>{_BLOCK})|(?P<local>555[{_DASH}.][0-9]{{4}})",
        _GLUE,
    )
    + _EXTENSION,
    re.IGNORECASE,
)
# Seven digits are a range more often than a number ("500-1000 words"), so a word has to announce them
_ANNOUNCED = re.compile(
    r"(\b(?:call|phone|telephone|tel|cell|mobile|fax|dial|ring)\b(?: number)?"
    r"(?: (?:me|us|him|her|them|is|at|on))*[.:#]{0,2} ?)" + _whole(f"[2-9][0-9]{{2}}[{_DASH}.][0-9]{{4}}", _GLUE),
    re.IGNORECASE,
)


def phone(text: str) -> str:
    """`text` with each phone number replaced by `PHONE`, fictional ones (555, 07700 900…) included.

    International numbers in any grouping; national ones of North America and with a trunk zero. Other runs of
    digits stay: dates, ranges, sums, dice, and blocks of more than 11 digits, which are ids.
    """
    if not _may_be_phone(text):
        return text
    pieces, done, at = [], 0, 0
    while match := _PHONE.search(text, at):
        end = _end_of_number(match)
        if end is None:
            at = match.start() + 1
        else:
            pieces += [text[done : match.start()], PHONE]
            done = at = end
    return _ANNOUNCED.sub(rf"\1{PHONE}", "".join(pieces) + text[done:])


def _may_be_phone(text: str) -> bool:
    return _digits(text) >= 7 and _SEVEN_DIGITS.search(text) is not None


def _digits(text: str) -> int:
    """How many digits there are."""
    encoded = text.encode()
    return len(encoded) - len(encoded.translate(None, b"0123456789"))


def _end_of_number(match: re.Match) -> int | None:
    """Where the phone number that begins with `match` ends, None when it is something else."""
    kind = match.lastgroup
    if kind in ("north_american", "local"):
        return match.end()
    if kind == "block":
        region = "GB" if match[kind].startswith("0") else "US"
        return match.end() if match[kind].startswith("07") or _valid(match[kind], region) else None
    accept = _international if kind == "international" else _with_trunk_zero
    if accept(match[kind]):
        return match.end()
    # groups of digits that follow a number with a space between: "07700 900123 10 times"
    ends = [match.start() + gap.start() for gap in re.finditer("[ \u00a0]", match[kind])]
    return next((end for end in reversed(ends) if accept(match.string[match.start() : end])), None)


def _international(number: str) -> bool:
    """The first group is a country code, or all is one block; the length is one that the country has."""
    number = re.sub(r"^00", "+", number)
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return False
    first = re.match(r"\+([0-9]+)", number)[1]
    return phonenumbers.is_possible_number(parsed) and (len(first) > 3 or first == str(parsed.country_code))


def _with_trunk_zero(number: str) -> bool:
    return sum(character.isdigit() for character in number) in (10, 11)


def _valid(number: str, region: str) -> bool:
    return phonenumbers.is_valid_number(phonenumbers.parse(number, region))


_FOUR_NUMBERS = re.compile(r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]")
_IPV4 = re.compile(_whole(r"(?P<address>[0-9]{1,3}(?:\.[0-9]{1,3}){3})(?::[0-9]{1,5})?", r"\."))
_GROUPS = r"(?:::|[0-9a-f])[0-9a-f:]{1,37}(?:[0-9a-f]|::|(?:\.[0-9]{1,3}){3})"
_IPV6 = re.compile(
    _whole(
        rf"\[(?P<bracketed>{_GROUPS})\](?::[0-9]{{1,5}})?|(?<![0-9a-f]:)(?<![0-9a-f]::)(?P<address>{_GROUPS})(?!::)",
        "[.:]",
        "::",
    ),
    re.IGNORECASE,
)


# RFC 4291: global unicast, unique local, link-local, IPv4-mapped. The rest is what `12::30` and `face::bed` would be
_IPV6_NETWORKS = [ipaddress.ip_network(network) for network in ("2000::/3", "fc00::/7", "fe80::/10", "::ffff:0:0/96")]


def ip_address(text: str) -> str:
    """`text` with each IPv4 or IPv6 address, and the :port behind it, replaced by `IP_ADDRESS`.

    Four numbers up to 255 between dots are an address even where a version was meant.
    """
    if _may_be_ipv6(text):
        text = _IPV6.sub(_ip, text)
    return _IPV4.sub(_ip, text) if _may_be_ipv4(text) else text


def _may_be_ipv4(text: str) -> bool:
    return text.count(".") >= 3 and _digits(text) >= 4 and _FOUR_NUMBERS.search(text) is not None


def _may_be_ipv6(text: str) -> bool:
    return "::" in text or text.count(":") > 6


def _ip(match: re.Match) -> str:
    try:
        address = ipaddress.ip_address(match["address"] or match["bracketed"])
    except ValueError:
        return match[0]
    return IP_ADDRESS if address.version == 4 or any(address in network for network in _IPV6_NETWORKS) else match[0]
