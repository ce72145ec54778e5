"""`download --check`: is what lies in raw/<recipe>/ what was fetched, and what the recipe means?

In: the parts on disk, their sidecars, the recipe. Out: `ok` or what is wrong, part by part. Asks no server, changes
nothing.
"""

import argparse
import logging
import pathlib

from contracts.recipe import Part, Recipe
from jobs.corpus.download import choose_parts
from jobs.corpus.fetching import seven_zip
from jobs.corpus.fetching.sidecar import sha256_of, stored_sidecar

log = logging.getLogger(__name__)

MEND = {
    "missing": "run",
    "no sidecar": "run",
    "truncated": "delete it and run",
    "changed": "delete it and run",
    "wrong sha256": "correct the recipe, or delete it and run",
}
"""Verdict to what to do, before `download --part NAME`. A file whose time was kept is only fetched again once gone."""


def run(recipe: Recipe, home: pathlib.Path, arguments: argparse.Namespace) -> dict:
    """Check one part (`--part`) or all. Summary: `ok`, and `parts` with `ok` or what is wrong for each."""
    verdicts = {}
    for part in choose_parts(recipe, arguments.part):
        archive = home / "raw" / recipe.name / f"{part.name}.7z"
        verdict, detail = _check(part, archive)
        verdicts[part.name] = verdict
        if verdict == "ok":
            log.info("%s: ok", archive)
        else:
            log.error("%s: %s%s; %s download --part %s", archive, verdict, detail, MEND[verdict], part.name)
    return {"ok": set(verdicts.values()) == {"ok"}, "parts": verdicts}


def _check(part: Part, archive: pathlib.Path) -> tuple[str, str]:
    """The verdict on one part, and more words about it. What is cheap to see comes first."""
    if not archive.exists():
        return "missing", ""
    size, flaw, sidecar = archive.stat().st_size, seven_zip.flaw(archive), stored_sidecar(archive)
    if flaw:
        return ("truncated" if flaw.startswith("truncated") else "changed"), f" ({flaw})"
    if sidecar is None:
        return "no sidecar", ", so nobody knows what was fetched"
    if size != sidecar.size:
        return "changed", f" ({size:,} bytes, {sidecar.size:,} were fetched)"
    digest = sha256_of(archive)
    if digest != sidecar.sha256:
        return "changed", f" (sha256 {digest}, fetched was {sidecar.sha256})"
    if part.sha256 not in (None, digest):
        return "wrong sha256", f" ({digest}, the recipe expects {part.sha256})"
    return "ok", ""
