"""Keys: made once, kept as digests, limited, taken back without a restart."""

import stat
import subprocess
import sys
import time

import pytest

from serving import keys
from serving.commands.keys import main
from serving.keys import KeyFile, KeysError, digest


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("BARDLOOP_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def file(home, monkeypatch):
    monkeypatch.setattr(keys, "LOOK_EVERY_S", 0)
    return KeyFile(home)


def test_it_works(file, home, capsys):
    assert main(["add", "website", "--models", "demo,SmolLM2", "--requests-per-minute", "60", "--streams", "4"]) == 0
    made = capsys.readouterr().out.strip()
    key = file.of(made)
    assert (key.name, key.admin, key.requests_per_minute, key.streams) == ("website", False, 60, 4)
    assert key.may_ask("demo") and key.may_ask("demo@0123456789ab") and not key.may_ask("other")
    assert main(["list"]) == 0
    shown = capsys.readouterr().out
    assert "website" in shown and made not in shown and digest(made) not in shown
    assert main(["remove", "website"]) == 0
    assert file.of(made) is None


def test_the_file_has_no_key_and_is_its_owners(file):
    made = file.add("website")
    assert made not in file.path.read_text()
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_a_key_that_is_not_known_is_none(file):
    file.add("website")
    for given in ("", "bard-", "website", digest("x")):
        assert file.of(given) is None


def test_a_change_holds_within_a_second(home):
    running = KeyFile(home)
    made = KeyFile(home).add("late")
    running.of("anything")
    KeyFile(home).remove("late")
    KeyFile(home).add("later")
    time.sleep(keys.LOOK_EVERY_S)
    assert running.of(made) is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["add", "twice"], "there is a key 'twice' already"),
        (["add", "No Name"], "name: String should match pattern"),
        (["add", "slow", "--requests-per-minute", "0"], "requests_per_minute: Input should be greater"),
        (["remove", "nobody"], "no key 'nobody'; there are: twice"),
    ],
)
def test_what_makes_no_sense_is_said_so_and_changes_nothing(home, capsys, arguments, said):
    main(["add", "twice"])
    before = KeyFile(home).path.read_bytes()
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith(f"keys: {said}")
    assert KeyFile(home).path.read_bytes() == before


def test_while_a_file_is_damaged_the_keys_of_before_hold(file, caplog):
    made = file.add("website")
    assert file.of(made).name == "website"
    good = file.path.read_text()
    file.path.write_text('[{"name": "website"}]')
    for _ in range(3):
        assert file.of(made).name == "website"
    assert caplog.text.count("keys.json: 0.sha256: Field required: the keys of before hold until it is mended") == 1
    with pytest.raises(KeysError, match=r"keys\.json: 0\.sha256: Field required"):
        file.add("another")
    file.path.write_text(good)
    file.remove("website")
    assert file.of(made) is None


def test_two_at_once_both_get_theirs(home):
    command = [sys.executable, "-m", "serving", "keys", "add"]
    running = [subprocess.Popen([*command, f"key-{n}"], stdout=subprocess.PIPE, text=True) for n in range(4)]
    made = {each.communicate(timeout=60)[0].strip() for each in running}
    assert len(made) == 4 and {KeyFile(home).of(each).name for each in made} == {f"key-{n}" for n in range(4)}
