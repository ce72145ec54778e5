"""`make audit`: are there known faults in what the locks name? Asks pip-audit, which asks the OSV database.

In: lock files. Out: exit code 0 when there are none, and when the database cannot be asked, which is said loudly and is
no answer; 1 and a list when there are some; 2 when pip-audit itself failed, for example on a lock.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path

UNREACHABLE = ("requests.exceptions.", "pip_audit._service.interface.ConnectionError", "Could not connect to OSV")
UNREACHABLE += ("pip_audit._service.interface.ServiceError",)
"""How pip-audit 2 ends when the database does not answer: mostly by a traceback, whose last line says what it was."""


def main() -> int:
    """Audit all locks; the worst exit code of all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("locks", nargs="+", type=Path, help="requirements files with exact versions")
    parser.add_argument("--osv-url", help="another database that speaks OSV's protocol (default: OSV's own)")
    arguments = parser.parse_args()
    return max(audit(locks, arguments.osv_url) for locks in agreeing(arguments.locks))


def agreeing(locks: list[Path]) -> list[list[Path]]:
    """The locks in groups that name one version of a package: what stands in several is asked once, and pip-audit takes
    no two versions at a time."""
    groups: list[tuple[list[Path], dict[str, str]]] = []
    for lock in locks:
        versions = dict(re.findall(r"^([\w.-]+)==(\S+)", lock.read_text(), re.MULTILINE))
        for members, known in groups:
            if all(known.get(name, version) == version for name, version in versions.items()):
                members.append(lock)
                known.update(versions)
                break
        else:
            groups.append(([lock], versions))
    return [members for members, _ in groups]


def audit(locks: list[Path], osv_url: str | None) -> int:
    """Audit locks that agree, say what was found, return the exit code."""
    command = [sys.executable, "-m", "pip_audit", "--vulnerability-service", "osv", "--format", "json"]
    command += ["--no-deps", "--disable-pip", "--progress-spinner", "off", "--timeout", "15"]
    command += ["--osv-url", osv_url] if osv_url else []
    for lock in locks:
        command += ["--requirement", str(lock)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_AUDIT_")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode == 0:
        asked = len(json.loads(done.stdout)["dependencies"])
        print(f"audit: no known faults in {asked} packages of {', '.join(map(str, locks))}")
        return 0
    if done.stdout.strip():
        print(_faults(json.loads(done.stdout)["dependencies"]), file=sys.stderr)
        return 1
    if any(sign in done.stderr for sign in UNREACHABLE):
        why = done.stderr.strip().splitlines()[-1]
        names = ", ".join(map(str, locks))
        print(f"WARNING audit-unreachable: {names} NOT AUDITED, the database does not answer: {why}", file=sys.stderr)
        return 0
    print(f"{done.stderr}\naudit: pip-audit failed", file=sys.stderr)
    return 2


def _faults(dependencies: list[dict]) -> str:
    """One line a fault: package, version, the fault's names, the versions without it."""
    lines = ["audit: known faults in what the locks name; raise them in requirements/*.in and run `make lock`"]
    for package in dependencies:
        for fault in package.get("vulns", []):
            names = ", ".join([fault["id"], *fault["aliases"]])
            repaired = ", ".join(fault["fix_versions"]) or "no version yet"
            lines.append(f"  {package['name']} {package['version']}: {names}; repaired in {repaired}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
