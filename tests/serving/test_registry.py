"""The registry survives what crashes and people do to its files."""

import json

import pytest

from serving.rollouts.registry import Pointer, Registry, RegistryError

FIRST, SECOND = "tale@000000000001", "tale@000000000002"


@pytest.fixture
def registry(tmp_path):
    registry = Registry(tmp_path)
    yield registry
    registry.close()


@pytest.fixture
def again(registry, tmp_path):
    """Opens the registry as a restarted service would."""
    opened = []

    def again() -> Registry:
        registry.close()
        opened.append(Registry(tmp_path))
        return opened[-1]

    yield again
    for each in opened:
        each.close()


def test_it_works(registry, again):
    registry.point("rollout", "tale", Pointer(stable=FIRST), who="me", why="the first")
    registry.point("rollout", "tale", Pointer(stable=SECOND, previous=FIRST), who="me", why="a better one")
    assert again().pointers == {"tale": Pointer(stable=SECOND, previous=FIRST)}
    assert [(line["who"], line["why"]) for line in registry.history()] == [("me", "the first"), ("me", "a better one")]


def test_a_registry_that_is_gone_is_made_again(registry, again, tmp_path):
    for name in ("tale", "song", "poem"):
        registry.point("rollout", name, Pointer(stable=f"{name}@000000000001"))
    (tmp_path / "serving" / "registry.json").unlink()
    assert sorted(again().pointers) == ["poem", "song", "tale"]


def test_what_a_crash_kept_from_the_history_is_added(registry, again, tmp_path):
    registry.point("rollout", "tale", Pointer(stable=FIRST))
    history = tmp_path / "serving" / "history.jsonl"
    before = history.read_text()
    registry.point("rollout", "tale", Pointer(stable=SECOND, previous=FIRST))
    history.write_text(before)
    opened = again()
    assert opened.pointers["tale"].stable == SECOND
    assert [(line["event"], line["pointer"]["stable"]) for line in opened.history()] == [
        ("rollout", FIRST),
        ("found", SECOND),
    ]


def test_what_must_not_fail_holds_in_memory(registry, again, tmp_path):
    registry.point("rollout", "tale", Pointer(stable=FIRST))
    part = tmp_path / "serving" / "registry.json.part"
    part.symlink_to("/dev/full")
    registry.point_or_hold("rollback", "tale", Pointer(stable=SECOND))
    assert registry.pointers["tale"].stable == SECOND
    assert registry.history()[-1] | {"at": ""} == {
        "at": "",
        "event": "rollback",
        "name": "tale",
        "pointer": Pointer(stable=SECOND).model_dump(),
        "on_disk": False,
    }
    part.unlink()


def test_a_retired_name_stays_away(registry, again, tmp_path):
    registry.point("rollout", "tale", Pointer(stable=FIRST))
    registry.point("rollout", "song", Pointer(stable="song@000000000001"))
    registry.point("retired", "tale", None, who="me", why="nobody asks it")
    assert list(registry.pointers) == ["song"]
    (tmp_path / "serving" / "registry.json").write_text("{")
    assert list(again().pointers) == ["song"]  # also where it had to be made again


def test_two_services_cannot_hold_one_home(registry, tmp_path):
    with pytest.raises(RegistryError, match="another engine serves this home"):
        Registry(tmp_path)


@pytest.mark.parametrize("damage", ["", "{", '{"tale": {"stable": 7}}', "\x00" * 100])
def test_a_damaged_registry_is_made_again_from_the_history(registry, again, tmp_path, damage):
    registry.point("rollout", "tale", Pointer(stable=FIRST))
    registry.point("rollout", "tale", Pointer(stable=SECOND, previous=FIRST))
    registry.point("rollout", "song", Pointer(stable="song@000000000003"))
    (tmp_path / "serving" / "registry.json").write_text(damage)
    rebuilt = again()
    assert rebuilt.pointers == registry.pointers
    assert [line["event"] for line in rebuilt.history()][-2:] == ["rebuilt", "rebuilt"]
    [aside] = (tmp_path / "serving").glob("registry.damaged-*")
    assert aside.read_text() == damage
    assert json.loads((tmp_path / "serving" / "registry.json").read_text()).keys() == {"tale", "song"}


def test_a_damaged_registry_without_a_history_is_not_taken_for_an_empty_one(registry, again, tmp_path):
    (tmp_path / "serving" / "registry.json").write_text("{")
    with pytest.raises(RegistryError, match=r"damaged .* restore one"):
        again()


def test_a_line_that_a_crash_has_cut_costs_no_other(registry, again, tmp_path):
    registry.point("rollout", "tale", Pointer(stable=FIRST))
    with (tmp_path / "serving" / "history.jsonl").open("a") as history:
        history.write('{"at": "2026-')
    after = again()
    after.record("refused", "tale", code="dora")
    assert [line["event"] for line in after.history()] == ["rollout", "refused"]


def test_what_cannot_be_written_has_not_happened(registry, tmp_path, monkeypatch):
    registry.point("rollout", "tale", Pointer(stable=FIRST))
    (tmp_path / "serving" / "registry.json.part").mkdir()  # as good as a full disk, also for root
    with pytest.raises(OSError, match=r"registry\.json\.part"):
        registry.point("rollout", "tale", Pointer(stable=SECOND))
    assert registry.pointers["tale"].stable == FIRST
