"""A visit: how a person comes to a page, and what the page is to answer.

A page is visited by a function here or in a file beside it, marked with the names of the addresses that it shows:

    @visit("arena:mine", "with votes")
    def _(walker):
        walker.voted()
        return walker.open("/mine/")
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.webapp.scripted_engine import ScriptedEngine
from tests.webapp.site import Site, Visitor

NO_PAGE = {
    "arena:health": "JSON for programs that watch",
    "arena:data": "a file to keep",
    "arena:replies": "goes back to the comparison",
    "arena:log-out": "goes to the start page",
    "admin:statistics_csv": "a file to keep",
    "admin:autocomplete": "JSON for Django's own scripts",
    "admin:jsi18n": "a script",
    "admin:view_on_site": "goes to another page; no model has one",
}
"""Addresses that a person never sees as a page, and why. All of `api:` but its documentation is JSON."""


@dataclass
class Walker:
    """Somebody with a browser. What leads up to a page is done by `visitor`, the same person without one: quicker."""

    site: Site
    engine: ScriptedEngine
    page: Any
    visitor: Visitor
    strict: Site
    """The site of an operator who asks for an age and for consent."""

    def open(self, path: str):
        """Go there in the browser; the answer."""
        cookies = [{"name": one.name, "value": one.value, "url": self.site.url} for one in self.visitor.cookies.jar]
        self.page.context.add_cookies(cookies)
        return self.page.goto(path)

    def click(self, testid: str):
        """Click what leads to another page; the answer."""
        with self.page.expect_navigation() as navigation:
            self.page.get_by_test_id(testid).click()
        return navigation.value

    def complete(self) -> str:
        """A comparison with both replies."""
        address = self.visitor.begin()
        self.write(address)
        return address

    def write(self, address: str) -> None:
        """Have both replies written at once."""
        assert self.visitor.submit(f"{address}replies/").status_code == 302

    def voted(self) -> str:
        """A comparison with a vote, not yet revealed."""
        address = self.complete()
        assert self.visitor.vote(address, "left").status_code == 302
        return address

    def revealed(self) -> str:
        """A comparison with a vote and its reasons."""
        address = self.voted()
        self.visitor.reasons(address, "left.prose", "right.repeats", comment="The second one forgot the rain.")
        return address

    def signed_up(self) -> None:
        """With an account from now on."""
        name, password = secrets.token_hex(8), secrets.token_urlsafe(12)
        fields = {"username": name, "password1": password, "password2": password}
        assert self.visitor.submit("/account/sign-up/", **fields).status_code == 302

    def somebody_else(self) -> "Walker":
        """Another person, who has never been here and has no browser."""
        return Walker(self.site, self.engine, None, self.site.visitor(), self.strict)


@dataclass(frozen=True)
class Visit:
    """`shows`: names of addresses. `state`: which of the address's pages. `status`: what the page answers with."""

    shows: tuple[str, ...]
    state: str
    go: Callable[[Walker], Any]
    status: int = 200

    def __str__(self) -> str:
        return f"{' and '.join(self.shows)}, {self.state}"


@dataclass
class Visits:
    """A list of visits that functions enter themselves in."""

    all: list[Visit] = field(default_factory=list)

    def __call__(self, *shows: str, state: str = "", status: int = 200) -> Callable:
        """Mark a function as the visit of what it shows."""

        def enter(go: Callable) -> Callable:
            self.all.append(Visit(shows, state or go.__name__.strip("_").replace("_", " "), go, status))
            return go

        return enter
