"""The bucket itself: exact when many processes take from it at once, and cleaned up after."""

import subprocess
import sys
import time

from tests.webapp.conftest import ROOT

TAKE = """
from concurrent.futures import ThreadPoolExecutor
from django.db import connection
from webapp.access.allowances import take

def some(_):
    try:
        return [take("race", 50) for _ in range(40)]
    finally:
        connection.close()

input()
with ThreadPoolExecutor(4) as pool:
    waits = sum(pool.map(some, range(4)), [])
print(waits.count(0), max(waits))
"""
SWEEP = """
from django.db import connection
from webapp.access.allowances import SWEEP
with connection.cursor() as cursor:
    cursor.execute(SWEEP)
"""


def shell(environment: dict, program: str) -> subprocess.Popen:
    command = [sys.executable, "webapp/manage.py", "shell", "--no-imports", "-v", "0", "-c", program]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_many_processes_take_exactly_what_there_is(site, site_environment):
    processes = [shell(site_environment, TAKE) for _ in range(2)]
    time.sleep(2)  # both have started and wait for the line
    site.rows("DELETE FROM access_allowance")
    began = time.monotonic()
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    answers = [process.communicate()[0].split() for process in processes]
    elapsed = time.monotonic() - began
    taken = sum(int(count) for count, _ in answers)
    assert 50 <= taken <= 50 + elapsed * 50 / 60  # of 320 tries
    assert all(int(wait) in (1, 2) for _, wait in answers)


def test_what_says_nothing_any_more_is_removed(site, site_environment):
    site.rows(
        "DELETE FROM access_allowance;"
        "INSERT INTO access_allowance VALUES ('gone', now() - interval '1 s'), ('held', now() + interval '1 min')"
    )
    assert shell(site_environment, SWEEP).wait() == 0
    assert site.rows("SELECT subject FROM access_allowance") == [("held",)]


def test_counting_waits_for_no_disk(site):
    assert site.rows("SELECT relpersistence FROM pg_class WHERE relname = 'access_allowance'") == [("u",)]
