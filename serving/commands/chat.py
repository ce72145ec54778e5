"""`python -m serving chat --model NAME`: talk to a model of a running service. An empty line or Ctrl-D ends it."""

import argparse
import sys

import openai

from serving.commands.connection import add_connection, client


def main(arguments: list[str]) -> int:
    """Hold the conversation. Exit codes: 0 ended, 1 the service does not answer."""
    parser = argparse.ArgumentParser(prog="python -m serving chat", description=__doc__.splitlines()[0])
    add_connection(parser)
    parser.add_argument("--system", default="", metavar="TEXT", help="the system prompt, e.g. who the model plays")
    asked = parser.parse_args(arguments)
    service = client(asked)
    messages = [{"role": "system", "content": asked.system}] if asked.system else []
    while said := _line():
        messages.append({"role": "user", "content": said})
        try:
            reply = _reply(service, asked, messages)
        except openai.OpenAIError as error:
            print(f"chat: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:  # ends the reply, not the conversation
            print()
            messages.pop()
            continue
        messages.append({"role": "assistant", "content": reply})
    return 0


def _line() -> str:
    try:
        return input("> ").strip()
    except (EOFError, KeyboardInterrupt):
        print()
        return ""


def _reply(service: openai.OpenAI, asked: argparse.Namespace, messages: list[dict]) -> str:
    """Print the reply as it comes; the whole of it, and which version gave it."""
    settings = {"max_tokens": asked.max_tokens, "temperature": asked.temperature, "seed": asked.seed}
    pieces, version = [], asked.model
    with service.chat.completions.create(model=asked.model, messages=messages, stream=True, **settings) as stream:
        for chunk in stream:
            version = chunk.model
            if chunk.choices and (text := chunk.choices[0].delta.content):
                pieces.append(text)
                print(text, end="", flush=True)
    print(f"\n[{version}]")
    return "".join(pieces)
