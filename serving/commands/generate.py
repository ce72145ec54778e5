"""`python -m serving generate --model NAME prompts.jsonl replies.jsonl`: replies to many prompts.

In: a line a request, {"id"?, "messages"} or {"id"?, "prompt"}. Out: a line a reply, {"id", "model", "text",
"finish_reason", "usage"} or {"id", "error"}, in the order in which they come. Started again, it asks only what has
no reply yet.
"""

import argparse
import json
import os
import pathlib
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed

import openai
from tqdm import tqdm

from serving.commands.connection import add_connection, client


class PromptsError(ValueError):
    """A line of the file is no request. The message says which and why."""


def main(arguments: list[str]) -> int:
    """Ask everything. Exit codes: 0 every request has a reply, 1 some have an error, 2 the file is wrong."""
    parser = argparse.ArgumentParser(prog="python -m serving generate", description=__doc__.splitlines()[0])
    add_connection(parser)
    parser.add_argument("prompts", type=pathlib.Path)
    parser.add_argument("replies", type=pathlib.Path)
    parser.add_argument("--at-once", type=int, default=8, metavar="N", help="(default: %(default)s)")
    asked = parser.parse_args(arguments)
    try:
        requests = read_requests(asked.prompts)
        done = answered(asked.replies)
    except (OSError, PromptsError) as error:
        print(f"generate: {error}", file=sys.stderr)
        return 2
    left = {identity: request for identity, request in requests.items() if identity not in done}
    service, failed = client(asked), 0
    with asked.replies.open("a") as file, ThreadPoolExecutor(asked.at_once) as lanes:
        work = [lanes.submit(_ask, service, asked, identity, request) for identity, request in left.items()]
        try:
            for each in tqdm(as_completed(work), total=len(work), unit="reply", disable=not sys.stderr.isatty()):
                line = each.result()
                failed += "error" in line
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
                file.flush()
        finally:  # where it is interrupted, or the disk is full, the others are not asked
            lanes.shutdown(wait=False, cancel_futures=True)
    print(f"generate: {len(left) - failed} replies, {failed} errors, {len(requests) - len(left)} were there already")
    return 1 if failed else 0


def read_requests(path: pathlib.Path) -> dict[str, dict]:
    """Id to request; a line's number is its id where it has none. Raises PromptsError, OSError."""
    requests: dict[str, dict] = {}
    for number, line in _lines(path.read_text()):
        try:
            request = json.loads(line)
            kinds = {"messages", "prompt"} & request.keys()
        except (ValueError, AttributeError) as error:
            raise PromptsError(f"{path}:{number}: expected a JSON object") from error
        if len(kinds) != 1:
            raise PromptsError(f"{path}:{number}: expected either `messages` or `prompt`")
        identity = str(request.get("id", number))
        if identity in requests:
            raise PromptsError(f"{path}:{number}: the id {identity!r} was there already")
        requests[identity] = {kind: request[kind] for kind in kinds}
    return requests


def answered(path: pathlib.Path) -> set[str]:
    """Ids that have a reply. Errors are asked again, and so is what a line says that was cut: it is taken off.

    Raises PromptsError: the file is none of ours.
    """
    done, said = set(), path.read_bytes() if path.exists() else b""
    whole = said[: said.rfind(b"\n") + 1]
    for number, line in _lines(whole.decode(errors="replace")):
        try:
            reply = json.loads(line)
            if "text" in reply:
                done.add(reply["id"])
        except (ValueError, KeyError, TypeError) as error:
            raise PromptsError(f"{path}:{number}: not a reply of an earlier run; choose another file") from error
    if said != whole:
        if not said.lstrip().startswith(b"{"):
            raise PromptsError(f"{path}: not replies of an earlier run; choose another file")
        os.truncate(path, len(whole))
    return done


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """With their numbers. Not `splitlines`, which also parts at characters that stand unescaped in JSON."""
    return enumerate(text.removesuffix("\n").split("\n") if text else (), 1)


def _ask(service: openai.OpenAI, asked: argparse.Namespace, identity: str, request: dict) -> dict:
    settings = {"max_tokens": asked.max_tokens, "temperature": asked.temperature, "seed": asked.seed}
    create = service.chat.completions.create if "messages" in request else service.completions.create
    try:
        reply = create(model=asked.model, **request, **settings)
    except openai.OpenAIError as error:
        return {"id": identity, "error": str(error)}
    choice = reply.choices[0]
    text = choice.message.content if "messages" in request else choice.text
    line = {"id": identity, "model": reply.model, "text": text, "finish_reason": choice.finish_reason}
    return line | {"usage": {"prompt": reply.usage.prompt_tokens, "reply": reply.usage.completion_tokens}}
