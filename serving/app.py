"""The Ray Serve application.

    serve run serving.app:build_app tensor-parallel-size=2 accelerator=GPU
    serve run serving.app:build_app recipe=recipes/demo.yaml

`serve run` has no flag for the HTTP port and takes Ray's 8000; `python -m serving` starts the same application on
the project's port, and a config file for `serve deploy` names its own (serving/config.yaml).
"""

import os
import pathlib

from ray import serve

from serving.rollouts.control import RolloutControl
from serving.server import InferenceServer
from serving.settings import Settings, read_settings

APPLICATION = "bardloop"
ROOT = pathlib.Path(__file__).resolve().parent.parent


def build_app(arguments: dict) -> serve.Application:
    """The application for these arguments: `recipe`, and keys of its serving section in kebab-case.

    Raises:
        SettingsError: what is wrong with arguments, recipe, base model or keys; before any weights load.
    """
    return deploy(read_settings(arguments))


def deploy(settings: Settings) -> serve.Application:
    """The application for these settings: replicas of the engine, and one control of their adapters."""
    serving = settings.engine
    on_gpu = serving.accelerator == "GPU"
    # On a cluster that runs already, the workers know nothing of the folder that the driver was started in.
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    environment = {"env_vars": {"PYTHONPATH": path}}
    control = serve.deployment(
        RolloutControl,
        name="rollouts",
        num_replicas=1,
        ray_actor_options={"num_cpus": 0, "runtime_env": environment},
        max_ongoing_requests=1000,  # each replica has a question open all the time
        logging_config={"enable_access_log": False},
        health_check_period_s=3,
    )
    engine = serve.deployment(
        serve.ingress()(InferenceServer),
        name="engine",
        autoscaling_config={
            "min_replicas": serving.min_replicas,
            "initial_replicas": serving.min_replicas,
            "max_replicas": serving.max_replicas,
            "target_ongoing_requests": serving.requests_per_replica,
            "upscale_delay_s": serving.scale_up_after_seconds,
            "downscale_delay_s": serving.scale_down_after_seconds,
        },
        ray_actor_options={
            "num_gpus": serving.tensor_parallel_size if on_gpu else 0,
            "num_cpus": 1,
            "runtime_env": environment,
        },
        logging_config={"enable_access_log": False},  # serving/api/exchange.py says more
        # vLLM queues by itself and keeps its batches full that way; Serve's default of 5 would starve it.
        max_ongoing_requests=1000,
        health_check_period_s=3,
        health_check_timeout_s=90,  # longer than the engine's own patience with a probe
        graceful_shutdown_timeout_s=serving.drain_seconds,
        max_constructor_retry_count=1,  # what stops a first start stops the second; later ones are always tried again
    )
    return engine.bind(settings, control.bind(settings.control))
