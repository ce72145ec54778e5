"""The running engine: vLLM's AsyncLLM with its own OpenAI serving classes, adapters put on and taken off.

Everything that touches vLLM's Python interface and is not a kernel stands here and in engine_arguments.py.
"""

import asyncio
import collections
import contextlib
import itertools
import logging
import time
import uuid
from collections.abc import Iterator

from pydantic import ValidationError
from vllm import SamplingParams
from vllm.entrypoints.openai.chat_completion.serving import OpenAIServingChat
from vllm.entrypoints.openai.completion.serving import OpenAIServingCompletion
from vllm.entrypoints.openai.models.protocol import BaseModelPath
from vllm.entrypoints.openai.models.serving import OpenAIServingModels
from vllm.lora.request import LoRARequest
from vllm.outputs import RequestOutput
from vllm.renderers.online_renderer import OnlineRenderer
from vllm.v1.engine.async_llm import AsyncLLM

from serving.adapters import CheckedAdapter
from serving.base_model import linear_shapes
from serving.engine_arguments import engine_arguments
from serving.engine_stats import EngineStats
from serving.refusal import Refusal
from serving.settings import Settings

log = logging.getLogger(__name__)

PROBE_EVERY_S = 10
PROBE_TIMEOUT_S = 60
"""A probe waits behind the requests that wait."""
RETIRES_EVERY_S = 0.2
"""How often it is asked whether a version that was taken off is still in use."""


class EngineError(RuntimeError):
    """The engine is not what it should be. The message is one line."""


