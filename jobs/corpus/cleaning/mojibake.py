"""Undo UTF-8 that was once read as Windows-1252: `donâ€™t` was `don’t`, `cafÃ©` was `café`.

In and out: text. Only what decodes is touched; `Ã` and `â` in ordinary words stay.
"""

import re

_BYTES = {bytes([b]).decode("cp1252", "ignore") or chr(b): b for b in range(0x80, 0x100)}
"""The character that a byte above ASCII shows as in Windows-1252 (its five holes as C1 controls)."""
_FOLLOW = "[" + re.escape("".join(char for char, byte in _BYTES.items() if byte < 0xC0)) + "]"
_CHARACTER = re.compile(f"[\u00c2-\u00df]{_FOLLOW}|[\u00e0-\u00ef]{_FOLLOW}{{2}}|[\u00f0-\u00f4]{_FOLLOW}{{3}}")
"""What one character of UTF-8 looks like: its first byte says how many follow."""


def repair(text: str) -> str:
    """`text` with its mis-decoded characters as the characters that were meant."""
    return _CHARACTER.sub(_decoded, text)


def _decoded(match: re.Match) -> str:
    try:
        return bytes(_BYTES[char] for char in match[0]).decode("utf-8")
    except UnicodeDecodeError:
        return match[0]
