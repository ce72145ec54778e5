"""What the first 32 bytes of a 7z archive promise: how long the whole is, and the checksum of its end header.

In: a file. Out: how long it must be, or in words what keeps it from being a whole archive. Nothing is unpacked.
"""

import html
import os
import pathlib
import re
import struct
import zlib
from dataclasses import dataclass

SIGNATURE = b"7z\xbc\xaf\x27\x1c"
START_HEADER = struct.Struct("<6s2xIQQI")
"""Signature, version, CRC of what follows; offset (from here), size and CRC of the end header. Little-endian."""
CRC_FROM = 12
HEAD = 4096
CHUNK = 1 << 20


@dataclass(frozen=True)
class StartHeader:
    """Where the end header lies: `end_at` and `end_size` in bytes from the start of the file, and its CRC-32."""

    end_at: int
    end_size: int
    end_crc: int

    @property
    def total(self) -> int:
        """Bytes of the whole archive."""
        return self.end_at + self.end_size


def total_size(path: pathlib.Path) -> int | None:
    """Bytes that the archive which `path` begins must have; None when it does not begin a 7z archive."""
    with path.open("rb") as file:
        header = _parse(file.read(START_HEADER.size))
    return header.total if header else None


def flaw(path: pathlib.Path) -> str | None:
    """What keeps `path` from being a whole 7z archive, in words; None when nothing does.

    Reads the start header and the end header, so what is packed between them is not checked.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
        if not head.startswith(SIGNATURE):
            return f"expected a 7z archive, found {_describe(head)}"
        header = _parse(head)
        if len(head) < START_HEADER.size:
            return f"truncated: {len(head)} bytes"
        if header is None:
            return "damaged: its start header does not match its checksum"
        size = file.seek(0, os.SEEK_END)
        if size < header.total:
            return f"truncated: {size:,} of {header.total:,} bytes"
        file.seek(header.end_at)
        crc, left = 0, header.end_size
        while left:  # in pieces: the size comes from a file that nobody vouches for
            piece = file.read(min(left, CHUNK))
            crc, left = zlib.crc32(piece, crc), left - len(piece)
    return None if crc == header.end_crc else "damaged: its end header does not match its checksum"


def is_html(head: bytes) -> bool:
    """Whether a file that begins with `head` is an HTML page: many hosts answer so where a file is missing."""
    return re.match(rb"\s*<(!doctype html|html|head|body)", head, re.IGNORECASE) is not None


def _parse(head: bytes) -> StartHeader | None:
    if len(head) < START_HEADER.size:
        return None
    signature, crc, offset, size, end_crc = START_HEADER.unpack_from(head)
    if signature != SIGNATURE or crc != zlib.crc32(head[CRC_FROM : START_HEADER.size]):
        return None
    return StartHeader(START_HEADER.size + offset, size, end_crc)


def _describe(head: bytes) -> str:
    """What a file is that begins with `head`, in words."""
    if not head:
        return "an empty file"
    if is_html(head):
        title = re.search(rb"<title>(.*?)</title>", head, re.IGNORECASE | re.DOTALL)
        words = html.unescape(title[1].decode(errors="replace")).split() if title else []
        return f"an HTML page titled “{' '.join(words)}”" if words else "an HTML page"
    for signature, kind in ((b"PK\x03\x04", "a zip archive"), (b"\x1f\x8b", "gzip data"), (b"Rar!", "a RAR archive")):
        if head.startswith(signature):
            return kind
    return f"bytes that begin with {head[:16]!r}"
