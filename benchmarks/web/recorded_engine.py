"""An engine that plays back replies: the inference service as the web site sees it, without a model.

    python -m benchmarks.web.recorded_engine PORT WORDS_PER_S

In: streamed chat completions for the base or the adapter. Out: a recorded reply, a word a token, at that speed; the
adapter's comes a quarter slower, as adapters do. What is measured on top of it is the web site's own.
"""

import asyncio
import itertools
import json
import sys

from aiohttp import web

BASE, ALIAS, VERSION = "SmolLM2-135M-Instruct", "demo", "demo@0123456789ab"
SLOWER = 1.25
RECORDED = (
    "*The lock-keeper sets the lantern down between them.* “You came up the dry side,” she says, “so you have seen the "
    "marks.” Rain runs along the sluice. She counts the chains without touching them, and waits.",
    "“Not tonight,” he answers, and wipes the ink from his thumb. *The ledger closes with a sound like a door.* "
    "Whoever wrote the last line in it had been in a hurry, and had not come back for the pen.",
)


def app(words_per_s: float) -> web.Application:
    """The service: /v1/models and /v1/chat/completions."""
    numbers = itertools.count()

    async def models(request: web.Request) -> web.Response:
        entries = ((BASE, BASE, None), (ALIAS, VERSION, BASE), (VERSION, VERSION, BASE))
        return web.json_response({"data": [{"id": name, "root": root, "parent": up} for name, root, up in entries]})

    async def completions(request: web.Request) -> web.StreamResponse:
        asked = (await request.json())["model"]
        model = VERSION if asked == ALIAS else asked
        pause = (SLOWER if model == VERSION else 1.0) / words_per_s
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for word in RECORDED[next(numbers) % len(RECORDED)].split(" "):
            chunk = {"model": model, "choices": [{"index": 0, "delta": {"content": word + " "}}]}
            await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
            await asyncio.sleep(pause)
        await response.write(b"data: [DONE]\n\n")
        return response

    made = web.Application()
    made.add_routes([web.get("/v1/models", models), web.post("/v1/chat/completions", completions)])
    return made


if __name__ == "__main__":
    web.run_app(app(float(sys.argv[2])), host="127.0.0.1", port=int(sys.argv[1]), print=None)
