"""The commands beside the engine: a chat in the terminal, many prompts from a file."""

import json
import os
import subprocess
import sys

import pytest

from tests.serving.conftest import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture
def command(engine):
    """Runs `python -m serving <arguments>` against the engine."""

    def command(name: str, *arguments: str, said: str = "", **environment: str) -> subprocess.CompletedProcess:
        asking = ["--url", f"{engine.base_url}/v1", "--model", engine.base, "--max-tokens", "8", "--temperature", "0"]
        return subprocess.run(
            [sys.executable, "-m", "serving", name, *asking, *arguments],
            cwd=ROOT,
            env=os.environ | {"BARDLOOP_API_KEY": engine.api_key} | environment,
            input=said,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return command


def test_a_chat_goes_on_until_an_empty_line(command, engine):
    done = command("chat", "--system", "You are a bard.", said="Who are you?\nAnd your lute?\n\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(f"[{engine.base}]") == 2


def test_a_chat_says_what_is_wrong(command):
    assert "No valid key" in command("chat", said="Hello\n", BARDLOOP_API_KEY="wrong").stderr
    unset = command("chat", said="Hello\n", BARDLOOP_API_KEY="")
    assert (unset.returncode, unset.stderr.strip()) == (1, "serving: BARDLOOP_API_KEY is not set: the key to ask with")


def test_prompts_from_a_file_have_their_replies_in_another(command, engine, tmp_path):
    prompts, replies = tmp_path / "prompts.jsonl", tmp_path / "replies.jsonl"
    asked = [{"id": "a", "prompt": "Once\u2028upon"}, {"messages": [{"role": "user", "content": "Who goes there?"}]}]
    prompts.write_text("\n".join(json.dumps(each, ensure_ascii=False) for each in asked))
    done = command("generate", str(prompts), str(replies))
    assert (done.returncode, done.stdout.strip()) == (0, "generate: 2 replies, 0 errors, 0 were there already")
    lines = [json.loads(line) for line in replies.read_text().strip().split("\n")]
    assert {line["id"] for line in lines} == {"a", "2"}
    assert all(line["text"] and line["model"] == engine.base and line["usage"]["reply"] <= 8 for line in lines)

    prompts.write_text("\n".join(map(json.dumps, [*asked, {"id": "c", "prompt": "Thrice"}])))
    again = command("generate", str(prompts), str(replies))
    assert again.stdout.strip() == "generate: 1 replies, 0 errors, 2 were there already"


def test_one_that_fails_costs_no_other_and_is_asked_again(command, tmp_path):
    prompts, replies = tmp_path / "prompts.jsonl", tmp_path / "replies.jsonl"
    prompts.write_text('{"id": "good", "prompt": "Once"}\n{"id": "bad", "messages": "none"}')
    done = command("generate", str(prompts), str(replies))
    assert (done.returncode, done.stdout.strip()) == (1, "generate: 1 replies, 1 errors, 0 were there already")
    prompts.write_text('{"id": "good", "prompt": "Once"}\n{"id": "bad", "prompt": "Twice"}')
    assert command("generate", str(prompts), str(replies)).returncode == 0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "prompts.jsonl:1: expected a JSON object"),
        ("[]", "prompts.jsonl:1: expected a JSON object"),
        ('{"text": "x"}', "prompts.jsonl:1: expected either `messages` or `prompt`"),
        ('{"id": 1, "prompt": "x"}\n{"id": "1", "prompt": "y"}', "prompts.jsonl:2: the id '1' was there already"),
    ],
)
def test_a_file_that_is_none_is_said_so(command, tmp_path, line, said):
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text(line)
    done = command("generate", str(prompts), str(tmp_path / "replies.jsonl"))
    assert done.returncode == 2
    assert done.stderr.strip().endswith(said)
