"""What `make demo` prints: a live table on a terminal, plain lines anywhere else, and the box at the end."""

import contextlib
import time
from collections.abc import Iterator

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from demo.follow import Snapshot
from demo.layout import Layout

MARKS = {"success": "✓", "running": "▶", "deferred": "▶", "failed": "✗", "up_for_retry": "↻"}
PLAIN_EVERY_S = 15


class Display:
    """Progress since its making. Without a terminal each change is one line."""

    def __init__(self, console: Console | None = None):
        self._console = console or Console(highlight=False)
        self._begin = time.monotonic()
        self._shown: dict[tuple[str, str], tuple[str, int]] = {}
        self._last_working = 0.0

    def say(self, text: str) -> None:
        """One line with the time so far."""
        self._console.print(f"{self._clock()}  {text}", soft_wrap=True)

    @contextlib.contextmanager
    def progress(self) -> Iterator["Display"]:
        """While inside, `show` redraws one table (terminal) or prints what changed (no terminal)."""
        if not self._console.is_terminal:
            self._live = None
            yield self
            return
        with Live(console=self._console, refresh_per_second=4) as live:
            self._live = live
            yield self

    def show(self, snapshot: Snapshot) -> None:
        """Show where the loop is."""
        if self._live is None:
            self._print_changes(snapshot)
        else:
            self._live.update(self._table(snapshot))

    def _table(self, snapshot: Snapshot) -> Group:
        table = Table(box=None, pad_edge=False)
        for heading in ("", "DAG", "task", "done", "time"):
            table.add_column(heading)
        for line in snapshot.lines:
            mark = MARKS.get(line.state, "·")
            done = f"{line.done}/{line.total}" if line.total > 1 else ""
            seconds = f"{line.seconds:.0f} s" if line.seconds else ""
            table.add_row(mark, line.stage, line.task_id, done, seconds)
        return Group(table, Text(f"{self._clock()}  {snapshot.working}"[: self._console.width], style="dim"))

    def _print_changes(self, snapshot: Snapshot) -> None:
        for line in snapshot.lines:
            key, value = (line.stage, line.task_id), (line.state, line.done)
            if self._shown.get(key) != value and line.state not in ("waiting", "scheduled", "queued"):
                done = f" {line.done}/{line.total}" if line.total > 1 else ""
                self.say(f"{line.stage}.{line.task_id}: {line.state}{done} ({line.seconds:.0f} s)")
            self._shown[key] = value
        if snapshot.working and time.monotonic() - self._last_working > PLAIN_EVERY_S:
            self._last_working = time.monotonic()
            self.say(f"    {snapshot.working}")

    def _clock(self) -> str:
        seconds = int(time.monotonic() - self._begin)
        return f"[{seconds // 60:02d}:{seconds % 60:02d}]".replace("[", r"\[")

    def box(self, layout: Layout, secret: dict[str, str], adapter: str) -> None:
        """Where to go and how to log in."""
        rows = [
            ("Vote", layout.address("BARDLOOP_WEB_PORT"), "no log-in"),
            (
                "Statistics",
                layout.address("BARDLOOP_WEB_PORT") + "/admin/",
                f"admin / {secret['admin_password']}",
            ),
            ("Airflow", layout.address("BARDLOOP_AIRFLOW_PORT"), f"admin / {secret['airflow_password']}"),
            ("Ray dashboard", layout.address("BARDLOOP_RAY_DASHBOARD_PORT"), f"token {secret['ray_token']}"),
            ("Inference API", layout.address("BARDLOOP_INFERENCE_PORT") + "/v1", f"key {secret['api_key']}"),
        ]
        table = Table(box=None, show_header=False, pad_edge=False)
        for row in rows:
            table.add_row(*(Text(cell, no_wrap=True) for cell in row))
        # Keys and addresses are for copying, so a narrow terminal must not cut them.
        Console(width=max(self._console.width, 130), file=self._console.file, highlight=False).print(
            Panel(table, title=f"{adapter} is live", subtitle="make down stops everything", expand=False)
        )