class Engine:
    """One vLLM engine. `await Engine.start(settings)` returns a started one; `stop` ends its processes.

    Attributes: settings; linears (layer name to (inputs, outputs)); chat and completion, vLLM's handlers of
    OpenAI requests, which know the adapters by their `name@version`.
    """

    def __init__(self, settings: Settings, llm: AsyncLLM, linears: dict[str, tuple[int, int]]):
        self.settings = settings
        self.linears = linears
        self._llm = llm
        self._ids = itertools.count(1)
        self._leaving: set[str] = set()
        self._in_use: collections.Counter[str] = collections.Counter()
        self._tasks: set[asyncio.Task] = set()
        self._probe = asyncio.Lock()
        self._answered_at = float("-inf")
        base = BaseModelPath(name=settings.base.name, model_path=str(settings.base.path))
        self._models = OpenAIServingModels(llm, [base])
        renderer = OnlineRenderer(
            model_config=llm.model_config,
            renderer=llm.renderer,
            request_logger=None,
            chat_template=None,
            chat_template_content_format="auto",
        )
        renderer.warmup()
        self.chat = OpenAIServingChat(
            llm,
            self._models,
            "assistant",
            online_renderer=renderer,
            request_logger=None,
            chat_template=None,
            chat_template_content_format="auto",
        )
        self.completion = OpenAIServingCompletion(llm, self._models, online_renderer=renderer, request_logger=None)
        for handler in (self.chat, self.completion):  # of requests that do not say how long a reply may be
            handler.default_sampling_params = handler.default_sampling_params | {
                "max_tokens": settings.engine.max_reply_tokens
            }

    @classmethod
    async def start(cls, settings: Settings) -> "Engine":
        """Load the base model and return the engine when it can generate.

        Raises:
            EngineError: vLLM refuses the settings; on a CPU, a worker runs without the repaired LoRA kernels.
        """
        linears = linear_shapes(settings.base.path)
        adaptable = sorted({name.rsplit(".", 1)[-1] for name in linears})
        try:
            arguments = engine_arguments(settings, adaptable)
            llm = AsyncLLM.from_engine_args(arguments, stat_loggers=[EngineStats])
        except ValueError as error:
            details = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            raise EngineError(f"vLLM refuses these settings: {' '.join(details.split())}") from error
        engine = cls(settings, llm, linears)
        if settings.engine.accelerator == "CPU":
            for kernels in await engine._llm.collective_rpc("lora_kernels"):
                if set(kernels) != {"GroupedLoraCPU"}:
                    raise EngineError(f"a worker runs LoRA with {kernels}: base replies would be wrong")
        return engine

    @property
    def loaded(self) -> tuple[str, ...]:
        """References of the adapters that answer by name."""
        return tuple(reference for reference in self._models.lora_requests if reference not in self._leaving)

    async def put_on(self, adapter: CheckedAdapter) -> None:
        """Load a checked adapter, so that it answers under its reference. One that is loaded stays as it is.

        Raises:
            Refusal: load_failed, with vLLM's reason.
        """
        self._leaving.discard(adapter.reference)
        if adapter.reference in self._models.lora_requests:
            return
        # Ids are never used twice: vLLM keeps the id of an adapter that failed half-way as if it were loaded.
        request = LoRARequest(adapter.reference, next(self._ids), str(adapter.path))
        try:
            loaded = await self._llm.add_lora(request)
        except Exception as error:  # vLLM raises many kinds here, all of them mean "not loaded"
            await self._llm.remove_lora(request.lora_int_id)
            raise Refusal("load_failed", f"{adapter.reference}: vLLM: {_last_line(error)}") from error
        if not loaded:
            raise Refusal("load_failed", f"{adapter.reference}: vLLM did not load it and gave no reason")
        self._models.lora_requests[adapter.reference] = request

    def take_off(self, reference: str) -> None:
        """Forget an adapter when no request uses it any more; `loaded` leaves it out at once."""
        if reference in self.loaded:
            self._leaving.add(reference)
            task = asyncio.get_running_loop().create_task(self._remove_when_idle(reference))
            self._tasks.add(task)  # asyncio holds tasks weakly
            task.add_done_callback(self._tasks.discard)

    async def _remove_when_idle(self, reference: str) -> None:
        while self._in_use[reference]:
            await asyncio.sleep(RETIRES_EVERY_S)
        if reference in self._leaving:  # else it was put on again meanwhile
            self._leaving.discard(reference)
            request = self._models.lora_requests.pop(reference)  # not sooner: vLLM looks names up late
            await self._llm.remove_lora(request.lora_int_id)

    @contextlib.contextmanager
    def using(self, model: str) -> Iterator[None]:
        """Within the block a request runs with this model, which stays in vLLM so long."""
        self._in_use[model] += 1
        try:
            yield
        finally:
            self._in_use[model] -= 1

    async def ask(
        self, model: str, prompt: str | list[int], max_tokens: int, prompt_logprobs: int | None = None
    ) -> RequestOutput:
        """vLLM's greedy answer to a plain prompt (or its tokens), from the base or a loaded adapter."""
        parameters = SamplingParams(max_tokens=max_tokens, temperature=0, prompt_logprobs=prompt_logprobs)
        request = self._models.lora_requests[model] if model != self.settings.base.name else None
        final = None
        asked = {"prompt": prompt} if isinstance(prompt, str) else {"prompt_token_ids": prompt}
        rendered = await self._llm.renderer.render_cmpl_async([asked])
        async for output in self._llm.generate(rendered[0], parameters, f"own-{uuid.uuid4()}", lora_request=request):
            final = output
        return final

    async def can_generate(self) -> bool:
        """Whether the engine makes tokens: one token of the base, asked for at most every PROBE_EVERY_S seconds."""
        async with self._probe:  # callers that come together share one probe
            if time.monotonic() - max(self._answered_at, EngineStats.made_tokens_at) < PROBE_EVERY_S:
                return not self._llm.errored
            try:
                async with asyncio.timeout(PROBE_TIMEOUT_S):
                    await self.ask(self.settings.base.name, "Once", max_tokens=1)
            except Exception:  # a probe that fails for whatever reason is an answer
                if time.monotonic() - EngineStats.made_tokens_at < PROBE_EVERY_S:
                    return True  # it waited behind others, which were answered
                log.exception("the engine cannot generate")
                return False
            self._answered_at = time.monotonic()
            return True

    def check_alive(self) -> None:
        """Raises EngineError when vLLM's processes have died: only a new engine helps then."""
        if self._llm.errored:
            raise EngineError(f"vLLM's engine has died: {self._llm.dead_error}")

    def stop(self) -> None:
        """End vLLM's processes."""
        self._llm.shutdown()


def _last_line(error: Exception) -> str:
    """What went wrong, without the stack that vLLM's worker puts into its message."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__
