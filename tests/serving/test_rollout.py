"""A new version goes live for the next request, the one before stays at hand, and what is not right is refused."""

import json
import pickle
import shutil
import threading
import time
from collections.abc import Iterator

import openai
import pytest
import torch

from tests.serving.adapters import WEIGHTS, publish, publish_bytes

pytestmark = pytest.mark.slow

PROMPT = "The bard tuned her lute and"


def ask(engine, model: str) -> tuple[str, str]:
    """Who answered, and what."""
    answer = engine.client().completions.create(model=model, prompt=PROMPT, max_tokens=12, temperature=0)
    return answer.model, answer.choices[0].text


def history(engine) -> list[dict]:
    return [json.loads(line) for line in (engine.home / "serving" / "history.jsonl").read_text().splitlines()]


def test_rollout_goes_live_and_rolls_back(engine, trained):
    first, second, third = (publish(trained[i], engine.home, "tavern") for i in range(3))

    assert engine.roll_out(first)["previous"] is None
    assert ask(engine, "tavern")[0] == first
    live = engine.roll_out(second)

    assert (live["name"], live["version"], live["previous"]) == ("tavern", second, first)
    assert live["smoke"]["reply"].strip()
    assert live["smoke"]["from_base"] > 0.01
    assert ask(engine, "tavern") == ask(engine, second)
    assert ask(engine, first)[1] != ask(engine, second)[1]  # the previous one is still loaded
    registry = json.loads((engine.home / "serving" / "registry.json").read_text())
    assert registry["tavern"] == {"stable": second, "canary": None, "weight": 0, "previous": first}
    assert engine.admin("GET", "registry").json()["adapters"]["tavern"] == registry["tavern"]

    back = engine.admin("POST", "rollbacks", name="tavern").json()
    assert (back["version"], back["previous"]) == (first, second)
    assert ask(engine, "tavern")[0] == first

    engine.roll_out(third)
    assert ask(engine, "tavern")[0] == third
    loaded = {card.id for card in engine.client().models.list() if card.id.startswith("tavern@")}
    assert loaded == {third, first}  # the second is neither stable nor previous any more
    events = [(line["event"], line["pointer"]["stable"]) for line in history(engine) if line["name"] == "tavern"]
    assert events == [("rollout", first), ("rollout", second), ("rollback", first), ("rollout", third)]


def test_a_held_version_answers_by_its_own_name_until_it_is_released(engine, trained):
    first, second = (publish(trained[i], engine.home, "ballot") for i in (0, 1))
    for version, before in ((first, None), (second, first)):
        rollout = engine.begin(version, hold=True, canary={"steps": []})
        while (held := engine.admin("GET", f"rollouts/{rollout['id']}").json())["state"] == "loading":
            time.sleep(0.1)
        assert (held["state"], held["previous"]) == ("held", before)
        assert ask(engine, version)[0] == version
        assert engine.client().models.retrieve(version).stage == "candidate"
        if before:
            assert ask(engine, "ballot")[0] == before
        else:
            with pytest.raises(openai.NotFoundError):
                ask(engine, "ballot")
        answer = engine.admin("POST", f"rollouts/{rollout['id']}/release", who="me", why="the votes")
        assert answer.status_code == 200, answer.text
        assert engine.end_of(rollout)["state"] == "live" and ask(engine, "ballot")[0] == version
    assert engine.admin("POST", "rollouts/0a1b2c/release", who="me").json()["error"]["code"] == "no_such_rollout"


def test_the_history_says_who_and_why(engine, trained):
    version = publish(trained[0], engine.home, "annals")
    engine.roll_out(version, who="Mira", why="the first of its kind")
    [line] = [line for line in history(engine) if line["name"] == "annals"]
    assert (line["who"], line["why"]) == ("bardloop-admin-key: Mira", "the first of its kind")
    assert line["smoke"]["reply"] and line["version"] == version
    assert engine.admin("GET", "history").json()["history"][-1] == line


