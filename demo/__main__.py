"""`python -m demo up | down | status | logs`: what `make demo`, `make down`, ... call."""

import argparse
import functools
import os
import signal
import sys

from contracts.recipe import RecipeError, load_recipe
from demo import credentials
from demo.display import Display
from demo.follow import FirstLoop, RunFailed, live_adapter
from demo.layout import Layout
from demo.start import StartError, bring_up, needed_for_runs
from demo.supervision import Supervision


def up(layout: Layout, overrides: list[str]) -> int:
    """Start everything, run the loop once if no adapter is live, say where to go. Returns the exit code."""
    display = Display()
    try:
        recipe = load_recipe(layout.recipe, overrides)
        secret = credentials.load(layout.home)
        if (live := live_adapter(layout, recipe.name)) is not None:
            if overrides:
                display.say(f"{live} is live and the loop is not run again: --set changes nothing")
            bring_up(layout, display.say)
        else:
            loop = FirstLoop(layout, secret["airflow_password"])
            begin = functools.partial(loop.begin, layout.recipe.stem, overrides)
            bring_up(layout, display.say, begin, needed_for_runs(recipe.batch.backend))
            with display.progress():
                for snapshot in loop.follow():
                    display.show(snapshot)
    except KeyboardInterrupt:
        display.say("interrupted: stopping everything")
        Supervision(layout).stop()
        return 130
    except (RecipeError, StartError, TimeoutError) as error:
        print(error, file=sys.stderr)
        return 1
    except RunFailed as error:
        print(error, file=sys.stderr)
        print(f"The services are up for a look ({layout.address('BARDLOOP_AIRFLOW_PORT')}); `make down` stops them.")
        return 1
    display.box(layout, secret, live_adapter(layout, recipe.name))
    return 0


def down(layout: Layout) -> int:
    """Stop every process that the demo of this home started, and no other."""
    Supervision(layout).stop()
    print("Stopped. The data stay in", layout.home)
    return 0


def status(layout: Layout) -> int:
    """One line a service; exit code 0 when all run."""
    supervision = Supervision(layout)
    if not supervision.is_running():
        print("Nothing runs; `make demo` starts it.")
        return 3
    states = supervision.states()
    for name, (state, description) in states.items():
        print(f"{name:18} {state:9} {description}")
    return 0 if all(state == "RUNNING" for state, _ in states.values()) else 1


def logs(layout: Layout) -> int:
    """Follow all service logs until Ctrl-C."""
    files = sorted(str(path) for path in layout.logs.glob("*.log"))
    if not files:
        print(f"No logs in {layout.logs} yet; `make demo` writes them.")
        return 3
    os.execvp("tail", ["tail", "--lines=5", "--follow=name", "--retry", *files])
    return 0


def main() -> int:
    """Run one command."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("up", help="start everything and run the loop once")
    start.add_argument("--set", action="append", default=[], dest="overrides", metavar="KEY=VALUE")
    for name, run in {"down": down, "status": status, "logs": logs}.items():
        commands.add_parser(name, help=run.__doc__.splitlines()[0]).set_defaults(run=run)
    arguments = parser.parse_args()
    try:
        layout = Layout.from_environment()
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    # Whoever ends `make demo` with SIGTERM wants what Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return up(layout, arguments.overrides) if arguments.command == "up" else arguments.run(layout)


if __name__ == "__main__":
    sys.exit(main())
