"""The pictures of the README and the docs: each is shown with words for who cannot see it, and is no burden to load."""

import re

from tests.stack import ROOT
from tests.webapp.pictures.__main__ import IMAGES, LARGEST

SHOWN = re.compile(r"!\[([^\]]*)\]\(([^)]+\.png)\)")


def test_it_works():
    shown = {
        (page.parent / path).resolve(): text
        for page in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]
        for text, path in SHOWN.findall(page.read_text())
    }
    made = set(IMAGES.glob("*.png"))
    assert made and set(shown) == made, "made by `make screenshots` and shown nowhere, or shown and not made"
    assert [path.name for path, text in shown.items() if len(text) < 10] == []
    assert {path.name: path.stat().st_size for path in made if path.stat().st_size > LARGEST} == {}