def test_a_reply_under_way_stays_with_its_version(engine, trained):
    old, new = (publish(trained[i], engine.home, "river") for i in (0, 1))
    engine.roll_out(old)
    stream = engine.client().completions.create(
        model="river", prompt=PROMPT, max_tokens=150, temperature=0, stream=True, extra_body={"ignore_eos": True}
    )
    models = {next(stream).model}
    engine.roll_out(new)
    models |= {chunk.model for chunk in stream}

    assert models == {old}
    assert ask(engine, "river")[0] == new


def nan(tensors):
    next(iter(tensors.values()))[0, 0] = float("nan")


def rename(tensors):
    key = next(key for key in tensors if "q_proj" in key)
    tensors[key.replace("q_proj", "query")] = tensors.pop(key)


def no_effect(tensors):
    for key in tensors:
        if "lora_B" in key:
            tensors[key] = torch.zeros_like(tensors[key])


def narrow(tensors):
    key = next(key for key in tensors if "lora_A" in key)
    tensors[key] = tensors[key][:, :-1].contiguous()


def one_half(tensors):
    tensors.pop(next(key for key in tensors if "lora_B" in key))


def tiny(tensors):
    for key in tensors:
        if "lora_B" in key:
            tensors[key] *= 1e-9


def huge(tensors):
    for key in tensors:
        tensors[key] *= 1e20


CHANGES = {
    "wrong_base": {"manifest": {"base_digest": "f" * 12}},
    "bad_manifest": {"manifest": {"rank": 8}},
    "rank_too_high": {"config": {"r": 64}, "manifest": {"rank": 64}},
    "dora": {"config": {"use_dora": True}},
    "not_plain_lora": {"config": {"modules_to_save": ["lm_head"]}},
    "not_plain_lora, a long file": {"config": {"revision": "x" * 2**20}},
    "not_finite": {"change": nan},
    "too_large": {"change": huge},
    "unknown_module": {"change": rename},
    "no_effect": {"change": no_effect},
    "wrong_shape": {"change": narrow},
    "missing_half": {"change": one_half},
    "smoke_failed": {"change": tiny},
    "smoke_failed, not as PEFT": {
        "manifest": {"peft": {"tokens": [1, 2, 3], "logprobs": [-9, -9], "dtype": "float32"}}
    },
}


@pytest.fixture(scope="module")
def guarded(engine, trained) -> Iterator[tuple[str, tuple[str, str]]]:
    """A name with a good version, and what that says: the same must be so after every refusal, and all the while."""
    engine.roll_out(publish(trained[0], engine.home, "guarded"))
    said, others, stop = ask(engine, "guarded"), [], threading.Event()

    def go_on_asking() -> None:
        while not stop.is_set():
            try:
                others.append(ask(engine, "guarded"))
            except Exception as error:  # noqa: BLE001  (whatever it is: a request that failed)
                others.append(error)

    traffic = threading.Thread(target=go_on_asking)
    traffic.start()
    yield "guarded", said
    stop.set()
    traffic.join(60)
    assert others.count(said) == len(others) > 20, [other for other in others if other != said]


@pytest.fixture
def refused(engine, guarded):
    """A function that asks for a rollout which has to be refused with a code, leaving everything as it was."""
    name, before = guarded

    def check(reference: str, code: str) -> None:
        answer = engine.admin("POST", "rollouts", adapter=reference)
        if answer.is_success:
            end = engine.end_of(answer.json())
            assert end["state"] == "refused", end
            error = end["reason"]
        else:
            assert 400 <= answer.status_code < 500
            error = answer.json()["error"]
        assert (error["code"], bool(error["message"])) == (code, True), error
        assert ask(engine, name) == before
        loaded = {card.root for card in engine.client().models.list()}
        assert reference not in loaded

    return check


