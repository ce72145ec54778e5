"""Ray Serve LLM's own OpenAI app with our engine arguments: what else one could serve vLLM under Ray with.

    python -m benchmarks.serving.ray_serve_llm PORT      # BARDLOOP_HOME, BARDLOOP_RECIPE as for python -m serving

In: the recipe. Out: a service at 127.0.0.1:PORT until SIGTERM. Base only: its LoRA wants cloud storage.
"""

import os
import signal
import sys
import tempfile

from benchmarks.serving.servers import changed
from serving.settings import read_settings


def main(port: int) -> None:
    """Serve until told to end."""
    settings = read_settings({})
    from serving.engine_arguments import engine_arguments, prepare_environment

    prepare_environment(settings.engine)
    skipped = {"model", "served_model_name", "worker_extension_cls"}
    arguments = {
        name: value
        for name, value in changed(engine_arguments(settings, [])).items()
        if name not in skipped and "lora" not in name
    }
    import ray
    from ray import serve
    from ray.serve.llm import LLMConfig, build_openai_app

    names = ("HF_HUB_OFFLINE", "VLLM_CPU_KVCACHE_SPACE", "VLLM_ENABLE_V1_MULTIPROCESSING", "OMP_NUM_THREADS")
    environment = {name: os.environ[name] for name in names if name in os.environ}
    folder = tempfile.mkdtemp(prefix="bench-ray-")
    ray.init(
        address="local",
        namespace="serve",
        num_cpus=os.cpu_count() + 2,
        include_dashboard=False,
        object_store_memory=2**28,
        _temp_dir=folder,
        runtime_env={"env_vars": environment},
    )
    config = LLMConfig(
        model_loading_config={"model_id": settings.base.name, "model_source": str(settings.base.path)},
        accelerator_type=None,
        placement_group_config={"bundles": [{"CPU": 1}]},
        deployment_config={"autoscaling_config": {"min_replicas": 1, "max_replicas": 1}},
        engine_kwargs=arguments,
    )
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    serve.run(build_openai_app({"llm_configs": [config]}), name="llm")
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    ray.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]))
