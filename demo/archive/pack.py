"""Pack the sample threads into eight .7z parts: `python -m demo.archive.pack FOLDER`.

In: threads/*.yaml and the list of defects. Out: the parts that recipes/demo.yaml names, in the real archive's
schema. The same input gives the same bytes, so checksums and ETags mean something; parts that are up to
date are left alone.
"""

import argparse
import hashlib
import json
import os
import pathlib
import shutil

import py7zr
import yaml

from contracts.recipe import Part, load_recipe
from demo.archive.defects import DEFECTS, LAST, PART_WITH_BOM, PART_WITH_CRLF, Row, csv_line
from demo.layout import ROOT

HERE = pathlib.Path(__file__).resolve().parent
THREADS = HERE / "threads"
HEADER = ("thread_title", "thread_type", "thread_tags", "message_username", "message_timestamp", "message")
STRADDLING = (1, 4, 7)
"""The last thread of each of these parts goes on in the next part."""
MODIFIED_AT = 1_672_531_200
"""Time stamp of the CSVs inside the archives: 2023-01-01, in Unix seconds."""


def pack(folder: pathlib.Path, threads: pathlib.Path = THREADS) -> list[pathlib.Path]:
    """Write the parts into `folder` unless they are there and up to date. Returns their paths in order."""
    parts = load_recipe(ROOT / "recipes" / "demo.yaml").corpus.archive.parts
    paths = [folder / part.file for part in parts]
    stamp, digest = folder / "packed.json", _digest(threads, parts)
    if stamp.exists() and json.loads(stamp.read_text()) == {"digest": digest} and all(p.exists() for p in paths):
        return paths
    folder.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    rows = _deal(read_threads(threads), len(parts))
    for number, (part, path) in enumerate(zip(parts, paths, strict=True), start=1):
        _write_archive(path, f"{part.name}/roleplayerguild--all_char-ic-ooc_part{number}.csv", _csv(rows, number))
    stamp.write_text(json.dumps({"digest": digest}) + "\n")
    return paths


def read_threads(folder: pathlib.Path) -> list[list[Row]]:
    """The threads in `folder`, by file name. As in the real archive, a thread's IC, OOC and Char tabs follow
    one another.
    """
    return [_read_thread(path) for path in sorted(folder.glob("*.yaml"))]


def _read_thread(path: pathlib.Path) -> list[Row]:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    rows = [
        Row(document["title"], post["type"], tuple(document["tags"]), post["author"], post["at"], post["message"])
        for post in document["posts"]
    ]
    return sorted(rows, key=lambda row: ("IC", "OOC", "Char").index(row.type))


def _deal(threads: list[list[Row]], parts: int) -> dict[int, list[Row]]:
    """Rows by part number. Dealing in turn spreads the genres; some threads are cut in two."""
    dealt = {number: threads[number - 1 :: parts] for number in range(1, parts + 1)}
    for number in STRADDLING:
        thread = dealt[number][-1]
        middle = len(thread) // 2
        dealt[number] = [*dealt[number][:-1], thread[:middle]]
        dealt[number + 1] = [thread[middle:], *dealt[number + 1]]
    return {number: [row for thread in part for row in thread] for number, part in dealt.items()}


def _csv(rows: dict[int, list[Row]], number: int) -> bytes:
    """The CSV of part `number`: header, good rows, defects in their places."""
    defects = {defect.behind: defect for defect in DEFECTS if defect.part == number}
    content = csv_line(HEADER)
    in_character = 0
    for row in rows[number]:
        content += row.line()
        in_character += row.type == "IC"
        if row.type == "IC" and in_character in defects:
            content += defects[in_character].make(row)
    if LAST in defects:
        content += defects[LAST].make(rows[number][-1])
    if number == PART_WITH_CRLF:
        content = content.replace(b"\n", b"\r\n")
    return (b"\xef\xbb\xbf" if number == PART_WITH_BOM else b"") + content


def _write_archive(path: pathlib.Path, name: str, content: bytes) -> None:
    """Write `content` as the file `name` of a .7z archive. Its time stamp is fixed, so the bytes are, too."""
    work = path.with_suffix(".work")
    work.mkdir(exist_ok=True)
    file = work / "part.csv"
    file.write_bytes(content)
    file.chmod(0o644)
    os.utime(file, (MODIFIED_AT, MODIFIED_AT))
    with py7zr.SevenZipFile(work / path.name, "w") as archive:
        archive.write(file, name)
    (work / path.name).replace(path)
    shutil.rmtree(work)


def _digest(threads: pathlib.Path, parts: tuple[Part, ...]) -> str:
    """sha256 over everything that decides what the parts hold."""
    digest = hashlib.sha256(repr(parts).encode())
    for path in (HERE / "pack.py", HERE / "defects.py", *sorted(threads.glob("*.yaml"))):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def main() -> None:
    """Pack into the folder on the command line and say what lies there."""
    parser = argparse.ArgumentParser(prog="python -m demo.archive.pack", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    for path in pack(parser.parse_args().folder):
        print(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path}")


if __name__ == "__main__":
    main()
