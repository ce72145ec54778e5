"""What the lock installs: no package lies over another one's files, or chance would say which of them is there."""

import collections
import csv
import importlib.metadata


def test_no_two_packages_bring_the_same_file():
    owners: dict[str, dict[str, str]] = collections.defaultdict(dict)
    for package in importlib.metadata.distributions():
        name = package.metadata["Name"]
        # `package.files` makes a path of each of these lines, which takes a minute for all.
        for file, digest, _ in csv.reader((package.read_text("RECORD") or "").splitlines()):
            if digest and ".dist-info" not in file:
                owners[file][name] = digest
    assert len(owners) > 10_000
    twice = {file: sorted(found) for file, found in owners.items() if len(set(found.values())) > 1}
    assert twice == {}
