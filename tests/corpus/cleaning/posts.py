"""Forum posts put together from everything that the cleaning rules know, for property tests.

Out: strategies for posts and for the recipe's settings. Names and contact details are from reserved ranges.
"""

import re
from typing import Literal, get_args, get_origin

from hypothesis import strategies as st

from contracts.recipe import Clean

_PIECES = r"""
<p> </p> <br> <br/> <em> </em> <i> </b> <strong> <td> </table> <span> </span> </a> <!-- --> <script> </script> <p <em
<img_src=x> <a_href="x"> <a_class="bb-mention"_href="/u/1">@bob</a> <span_class="mention"> <div_class="quote"> </div>
<div_class="hider"> <p_class="quote"> <blockquote> <blockquote_cite="x"> </blockquote> <br </ <! <? <a <1 < > /> ="
<sarcasm> <o-o> <!--_x_-->
[b] [/b] [i] [/i] [I] [*] [hr] [center] [/center] [color=#f00] [/color] [hider=x] [/hider] [spoiler] [/spoiler] [quote]
[quote=ann] [/quote] [img]u[/img] [youtube] [/youtube] [url] [/url] [url=http://x.example] [url= [/url [roll] [/roll]
[dice=1d6] [/dice] [ooc] [/ooc] [@bob] [@ann] [@ [@] [@a[b] [laughs] [OOC:_x] [b [ ] [/ [İ] [ſ]
&lt; &lt &gt; &amp; &amp;lt; &amp;amp; & &amp &#91; &#93; &nbsp; &#39; &quot; &apos; &mdash; &zwnj; &shy; &#0; &#2; &#3;
&#128; &#157; &#x200b; &lt;p&gt; &NotEqualTilde; &notit; &para AT&T lt; amp; # ;
bob@example.com bob(at)example.com @example.com ann@x @ +44_7700_900123 (0117)_496_0123 555-123-4567 10.1.2.3 :: fe80
2001:db8::1 12:30 example_dot_com [phone_number] [IP_address] [e-mail_address] www.x.example http:// ww. www 3. 1 23 55
http://a.example/b :// WWW.A.B
é ß I İ K ａ ﬁ à ÿ ’ “ — … Ã© â€™ Â â€ Ã¢â‚¬Å“ Ã¢ â‚¬ 👀 👩 🇩🇪
word a b w OOC OOC:_ ooc Ooc: (OOC ooc) : - -- , . .. * ** ( ) (( )) _at_ _dot_ x12
"""
_INVISIBLE = ["e\u0301", "\u0301", "\u0303", "\x9d", "\u200d", "\ufe0f", "1\u20e3", "\u200b", "\x02", "\x03", "\x85"]
_SPACES = ["\x1c", "\0", "\u2028", "\xa0", "\t", "\r", "\r\n", "\n", "\n\n", " ", "  "]
_ORDINARY = r"""
<p> </p> <br/> <br> <em> </em> <strong> </b> [b] [/b] [i] [/i] &amp;_ &nbsp; &quot; &#39; &mdash; word a W é, é_ _ __ ’
“ — … ō Ł ŉ ſ [@ann] [@Ann_Ó] <i><b> *b* &lt; 👀 , . :
; - ( ) (( * ** 1 23 55 4567 12:30 :: :// www. ooc OOC:_ _at_ _dot_ example com /
"""


def _listed(pieces: str) -> list[str]:
    """The pieces in `pieces`; _ stands for a space."""
    return [piece.replace("_", " ") for piece in re.findall(r"\S+", pieces)]


posts = st.lists(st.sampled_from(_listed(_PIECES) + _INVISIBLE + _SPACES) | st.text(max_size=3), max_size=16).map(
    "".join
)
"""Posts in which anything can stand beside anything."""
ordinary_posts = st.lists(st.sampled_from([*_listed(_ORDINARY), "\n"]), max_size=16).map("".join)
"""Posts that look like most posts."""


def _settings(annotation) -> st.SearchStrategy:
    return st.sampled_from(get_args(annotation)) if get_origin(annotation) is Literal else st.booleans()


recipes = st.builds(Clean, **{name: _settings(field.annotation) for name, field in Clean.model_fields.items()})
"""Any setting of every rule."""
