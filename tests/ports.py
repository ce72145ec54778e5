"""Ports for the servers of the tests.

A server often binds its port long after the test has chosen it: Ray, for one, opens many connections of its own
first. A port that the kernel chose (a bind to 0) is of the range from which it also serves those connections, so it
may be gone by then. These are below that range (Linux: 32768 to 60999) and above that of Ray's workers (10002 to
19999).
"""

import random
import socket

from demo.layout import PORT_DEFAULTS

CANDIDATES = range(20_000, 32_768)


def free_port() -> int:
    """A port nobody listens on now."""
    [port] = free_ports(1)
    return port


def free_ports(count: int) -> list[int]:
    """`count` different ports nobody listens on now. Raises ValueError where there are not so many."""
    found = []
    for port in random.SystemRandom().sample(CANDIDATES, len(CANDIDATES)):  # others are seeded by what is trained
        if len(found) == count:
            return found
        if _is_free(port):
            found.append(port)
    raise ValueError(f"{count} ports wanted, {len(found)} free between {CANDIDATES.start} and {CANDIDATES.stop - 1}")


def demo_ports() -> dict[str, int]:
    """One for each of the demo's port variables."""
    return dict(zip(PORT_DEFAULTS, free_ports(len(PORT_DEFAULTS)), strict=True))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
