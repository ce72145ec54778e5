"""What every backend starts for one job: `python -S -E job_start.py FOLDER` holds its place until the job is over.

In: FOLDER/spec.json in a home that this machine shares. Out: what the keeper writes there, and the job's exit code as
its own. It refuses (one line on stderr, exit code 2) where FOLDER's home is missing or another one. SIGTERM ends the
job; when this process is killed, by a cluster say, the keeper ends the job and declares it lost; when the keeper is
killed, this process does.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys

import keeper  # run as a script, so this file's folder is on sys.path
import process

HOME_ID = ".bardloop-home"
WRONG_HOME = 2
NOT_KEPT = 1


def main(folder: pathlib.Path) -> int:
    """Run the job of `folder` to its end, unless it is running elsewhere; its exit code."""
    refusal = why_not_here(folder)
    if refusal is not None:
        print(f"batch: {os.uname().nodename}: {refusal}", file=sys.stderr)
        return WRONG_HOME
    signal.pthread_sigmask(signal.SIG_BLOCK, keeper.SIGNALS)  # inherited: SIGTERM never meets an unprepared keeper
    keeper.inherit_orphans()  # those of a keeper that is killed
    kept = subprocess.Popen(
        [sys.executable, "-S", "-E", keeper.__file__, str(folder), str(os.getpid())],
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # clusters kill by session or group; the keeper has to be left to end the job
    )
    while kept.poll() is None:
        if signal.sigwaitinfo(keeper.SIGNALS).si_signo == signal.SIGTERM:
            kept.terminate()
    if kept.returncode != 0:
        keeper.end_children()
        keeper.declare_lost(folder, f"its keeper ended with {kept.returncode}")
        return NOT_KEPT
    if (folder / "exit_code").exists():
        return int((folder / "exit_code").read_text())
    print(f"batch: {folder.name} was started before and is not started again", file=sys.stderr)
    return process.TAKEN


def why_not_here(folder: pathlib.Path) -> str | None:
    """Why the job cannot run on this machine; None when it can."""
    home = folder.parent.parent
    try:
        wanted = json.loads((folder / "spec.json").read_text())["home_id"]
        found = (home / HOME_ID).read_text().strip()
    except OSError as error:
        return f"{home} is not the submitter's home ({error.strerror}: {error.filename}); mount that one here"
    if found != wanted:
        return f"{home} is not the submitter's home (its id is {found}, not {wanted}); mount that one here"
    return None


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
