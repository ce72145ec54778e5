"""Read the one CSV of a .7z part as a stream.

In: an archive that nobody vouches for. Out: the bytes of its CSV, a piece at a time; nothing is written to disk.
Names inside the archive only decide what is refused. Damage can show after many good pieces: what was made of
them counts only once the stream has ended well.
"""

import pathlib
import queue
import threading
from collections.abc import Iterator

import py7zr
from py7zr.exceptions import DecompressionBombError, PasswordRequired

from jobs.errors import JobError

GIB = 1 << 30
PIECE = 4 << 20
"""Bytes handed over at a time."""


def stream_csv(archive: pathlib.Path, max_bytes: int) -> Iterator[bytes]:
    """Yield the CSV inside `archive` in pieces of about PIECE bytes, at most `max_bytes` in all.

    The archive is unpacked by a thread that stays at most two pieces ahead; it ends when the iterator is closed.

    Raises:
        JobError: not exactly one CSV, a name that leaves the folder, a link, more than `max_bytes`, damage.
    """
    pieces = _Pieces(max_bytes)
    unpacking = threading.Thread(target=_unpack, args=(archive, max_bytes, pieces), name=f"unpack {archive.name}")
    unpacking.start()
    try:
        while (piece := pieces.queue.get()) is not None:
            yield piece
    finally:
        pieces.abandoned.set()
        while unpacking.is_alive():  # it may wait for room
            _drain(pieces.queue)
            unpacking.join(0.05)
    if pieces.failure is not None:
        raise pieces.failure


def _drain(waiting: queue.Queue) -> None:
    while True:
        try:
            waiting.get_nowait()
        except queue.Empty:
            return


def _unpack(archive: pathlib.Path, max_bytes: int, pieces: "_Pieces") -> None:
    """Fill `pieces`; whatever goes wrong becomes its `failure`, for the reading thread to raise."""
    try:
        with py7zr.SevenZipFile(archive, max_extract_size=max_bytes) as container:
            member = _only_csv(archive, container)
            if member.uncompressed > max_bytes:
                raise DecompressionBombError
            container.extract(targets=[member.filename], factory=pieces)
        if pieces.size() != member.uncompressed:
            raise EOFError(f"{pieces.size()} of {member.uncompressed} bytes")
        pieces.hand_over()
    except _Abandoned:
        pass
    except DecompressionBombError as error:
        pieces.failure = JobError(
            f"{archive}: unpacks to more than {max_bytes / GIB:g} GiB; "
            "raise corpus.archive.max_part_gib if the part is right"
        )
        pieces.failure.__cause__ = error
    except PasswordRequired as error:
        pieces.failure = JobError(f"{archive}: is encrypted; expected an archive without password")
        pieces.failure.__cause__ = error
    except (JobError, OSError) as error:
        pieces.failure = error
    except Exception as error:  # noqa: BLE001 - a damaged header breaks py7zr anywhere: a dozen kinds were seen
        reason = " ".join(str(error).split()) or type(error).__name__
        pieces.failure = JobError(f"{archive}: damaged archive ({reason}); delete it and run download again")
        pieces.failure.__cause__ = error
    finally:
        pieces.end()


def _only_csv(archive: pathlib.Path, container: py7zr.SevenZipFile) -> py7zr.FileInfo:
    """The one CSV in the archive; refuses members that no honest part has."""
    csvs = []
    for member in container.list():
        path = pathlib.PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
            raise JobError(f"{archive}: holds {member.filename!r}, a path that leaves its folder; not unpacked")
        if not (member.is_file or member.is_directory):
            raise JobError(f"{archive}: holds {member.filename!r}, which is a link; not unpacked")
        if member.is_file and path.suffix.lower() == ".csv":
            csvs.append(member)
    if len(csvs) != 1:
        names = ", ".join(member.filename for member in csvs) or "none"
        raise JobError(f"{archive}: expected one CSV, found {names}")
    return csvs[0]


class _Abandoned(Exception):
    """Nobody reads on."""


class _Pieces(py7zr.WriterFactory, py7zr.Py7zIO):
    """The one file that py7zr may write to: it can only be appended to, and what comes is handed over."""

    def __init__(self, max_bytes: int):
        self.queue: queue.Queue[bytes | None] = queue.Queue(maxsize=2)
        self.abandoned = threading.Event()
        self.failure: BaseException | None = None
        self._max_bytes, self._written, self._open = max_bytes, 0, bytearray()

    def create(self, filename: str) -> py7zr.Py7zIO:
        return self

    def write(self, s: bytes | bytearray) -> int:
        self._written += len(s)
        if self._written > self._max_bytes:  # whatever its header says
            raise DecompressionBombError
        self._open += s
        if len(self._open) >= PIECE:
            self.hand_over()
        return len(s)

    def hand_over(self) -> None:
        """Put what is there into the queue."""
        if self._open:
            self._put(bytes(self._open))
            self._open = bytearray()

    def end(self) -> None:
        """Tell the reader that nothing more comes."""
        if not self.abandoned.is_set():
            self._put(None, give_up=False)

    def _put(self, piece: bytes | None, give_up: bool = True) -> None:
        while not self.abandoned.is_set():
            try:
                return self.queue.put(piece, timeout=0.1)
            except queue.Full:
                continue
        if give_up:
            raise _Abandoned
        return None

    def read(self, size: int | None = None) -> bytes:
        return b""

    def seek(self, offset: int, whence: int = 0) -> int:
        return 0

    def flush(self) -> None:
        pass

    def size(self) -> int:
        return self._written
