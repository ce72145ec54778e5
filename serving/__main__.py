"""Start the engine on the project's port and hold it: `python -m serving [recipe=FILE] [key=value ...]`.

`python -m serving keys|chat|generate --help` are the commands beside it.

The same application and the same arguments as `serve run serving.app:build_app`. Prints one line when it can be
asked; ends on SIGTERM or Ctrl-C with everything that it started. Exit codes: 0 stopped, 2 arguments, environment or
a port are wrong, 1 anything else.
"""

import importlib
import os
import signal
import socket
import sys
import threading
import time

from serving import ray_environment
from serving.settings import SettingsError, read_settings

LOCAL = "127.0.0.1"
COMMANDS = ("keys", "chat", "generate")


def main(arguments: list[str]) -> int:
    """Carry out a command, or run the engine until stopped; returns the exit code."""
    if arguments and arguments[0] in COMMANDS:
        return importlib.import_module(f"serving.commands.{arguments[0]}").main(arguments[1:])
    return hold_the_engine(arguments)


def hold_the_engine(arguments: list[str]) -> int:
    """Run until stopped; returns the exit code."""
    began = time.monotonic()
    try:
        host = os.environ.get("BARDLOOP_INFERENCE_HOST", LOCAL)
        port = _port("BARDLOOP_INFERENCE_PORT", 8001)
        dashboard_port = _port("BARDLOOP_RAY_DASHBOARD_PORT", 8265)
        settings = read_settings(_pairs(arguments))
        joins = os.environ.get("RAY_ADDRESS")
        if not joins:  # a Ray that runs already may hold both
            _check_free(host, port, "BARDLOOP_INFERENCE_PORT")
            _check_free(LOCAL, dashboard_port, "BARDLOOP_RAY_DASHBOARD_PORT")
    except SettingsError as error:
        print(f"serving: {error}", file=sys.stderr)
        return 2

    ray_environment.prepare(settings.home)
    from ray import serve  # not above: it reads the environment, and 3 s are too long for a misspelt argument

    from serving.app import APPLICATION, deploy
    from serving.ray_instance import JoinedRay, OwnRay

    stop = threading.Event()
    starting = True

    def on_signal(number, frame) -> None:
        stop.set()
        if starting:
            raise SystemExit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    instance = JoinedRay(joins) if joins else OwnRay(LOCAL, dashboard_port)
    try:
        instance.start()
        for number in (signal.SIGTERM, signal.SIGINT):  # Ray has put its own in their place
            signal.signal(number, on_signal)
        serve.start(proxy_location="HeadOnly", http_options={"host": host, "port": port})
        serve.run(deploy(settings), name=APPLICATION, route_prefix="/")
        starting = False
        seconds = time.monotonic() - began
        print(f"serving: {settings.base.name} at http://{host}:{port}, ready in {seconds:.0f} s", flush=True)
        while not stop.wait(2):
            if instance.has_died():
                print("serving: Ray has died, see its messages above", file=sys.stderr)
                return 1
    except SystemExit:  # a signal while it started; ours, or Ray's way of saying so
        print("serving: stopped before it was ready", file=sys.stderr)
    except RuntimeError as error:
        print(f"serving: the engine did not start: {_reason(APPLICATION) or error}", file=sys.stderr)
        return 1
    finally:
        starting = False
        instance.stop(APPLICATION)
    return 0


def _reason(application: str) -> str:
    """The last line of what Ray Serve knows about a deployment that failed; the stack stands in the log above.

    It is the exception's own line, `serving.engine.EngineError: ...`.
    """
    from ray import serve

    status = serve.status().applications.get(application)
    messages = [deployment.message for deployment in status.deployments.values()] if status else []
    return next((line.strip() for line in reversed("\n".join(messages).splitlines()) if line.strip()), "")


def _pairs(arguments: list[str]) -> dict[str, str]:
    pairs = dict(argument.partition("=")[::2] for argument in arguments)
    for key, value in pairs.items():
        if not value:
            raise SettingsError(f"{key!r}: expected key=value, such as recipe=recipes/demo.yaml or max-loras=4")
    return pairs


def _port(variable: str, default: int) -> int:
    """The port that the environment names."""
    text = os.environ.get(variable, str(default))
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise SettingsError(f"{variable}={text!r}: expected a port number between 1 and 65535")
    return int(text)


def _check_free(host: str, port: int, variable: str) -> None:
    """Refuse to start where somebody listens already; Ray would say so much later and in many more lines."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(f"{host}:{port}: {error.strerror}; set {variable} to another port") from error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
