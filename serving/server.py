"""What runs in a replica: engine, adapters and HTTP face, in that order."""

import asyncio
import logging
import os

from serving.logs import log_as_json
from serving.settings import Settings

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.2


class InferenceServer:
    """A plain class; `serving.app` makes a Ray Serve deployment of it. vLLM is only imported where it runs.

    Every replica holds the base once and follows the same rollout control.
    """

    async def __init__(self, settings: Settings, control):
        """Returns when the engine can generate and every adapter of the registry is loaded or reported."""
        from serving.engine_arguments import prepare_environment

        log_as_json()
        prepare_environment(settings.engine)
        from ray import serve

        from serving.engine import Engine
        from serving.rollouts.follower import Follower

        self._control = control
        self._engine = await Engine.start(settings)
        self._watch = asyncio.create_task(self._end_with_the_engine())
        self._follower = Follower(self._engine, control, serve.get_replica_context().replica_id.unique_id)
        await self._follower.start()

    def __serve_build_asgi_app__(self):
        """Called by Ray Serve after the constructor."""
        from serving.api.app import build_api

        return build_api(self._engine, self._follower, self._control)

    async def _end_with_the_engine(self) -> None:
        """A replica whose engine has died answers nothing but errors: its end is what Serve notices soonest."""
        from serving.engine import EngineError

        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                self._engine.check_alive()
            except EngineError as error:
                log.critical("%s; this replica ends, Serve starts another", error)
                logging.shutdown()
                os._exit(1)

    async def check_health(self) -> None:
        """Called by Ray Serve every few seconds; three exceptions in a row make it start a new replica."""
        self._follower.check()
        if not await self._engine.can_generate():
            raise RuntimeError("the engine cannot generate")

    def __del__(self):
        """Called by Ray Serve when the replica stops."""
        if hasattr(self, "_engine"):
            self._watch.cancel()
            self._engine.stop()
