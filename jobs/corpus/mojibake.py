"""Undo UTF-8 that was once read as Windows-1252: `donâ€™t` was `don’t`, `cafÃ©` was `café`.

In and out: text. Only runs that decode as a whole are touched; `Ã` and `â` in ordinary words stay.
"""

import re

_BYTES = {bytes([b]).decode("cp1252", "ignore") or chr(b): b for b in range(0x80, 0x100)}
"""The character that a byte above ASCII shows as in Windows-1252 (its five holes as C1 controls)."""
_LEAD = "[\u00c2-\u00f4]"
_FOLLOW = "[" + re.escape("".join(char for char, byte in _BYTES.items() if byte < 0xC0)) + "]"
_RUN = re.compile(f"(?:{_LEAD}{_FOLLOW}{{1,3}})+")


def repair(text: str) -> str:
    """`text` with its mis-decoded runs as the characters that were meant."""
    return _RUN.sub(_decoded, text)


def _decoded(match: re.Match) -> str:
    try:
        return bytes(_BYTES[char] for char in match[0]).decode("utf-8")
    except UnicodeDecodeError:
        return match[0]
