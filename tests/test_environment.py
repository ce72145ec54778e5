"""What the lock installs: no package lies over another one's files, or chance would say which of them is there."""

import collections
import importlib.metadata


def test_no_two_packages_bring_the_same_file():
    owners: dict[str, dict[str, str]] = collections.defaultdict(dict)
    for package in importlib.metadata.distributions():
        for file in package.files or ():
            if file.hash and ".dist-info" not in str(file):
                owners[str(file)][package.metadata["Name"]] = file.hash.value
    assert len(owners) > 10_000
    twice = {file: sorted(found) for file, found in owners.items() if len(set(found.values())) > 1}
    assert twice == {}
