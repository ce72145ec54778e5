"""Wait for what happens in another process."""

import time


def wait_until(condition, within_s: float = 20):
    """Return when `condition()` is true; fail the test when it never is."""
    give_up = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < give_up, "it did not happen in time"
        time.sleep(0.02)
