"""Files that appear whole, and what a full disk says."""

import pathlib

import pytest

from jobs.errors import JobError
from jobs.training.files import full_disk_explained, sha12, write_json


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"step": 1})
    with pytest.raises(TypeError):
        write_json(path, {"step": object()})
    assert path.read_text() == '{\n  "step": 1\n}\n'


def test_a_full_disk_is_named(tmp_path):
    said = r"the disk is full \([\d,]+ bytes free\); make room and run again"
    with pytest.raises(JobError, match=said), full_disk_explained(tmp_path):
        pathlib.Path("/dev/full").write_text("x")


def test_another_error_passes_unchanged(tmp_path):
    with pytest.raises(FileNotFoundError), full_disk_explained(tmp_path):
        (tmp_path / "none").read_text()


def test_digest_runs_over_all_files_in_order(tmp_path):
    for name, content in {"a": b"", "b": b"ab", "c": b"c"}.items():
        (tmp_path / name).write_bytes(content)
    # sha256("abc"), from FIPS 180-4's examples
    assert sha12([tmp_path / "b", tmp_path / "a", tmp_path / "c"]) == "ba7816bf8f01"
