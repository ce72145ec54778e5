"""The conservative rule that flags sexual content about minors, by whole threads; see docs/data-policy.md.

In: raw texts. Out: two signals for each; a thread with both, in any of its texts, is left out
for `REASON`. Recall matters more than precision here. The text of such a thread is never printed, logged or stored.
"""

import functools
import re
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

REASON = "excluded.minors"
ON_REQUEST = "excluded.request"
"""For threads that the recipe names: their text is not stored or shown either."""


class Signals(NamedTuple):
    """Of each text, two booleans. A thread is flagged when any of its texts has one, and any has the other."""

    sexual: np.ndarray
    minor: np.ndarray


def _terms(listed: str) -> tuple[str, ...]:
    return tuple(" ".join(term.split()) for term in listed.split(",") if term.strip())


# The lists are patterns that RE2 (Arrow) and Python's re read alike, ASCII case and word bounds; a blank stands for
# any gap between two words, ~ for a gap or none. Each begins and ends with a letter or digit.

SEXUAL_TERMS = _terms(r"""
    penis(?:es)?, pen1s, vaginal?s?, v@gina, vulvas?, clit(?:oris|oral|s)?, labias?, genital(?:s|ia|ly)?, scrotums?,
    testicles?, foreskins?, nipples?, n1pples?, areola[es]?, boobs, b00bs, boobies, tits, t1ts, titties, titty, semen,
    private parts, orgasm(?:s|ed|ing|ic)?, ejaculat(?:es?|ed|ing|ions?), masturbat(?:es?|ed|ing|ion|ory), fellatio,
    cunnilingus, anilingus, coitus, copulat(?:es?|ed|ing|ion), fornicat(?:es?|ed|ing|ion), sodom(?:y|i[sz]ed?),
    intercourse, foreplay, anal, erections?, boners?, hard-?ons?, pre~cum, cumming, cummed, cum~shots?, jizz(?:ed)?,
    creampies?, virginity, deflower(?:s|ed|ing)?, climaxed, climaxing, threesomes?, orgy, orgies, dildos?, vibrators?,
    butt~plugs?, strap-ons?, strapons?, bdsm, dominatrix, milfs?, hentai, ecchi, futa(?:nari)?, yaoi, yiff(?:y|ing)?,
    rule~34, porn(?:o|s|hub|stars?|ography|ographic)?, p0rn, pr0n, nsfw, smut(?:ty)?, erotic(?:a|ally|ism)?, nudes,
    upskirts?, camgirls?, x-rated, sext(?:s|ed|ing), smex(?:y|ing)?, secks, seggs, s3x(?:y|ual)?, s e x, s[.*_]e[.*_]x,
    s\*x, sexed, blow~jobs?, hand~jobs?, rim~jobs?, foot~jobs?, boob~jobs?, deep~throat(?:s|ed|ing)?,
    gang~bang(?:s|ed|ing)?, lap~danc(?:es?|ing), camel~toes?, doggy~style, missionary position, cowgirl position,
    wet dreams?, morning wood, balls deep, (?:make|makes|made|making) love, (?:gets?|getting|got) laid, shagged,
    shagging, wank(?:s|ed|ing)?, mind~break, fuck~(?:buddy|buddies|toys?|dolls?|meat),
    (?:tit|titty|face|throat|skull|ass|butt|mouth)~fuck(?:s|ed|ing)?,
    f[u*@v]c?k(?:ed|ing) (?:her|him|them|each other|one another|like animals|like rabbits),
    f[u*@v]c?k(?:s|ed|ing)? (?:me|you|us) (?:hard|harder|senseless|silly|raw|deeper|faster|from behind),
    rap(?:es?|ed|ing|ists?), r[@4]p(?:es?|ed|ing), molest(?:s|ed|ing|ers?|ation)?, incest(?:uous|uously)?, bestiality,
    zoophil(?:es?|ia), p(?:a?e|3)do(?:s|phil(?:es?|ia|ic))?, lolicons?, shotacons?, jail~bait, kiddie porn,
    (?:child|sexual|sexually) (?:abus(?:e|ed|ers?|ing)|molest(?:ed|ers?|ation)|predators?),
    (?:have|has|had|having|wants?|wanted|after|during|before|oral|anal|group|rough|gay|lesbian|hot|casual) sex,
    (?:premarital|unprotected|kinky|phone|cyber|make~up|public|consensual|non~consensual|underage|forced|gentle) sex,
    (?:of|for|like|about|into|the|no|some|more|good|great|enjoys?|enjoyed|loves?|loved) sex,
    sex~(?:toys?|slaves?|slavery|scenes?|acts?|drives?|life|lives|appeal|objects?|offenders?|workers?|tapes?|dolls?),
    sex (?:with|on|in|was|addicts?|positions?|god|goddess|symbol|trade|trafficking|crimes?|dungeon),
    sexuali[sz](?:es?|ed|ing|ation), sexually (?:active|aggressive|aroused|assault(?:s|ed|ing)?|attracted|charged),
    sexually (?:explicit|frustrated|harass(?:es|ed|ing)?|mature|promiscuous|satisfied|suggestive|transmitted),
    sexual (?:acts?|activity|activities|advances?|appetites?|arousal|assaults?|attention|behaviou?rs?|contact|content),
    sexual (?:desires?|encounters?|energy|exploitation|exploits|fantasy|fantasies|favou?rs?|frustration|gratification),
    sexual (?:harassment|innuendos?|intimacy|misconduct|needs?|offen[cs]es?|organs?|partners?|pleasures?|positions?),
    sexual (?:relations|relationships?|release|situations?|slavery|slaves?|stimulation|tension|themes?|thoughts?),
    sexual (?:touch|undertones|urges?|violence), c[0*]cks?, d[1*]cks?, pu(?:\$\$|s5|5s)y, p\*ssy, c\*nts?,
    cock~suck(?:ers?|ing), (?:his|my|your|their|hard|hardened|stiff|thick|huge|massive|throbbing|erect) (?:cock|dick)s?,
    (?:veiny|swollen|suck|sucks|sucked|sucking|rides?|riding|strok(?:es?|ed|ing)) (?:the )?(?:cock|dick)s?,
    (?:throbbing|erect|stiff|hard|hardened|swollen|aching|engorged) (?:member|shaft|length|manhood)s?,
    (?:her|my|your|their|wet|tight|shaved|juicy|dripping|slick|lick(?:s|ed|ing)?) (?:puss(?:y|ies)|cunts?|twats?),
    (?:wet|slick|soaked|moist|dripping|aching|swollen) (?:folds|slit|core|sex|womanhood|cunny),
    (?:bare|naked|exposed|perky|supple|firm|pert|huge|large|big|small|tiny|budding|developing) breasts?,
    (?:fondl|grop|squeez|caress|lick|suck|knead|cupp)(?:e|es|ed|ing|s)? (?:at |on )?(?:her|my|your|his|their) breasts?,
    suck(?:s|ed|ing)? (?:him|me|you|them|her) off, jerk(?:s|ed|ing)? (?:(?:him|her|my)(?:self)? )?off,
    jack(?:s|ed|ing) (?:(?:him|my)(?:self)? )?off, (?:eats?|eating|ate) (?:her|me) out,
    finger(?:s|ed|ing)? (?:her|him|my|your)self, (?:his|her|my|your|hot|warm|sticky|of|with|swallow(?:s|ed|ing)?) cum,
    cum (?:in|inside|on|onto|for|hard|again|all over|down), moan(?:s|ed|ing)? (?:in|with|of) (?:pleasure|ecstasy|lust)
""")

