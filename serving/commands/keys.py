"""`python -m serving keys add|list|remove`: who may ask. The keys themselves are shown once and kept nowhere."""

import argparse
import sys

from serving.keys import KeyFile, KeysError
from serving.settings import home


def main(arguments: list[str]) -> int:
    """Carry the command out. Exit codes: 0 done, 2 it makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m serving keys", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("add", help="make a key and print it, this once")
    add.add_argument("name", help="whose it is, e.g. website")
    add.add_argument("--admin", action="store_true", help="for /admin (rollouts) instead of /v1")
    add.add_argument("--models", metavar="NAME,NAME", help="only these: base or adapter names (default: all)")
    add.add_argument("--requests-per-minute", type=int, metavar="N", help="(default: no limit)")
    add.add_argument("--streams", type=int, metavar="N", help="requests at the same time (default: no limit)")
    commands.add_parser("list", help="all keys and what they may do")
    commands.add_parser("remove", help="forget a key; it holds within a second").add_argument("name")
    asked = parser.parse_args(arguments)
    file = KeyFile(home())
    try:
        if asked.command == "add":
            models = tuple(asked.models.split(",")) if asked.models else None
            limits = {"requests_per_minute": asked.requests_per_minute, "streams": asked.streams}
            print(file.add(asked.name, admin=asked.admin, models=models, **limits))
        elif asked.command == "remove":
            file.remove(asked.name)
        else:
            for key in file.all():
                print(_line(key))
    except KeysError as error:
        print(f"keys: {error}", file=sys.stderr)
        return 2
    return 0


def _line(key) -> str:
    kind = "admin" if key.admin else ",".join(key.models or ["all models"])
    rate = f"{key.requests_per_minute}/min" if key.requests_per_minute else "any rate"
    streams = f"{key.streams} at once" if key.streams else "any number at once"
    made = f"{key.created_at:%Y-%m-%d}" if key.created_at else ""
    return f"{key.name:20} {kind:30} {rate:12} {streams:20} {made}".rstrip()
