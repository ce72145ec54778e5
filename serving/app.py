"""The Ray Serve application.

    serve run serving.app:build_app tensor-parallel-size=2 accelerator=GPU
    serve run serving.app:build_app recipe=recipes/demo.yaml

`serve run` has no flag for the HTTP port and takes Ray's 8000; `python -m serving` starts the same application on
the project's port, and a config file for `serve deploy` names its own (serving/config.yaml).
"""

from ray import serve

from serving.server import InferenceServer
from serving.settings import Settings, read_settings

APPLICATION = "bardloop"


def build_app(arguments: dict) -> serve.Application:
    """The application for these arguments: `recipe`, and keys of its serving section in kebab-case.

    Raises:
        SettingsError: what is wrong with arguments, recipe, base model or keys; before any weights load.
    """
    return deploy(read_settings(arguments))


def deploy(settings: Settings) -> serve.Application:
    """The application for these settings."""
    on_gpu = settings.engine.accelerator == "GPU"
    deployment = serve.deployment(
        serve.ingress()(InferenceServer),
        name="engine",
        num_replicas=1,
        ray_actor_options={"num_gpus": settings.engine.tensor_parallel_size} if on_gpu else {"num_cpus": 1},
        # vLLM queues by itself and keeps its batches full that way; Serve's default of 5 would starve it.
        max_ongoing_requests=1000,
        health_check_period_s=10,
        graceful_shutdown_timeout_s=10,
        max_constructor_retry_count=2,
    )
    return deployment.bind(settings)