AMBIGUOUS_TERMS = _terms(r"""
    sexy, sexier, sexiest, horny, arous(?:es?|ed|ing|al), naked, nakedness, nude, nudity, topless, breasts, cleavage,
    buttocks, panties, lingerie, lustful(?:ly)?, lusted, lusting, lewd(?:ly|ness)?, perv(?:s|y)?, perverts?, perverted,
    kinky, kinks, fetish(?:es)?, sluts?, slutty, whores?, hookers?, prostitut(?:es?|ed|ion), strippers?, strip~teases?,
    cunts?, puss(?:y|ies), virgins?, sperm, cum, bondage, harems?, concubines?, erp, undress(?:es|ed|ing)?,
    grop(?:es?|ed|ing), fondl(?:es?|ed|ing), spank(?:s|ed|ing)?, seduc(?:es?|ed|ing|tion|tive|tively),
    impregnat(?:es?|ed|ing), (?:sleep|sleeps|sleeping|slept) with (?:her|him|me|them|you),
    consummat(?:es?|ed|ing|ion)
""")
"""Sexual in a row that is about minors, mostly innocent elsewhere."""

MINOR_TERMS = _terms(r"""
    child, children, childlike, kids?, kiddos?, kiddies, teen, teen~age(?:d|rs?)?, pre~teens?, tweens?, under~aged?,
    toddlers?, infants?, newborns?, babies, adolescen(?:ts?|ce), juveniles?, (?:pre~)?pubescents?, puberty, youngsters?,
    younglings?, orphans?, urchins?, minors, age of consent, (?:girl|boy) scouts?, sweet sixteen, lolis?, lolitas?,
    lolicons?, shotas?, shotacons?, jail~bait, p(?:a?e|3)do(?:s|phil(?:es?|ia|ic))?, kindergart(?:en|eners?|ners?),
    school~(?:girls?|boys?|kids?|child|children), pre~school(?:ers?)?, junior high,
    (?:high|middle|grade|grammar|elementary|primary|secondary|boarding)~school(?:ers?)?,
    (?:little|young|younger|small|teen|innocent) (?:girls?|boys?|lads?|lass|lasses|brothers?|sisters?|sis),
    (?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth)~grade(?:rs?)?,
    (?:1st|2nd|3rd|[4-9]th|1[0-2]th)~grade(?:rs?)?, in grade (?:[1-9]|1[0-2]),
    (?:in|into|of|from) (?:(?:her|his|their|my|your|our) )?(?:(?:early|mid|late) )?teens,
    (?:some|two|three|four|other|young|horny|local|group of|bunch of|couple of|pair of) teens
""")

