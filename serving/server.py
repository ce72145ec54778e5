"""What runs in the replica: engine, registry, rollouts and HTTP face of one deployment, in that order."""

import logging

from serving.settings import Settings


class InferenceServer:
    """A plain class; `serving.app` makes a Ray Serve deployment of it. vLLM is only imported where it runs.

    There is exactly one replica: the registry's pointers and vLLM's adapter slots belong to one engine.
    """

    async def __init__(self, settings: Settings):
        """Returns when the engine can generate and every adapter of the registry is loaded or reported."""
        from serving.engine_arguments import prepare_environment

        logging.getLogger("serving").setLevel(logging.INFO)
        prepare_environment(settings.engine)
        from serving.engine import Engine
        from serving.registry import Registry
        from serving.rollout import Rollouts

        self._settings = settings
        self._registry = Registry(settings.home)
        self._engine = await Engine.start(settings)
        self._rollouts = Rollouts(self._engine, self._registry)
        await self._rollouts.restore()

    def __serve_build_asgi_app__(self):
        """Called by Ray Serve after the constructor."""
        from serving.api import build_api

        return build_api(self._engine, self._rollouts, self._settings.keys)

    def check_health(self) -> None:
        """Called by Ray Serve every few seconds; an exception makes it start a new replica."""
        self._engine.check_alive()

    def __del__(self):
        """Called by Ray Serve when the replica stops."""
        if hasattr(self, "_engine"):
            self._engine.stop()
            self._registry.close()
