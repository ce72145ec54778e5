"""Which service a command asks, with which key and settings: the same options for every command."""

import argparse
import os

import openai


def add_connection(parser: argparse.ArgumentParser) -> None:
    """Options that say where and what to ask."""
    port = os.environ.get("BARDLOOP_INFERENCE_PORT", "8001")
    parser.add_argument("--model", required=True, help="the base's name, NAME, or NAME@version")
    parser.add_argument("--url", default=f"http://127.0.0.1:{port}/v1", help="(default: %(default)s)")
    parser.add_argument("--max-tokens", type=int, default=400, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--temperature", type=float, default=0.8, metavar="T", help="(default: %(default)s)")
    parser.add_argument("--seed", type=int, metavar="N", help="for replies that can be had again")


def client(asked: argparse.Namespace) -> openai.OpenAI:
    """A client with the key of BARDLOOP_API_KEY. Exits with 1 where there is none: keys belong in no command line."""
    key = os.environ.get("BARDLOOP_API_KEY", "")
    if not key:
        raise SystemExit("serving: BARDLOOP_API_KEY is not set: the key to ask with")
    return openai.OpenAI(base_url=asked.url, api_key=key)