_UNDER_TEN = "one|two|three|four|five|six|seven|eight|nine"
_TEENS = "ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen"
_DIGITS = "[1-9]|1[0-7]"
_ORDINALS = (
    "first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|thirteenth|fourteenth|fifteenth"
    "|sixteenth|seventeenth|1st|2nd|3rd|[4-9]th|1[0-7]th"
)
# Between two words: white space, dashes, and markup. Posts are HTML and BBCode.
_GAP = "(?:[ \t\n\r\u00a0-]|&nbsp;|<[^>]*>|\\[[^\\]]*\\])+"
_FIELD = "(?:[ \t\n\r\u00a0:=|~.*_\u2013\u2014-]|&[a-z]+;|<[^>]*>|\\[[^\\]]*\\])*"
# What ends "she is 12", and not "she is 12 feet away"; what may follow "Age: 12", and not "Age: 12,000"
_FULL_STOP = "(?:$|[.;:!?)\"'<*\u2026\u2019\u201d]|,(?:$|[^0-9])| (?:and|but|so|now|when|or|going on) )"
_NOT_HUNDRED = "(?:$|[^ht -]|h(?:[^u]|u[^n]|un[^d])|t(?:[^h]|h[^o]|ho[^u]|hou[^s]))"
_NOT_MORE = f"(?:$|[^0-9a-z.,% -]|[.,](?:$|[^0-9])|[ -]+{_NOT_HUNDRED})"
# What may stand before "five years old", and not "twenty-" or "hundred and"
_NOT_TWENTY = "(?:^|[^a-z0-9 \t\n\r-]|(?:[^yd \t\n\r-]|[^t]y|[^en]d|[^r]ed)[ \t\n\r-]+)"
_BE = "(?: (?:am|is|was|are|were|be)|(?:'|\u2019|&#39;|&rsquo;)(?:m|s|re))"
_ONLY = "(?: (?:only|just|barely|still|about|almost|nearly|like|not even|now))"


def _spaced(pattern: str) -> str:
    return re.sub("[ ~]", lambda gap: _GAP if gap[0] == " " else f"(?:{_GAP})?", pattern)