@pytest.mark.parametrize("code", CHANGES)
def test_bad_adapters_are_refused(engine, trained, refused, code):
    reference = publish(trained[1], engine.home, "guarded", **CHANGES[code])
    code = code.partition(",")[0]
    refused(reference, code)
    assert (history(engine)[-1]["event"], history(engine)[-1]["code"]) == ("refused", code)


def test_damaged_files_are_refused(engine, trained, refused):
    weights = (trained[1] / WEIGHTS).read_bytes()
    refused(publish_bytes(trained[1], engine.home, "guarded", weights[: len(weights) // 2]), "unreadable_weights")
    refused(publish_bytes(trained[1], engine.home, "guarded", pickle.dumps({"weights": [1.0]})), "unreadable_weights")

    reference = publish(trained[2], engine.home, "guarded")
    with (engine.home / "adapters" / reference / WEIGHTS).open("r+b") as file:
        file.truncate(len(weights) // 2)
    refused(reference, "wrong_digest")


def test_symbolic_links_and_pickles_are_refused(engine, trained, refused, tmp_path):
    adapters = engine.home / "adapters"
    reference = publish(trained[3], engine.home, "guarded")
    shutil.move(adapters / reference, tmp_path / "elsewhere")
    (adapters / reference).symlink_to(tmp_path / "elsewhere")
    refused(reference, "symlink")

    (adapters / reference).unlink()
    shutil.copytree(tmp_path / "elsewhere", adapters / reference)
    (adapters / reference / "manifest.json").unlink()
    (adapters / reference / "manifest.json").symlink_to(tmp_path / "elsewhere" / "manifest.json")
    refused(reference, "symlink")

    (adapters / reference / "manifest.json").unlink()
    (adapters / reference / "optimizer.pt").write_bytes(b"anything")
    refused(reference, "unsafe_file")

    (adapters / reference / "optimizer.pt").rename(adapters / reference / "adapter_model.bin")
    (adapters / reference / WEIGHTS).unlink()
    refused(reference, "unsafe_file")


@pytest.mark.parametrize(
    "reference", ["../secrets", "guarded@../../secrets", "/etc", "guarded", "guarded@ABCDEF012345", ""]
)
def test_a_path_is_no_reference(refused, reference):
    refused(reference, "bad_reference")


def test_an_adapter_that_is_not_there(refused):
    refused("guarded@0123456789ab", "no_such_adapter")


def test_rollback_without_a_previous_version(engine, guarded):
    answer = engine.admin("POST", "rollbacks", name=guarded[0])
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "no_previous")
    answer = engine.admin("POST", "rollbacks", name="nobody")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_such_name")


def test_a_retired_name_is_gone_and_its_reply_under_way_is_not(engine, trained):
    version = publish(trained[0], engine.home, "retired")
    engine.roll_out(version)
    stream = engine.client().completions.create(
        model="retired", prompt=PROMPT, max_tokens=100, stream=True, extra_body={"ignore_eos": True}
    )
    next(stream)
    answer = engine.admin("POST", "retirements", name="retired", why="nobody asks it")
    assert answer.json() == {"name": "retired", "version": version, "previous": None}
    with pytest.raises(openai.NotFoundError):
        ask(engine, "retired")
    with pytest.raises(openai.NotFoundError):
        ask(engine, version)
    assert {chunk.model for chunk in stream} == {version}
    assert [line["event"] for line in history(engine) if line["name"] == "retired"] == ["rollout", "retired"]
    assert engine.admin("POST", "retirements", name="retired").status_code == 404


def test_one_rollout_at_a_time(engine, trained):
    first, second = (publish(trained[i], engine.home, "crowd") for i in (0, 1))
    begun = engine.begin(first)
    late = engine.admin("POST", "rollouts", adapter=second)
    assert (late.status_code, late.json()["error"]["code"]) == (409, "in_progress")
    assert begun["id"] in late.json()["error"]["message"]
    assert engine.begin(first)["id"] == begun["id"]  # asked for again, it is gone on with
    assert engine.end_of(begun)["state"] == "live"
