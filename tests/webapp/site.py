"""The running web site as its tests see it: addresses, a visitor with cookies, the rows in PostgreSQL."""

import json
import re
import time
from dataclasses import dataclass

import httpx
import psutil
import psycopg2


@dataclass(frozen=True)
class Step:
    """One event of a comparison's stream, and when it came (seconds from the request)."""

    at: float
    name: str
    data: dict
    raw: str


class Visitor(httpx.Client):
    """A browser without JavaScript: keeps cookies, sends the CSRF token with every form."""

    stream_headers: httpx.Headers
    """Of the last stream."""

    def token(self) -> str:
        """A CSRF token, from a page with a form."""
        return re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.get("/write/").text)[1]

    def submit(self, path: str, **fields) -> httpx.Response:
        """Send a form; the answer as it is, redirects not followed."""
        form = {"csrfmiddlewaretoken": self.token()} | fields
        return self.post(path, data=form, headers={"Referer": str(self.base_url)})

    def begin(self, slug: str = "water-rights") -> str:
        """Start a scene and return the address of its comparison."""
        answer = self.submit(f"/scenes/{slug}/start/")
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def steps(self, comparison: str) -> list[Step]:
        """The comparison's whole stream."""
        began = time.monotonic()
        headers = {"X-CSRFToken": self.token()}
        steps = []
        with self.stream("POST", f"{comparison}stream/", headers=headers) as response:
            assert response.status_code == 200, response.read()
            self.stream_headers = response.headers
            rest = ""
            for text in response.iter_text():
                *events, rest = (rest + text).split("\n\n")
                for event in events:
                    name, data = re.fullmatch(r"event: (\w+)\ndata: (.*)", event).groups()
                    steps.append(Step(time.monotonic() - began, name, json.loads(data), event))
        assert rest == ""
        return steps

    def vote(self, comparison: str, choice: str) -> httpx.Response:
        """Vote, as the form does."""
        return self.submit(f"{comparison}vote/", choice=choice)

    def reasons(self, comparison: str, *reasons: str, comment: str = "") -> httpx.Response:
        """Say why, or nothing, and be told who was who."""
        return self.submit(f"{comparison}reasons/", reasons=list(reasons), comment=comment)

    def move(self, comparison: str, kind: str, **fields) -> httpx.Response:
        """continue, regenerate, edit or retry, as the forms do."""
        return self.submit(f"{comparison}{kind}/", **fields)

    def log_in(self, name: str, password: str) -> None:
        """Into the admin."""
        answer = self.submit("/admin/login/?next=/admin/", username=name, password=password)
        assert answer.status_code == 302, answer.text


@dataclass(frozen=True)
class Site:
    """Where the site runs and which database is behind it."""

    url: str
    database_url: str
    password: str
    process: psutil.Process | None = None
    """The one that was started; with several it is the others' parent."""

    def visitor(self) -> Visitor:
        """Somebody who has never been here."""
        return Visitor(base_url=self.url, timeout=20, verify=False)  # plain HTTP: spares reading certificates

    def rows(self, query: str, *values) -> list[tuple]:
        """What the database says."""
        connection = psycopg2.connect(self.database_url)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(query, values)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()
