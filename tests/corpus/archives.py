"""Small archives in the real schema, made anew in each test, and the jobs that work on them."""

import argparse
import csv
import io
import pathlib
from dataclasses import dataclass, field

import py7zr

from contracts.recipe import Recipe
from jobs.corpus import build, download

HEADER = ("thread_title", "thread_type", "thread_tags", "message_username", "message_timestamp", "message")


def csv_bytes(rows, header=HEADER, line_end="\n") -> bytes:
    """Rows of six columns as a part's CSV. Bytes among the rows are put in as they are."""
    content = io.BytesIO()
    for row in (header, *rows):
        if isinstance(row, bytes):
            content.write(row)
        else:
            line = io.StringIO()
            csv.writer(line, lineterminator=line_end).writerow(row)
            content.write(line.getvalue().encode())
    return content.getvalue()


def post(text, author="ann", at="2020-01-01T10:00:00", title="The Gate", tags="['Casual', 'Fantasy']", type="IC"):
    """One row of the archive."""
    return (title, type, tags, author, at, text)


@dataclass
class Archive:
    """A folder of .7z parts and the recipe that names them."""

    folder: pathlib.Path
    names: list[str] = field(default_factory=list)

    def add(self, name: str, content: bytes) -> pathlib.Path:
        """Pack `content` as the CSV of part `name`."""
        path = self.folder / f"{name}.7z"
        with py7zr.SevenZipFile(path, "w") as archive:
            archive.writestr(content, f"{name}/roleplayerguild--all_char-ic-ooc_part{len(self.names) + 1}.csv")
        self.names.append(name)
        return path

    def recipe(self, base=None, sha256=None, **corpus) -> Recipe:
        """A recipe over the parts so far; `sha256` maps part names to checksums."""
        parts = [{"name": n, "file": f"{n}.7z", "sha256": (sha256 or {}).get(n)} for n in self.names]
        corpus = {"min_posts": 1, "min_authors": 1} | corpus
        return Recipe.model_validate(
            {
                "name": "small",
                "corpus": {"archive": {"base": str(base or self.folder), "parts": parts}} | corpus,
                "model": {"base": "none"},
                "train": {"accelerate": "cpu.yaml", "max_steps": 1},
            }
        )


def run_download(recipe, home, part=None) -> dict:
    """The job `download`."""
    return download.run(recipe, home, argparse.Namespace(part=part))


def run_corpus(recipe, home, part=None) -> dict:
    """The job `corpus`."""
    return build.run(recipe, home, argparse.Namespace(part=part))