AGES = (
    _spaced(rf"\b(?:{_DIGITS})~(?:(?:years?|yrs?|y)\.?~(?:olds?|of age|young)|y[/.]?~o(?:lds?)?)\b"),
    _NOT_TWENTY + _spaced(rf"(?:{_UNDER_TEN}|{_TEENS})~(?:years?|yrs?)~(?:olds?|of age|young)\b"),
    rf"\bage[ds]?{_FIELD}(?:(?:of|only|just)[ ])*(?:{_DIGITS}|{_UNDER_TEN}|{_TEENS}){_NOT_MORE}",
    _spaced(rf"\b(?:i|he|she|they|you|we|who){_BE}{_ONLY}* (?:{_DIGITS}|{_UNDER_TEN}|{_TEENS})") + _FULL_STOP,
    _spaced(rf"\b[a-z]+{_BE}{_ONLY}+ (?:{_DIGITS}|{_UNDER_TEN}|{_TEENS})") + _FULL_STOP,
    _spaced(rf"\bturn(?:ed|s|ing) (?:1[0-7]|{_TEENS})") + _NOT_MORE,
    _spaced(rf"\bturn(?:ed|s|ing) (?:[3-9]|{_UNDER_TEN})") + _FULL_STOP,
    _spaced(rf"\b(?:{_ORDINALS}) (?:birthday|name~day)\b"),
    _spaced(rf"\b(?:of|seen|only|just|barely) (?:{_DIGITS}|{_UNDER_TEN}|{_TEENS}) (?:summers|winters)\b"),
    _spaced(r"\b(?:1[0-7]~/~[mf]|[mf]~/~1[0-7])\b"),
    _spaced(r"\b(?:under|below|not) (?:(?:the age of|yet) )?(?:18|eighteen)s?\b"),
    _spaced(r"\b[0-9]+~months?~old\b"),
    _spaced(r"\b(?:is|was|are|were|am|be|being|as|with|still|'s|'m) (?:(?:only|just|still) )?(?:a|the) minor")
    + _FULL_STOP,
)
"""Ages below 18 in digits and words, and a minor as a person."""


def _words(terms: tuple[str, ...]) -> str:
    return rf"\b(?:{'|'.join(map(_spaced, terms))})\b"


SEXUAL = _words(SEXUAL_TERMS)
AMBIGUOUS = _words(AMBIGUOUS_TERMS)
MINOR = f"{_words(MINOR_TERMS)}|{'|'.join(AGES)}"

# Markup and invisible characters within a word hide it, so that they go before the lists are asked
_INLINE = (
    r"(?:</?(?:b|i|u|s|em|strong|span|font|sub|sup)(?:[ /][^>]*)?>"
    "|\\[/?(?:b|i|u|s|sub|sup|size|colou?r|font)(?:[= ][^\\]]*)?\\]|&shy;|&zwnj;|&zwj;|[\u00ad\u200b-\u200d\u2060])"
)
_WITHIN_WORD = f"[a-z0-9*$@]{_INLINE}+[a-z0-9*$@]"


def signals(texts: pa.Array) -> Signals:
    """The two signals of texts with their markup, none of them null.

    Most texts are read once: only those where something is found are asked the finer questions.
    """
    sexual, minor = np.zeros(len(texts), bool), np.zeros(len(texts), bool)
    suspected = np.flatnonzero(_search(texts, f"{SEXUAL}|{AMBIGUOUS}|{MINOR}|{_WITHIN_WORD}"))
    texts = texts.take(suspected)
    plain = pc.replace_substring_regex(texts, _ignoring_case(_INLINE), "")
    texts = pc.if_else(_search(texts, _WITHIN_WORD), plain, texts)
    minor[suspected] = _search(texts, MINOR)
    sexual[suspected] = _search(texts, SEXUAL) | (_search(texts, AMBIGUOUS) & minor[suspected])
    return Signals(sexual, minor)


def _search(texts: pa.Array, pattern: str) -> np.ndarray:
    return pc.match_substring_regex(texts, _ignoring_case(pattern)).to_numpy(zero_copy_only=False)


def _ignoring_case(pattern: str) -> str:
    return f"(?i){pattern}"


def is_sexual(text: str) -> bool:
    """What `signals(...).sexual` says of this text."""
    return _found(SEXUAL, text) or (_found(AMBIGUOUS, text) and _found(MINOR, text))


def is_about_minors(text: str) -> bool:
    """What `signals(...).minor` says of this text."""
    return _found(MINOR, text)


def may_be_shown(text: str) -> bool:
    """Whether an excerpt may stand in a report: not when anything in it is sexual, or could be meant so."""
    return not (_found(SEXUAL, text) or _found(AMBIGUOUS, text))


def _found(pattern: str, text: str) -> bool:
    if _compiled(_WITHIN_WORD).search(text):
        text = _compiled(_INLINE).sub("", text)
    return _compiled(pattern).search(text) is not None


@functools.cache
def _compiled(pattern: str) -> re.Pattern:
    return re.compile(pattern, re.IGNORECASE | re.ASCII)  # case and word bounds are ASCII, as in RE2
