"""The obvious script, as a peer: `python pandas_script.py ARCHIVE_FOLDER OUT_FOLDER`.

In: a folder of .7z parts. Out: one text file per thread, and on stdout how many rows were left after each step.
"""

import html
import json
import pathlib
import re
import sys
import tempfile
import time

import pandas as pd
import py7zr

# in the order of work
REPLACEMENTS = [
    (r"<a class=\"bb-mention\"[^>]*>@[^<]*</a>|\[@[^\]]*\]", ""),  # mentions
    (r"<blockquote>.*?</blockquote>|\[quote[^\]]*\].*?\[/quote\]", ""),
    (r"\[img\].*?\[/img\]|\[dice[^\]]*\].*?\[/dice\]|\[url\].*?\[/url\]", ""),
    (r"</p>|<br\s*/?>", "\n"),
    (r"<[^>]+>", ""),  # other HTML tags
    (r"\[/?(?:b|i|u|s|hider|spoiler|url|center|color|size)(?:=[^\]]*)?\]", ""),  # BBCode
    (r"https?://\S+|www\.\S+", ""),
    (r"(?s)\(\(.*?\)\)", ""),  # asides
    (r"(?im)^\s*OOC\s*:.*$", ""),
    (r"[\w.+-]+@[\w-]+\.[\w.]+", ""),  # e-mail
    (r"\b(?:\d{1,3}\.){3}\d{1,3}\b", ""),  # IP addresses
    (r"[\U0001F300-\U0001FAFF\u2600-\u27BF]", ""),  # emoji
    (r"[^\S\n]+", " "),
    (r" ?\n\s*", "\n\n"),
]


def main(archive: pathlib.Path, output: pathlib.Path) -> None:
    began = time.perf_counter()
    counts, parts = {"rows": 0}, []
    for path in sorted(archive.glob("*.7z")):
        with tempfile.TemporaryDirectory() as folder:
            with py7zr.SevenZipFile(path) as container:
                container.extractall(folder)
            (csv,) = pathlib.Path(folder).glob("*/*.csv")
            part = pd.read_csv(csv, on_bad_lines="skip", encoding_errors="replace")
        counts["rows"] += len(part)
        parts.append(part[part["thread_type"] == "IC"])
    posts = pd.concat(parts, ignore_index=True)
    counts["in_character"] = len(posts)
    began = _stage("read", began)

    posts = posts.dropna(subset=["thread_title", "message"])
    posts = posts[~posts["thread_tags"].str.contains("18+", regex=False, na=False)]
    posts = posts.drop_duplicates(subset=["message"])
    counts["distinct"] = len(posts)
    began = _stage("drop_duplicates", began)

    text = posts["message"]
    for pattern, replacement in REPLACEMENTS[:6]:
        text = text.str.replace(pattern, replacement, regex=True)
    text = text.map(html.unescape)
    for pattern, replacement in REPLACEMENTS[6:]:
        text = text.str.replace(pattern, replacement, regex=True)
    posts["text"] = text.str.strip()
    posts = posts[posts["text"] != ""]
    counts["with_text"] = len(posts)
    began = _stage("clean", began)

    posts["message_timestamp"] = pd.to_datetime(posts["message_timestamp"], errors="coerce")
    posts = posts.dropna(subset=["message_timestamp"]).sort_values("message_timestamp")
    counts["kept"], counts["threads"] = len(posts), 0
    output.mkdir(parents=True, exist_ok=True)
    for title, thread in posts.groupby("thread_title"):
        name = re.sub(r"[^\w -]", "_", title)[:100]
        lines = [f"{row.message_username}: {row.text}" for row in thread.itertuples()]
        (output / f"{name}.txt").write_text("\n\n".join(lines), encoding="utf-8")
        counts["threads"] += 1
    _stage("write", began)
    counts["files"] = len(list(output.iterdir()))
    print(json.dumps(counts))


def _stage(name: str, began: float) -> float:
    """Say on stderr how long the stage took; returns when the next one begins."""
    now = time.perf_counter()
    print(f"stage {name}: {now - began:.1f} s", file=sys.stderr)
    return now


if __name__ == "__main__":
    main(*map(pathlib.Path, sys.argv[1:]))
