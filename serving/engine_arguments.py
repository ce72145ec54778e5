"""How vLLM is started: the recipe's serving section as vLLM's own arguments, and the environment it reads.

The values for CPUs were measured on two cores: what starts fast and stays small.
"""

import json
import os
import pathlib

from contracts.recipe import Serving
from serving.settings import Settings, adapter_capacity

CPU_BATCHED_TOKENS = 512
"""Prompt tokens computed in one step on a CPU. A longer prompt is cut, so that running replies stream on meanwhile."""


def prepare_environment(serving: Serving) -> None:
    """Set what vLLM and its libraries read from the environment. Call it before vllm is imported.

    What the operator has set stays as it is.
    """
    values = {
        "HF_HUB_OFFLINE": "1",  # the weights lie on disk; nothing is looked up
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        # Its own set-up of logging closes Serve's log files, and a controller of Serve that is started again stops
        # every replica that cannot name its log file (Ray 2.60). serving/logs.py shows what vLLM says.
        "VLLM_CONFIGURE_LOGGING": "0",
        "TOKENIZERS_PARALLELISM": "false",
    }
    if serving.accelerator == "CPU":
        # Ray sets OMP_NUM_THREADS from the actor's CPUs, so this one is not kept.
        os.environ["OMP_NUM_THREADS"] = str(serving.cpu_threads or max(1, len(os.sched_getaffinity(0)) - 1))
        values["VLLM_CPU_KVCACHE_SPACE"] = str(serving.cpu_kv_cache_gib)
        if serving.tensor_parallel_size == 1:
            # The model runs inside the engine's process instead of a child of it: 20 s and 0.7 GB less.
            values["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
        else:
            values["VLLM_CPU_NUM_OF_RESERVED_CPU"] = str(serving.tensor_parallel_size)
    for name, value in values.items():
        os.environ.setdefault(name, value)


def engine_arguments(settings: Settings, adaptable: list[str]):
    """vLLM's `AsyncEngineArgs`. `adaptable`: last name components of the layers that adapters may change."""
    from vllm.engine.arg_utils import AsyncEngineArgs

    serving = settings.engine
    on_cpu = serving.accelerator == "CPU"
    if on_cpu:
        _know_model_class(settings.base.path)
    arguments = {
        "model": str(settings.base.path),
        "served_model_name": settings.base.name,
        "dtype": serving.dtype,
        "tensor_parallel_size": serving.tensor_parallel_size,
        "distributed_executor_backend": "uni" if serving.tensor_parallel_size == 1 else "mp",
        "max_model_len": serving.max_model_len,
        "max_num_seqs": serving.max_num_seqs,
        "enable_lora": True,
        "max_loras": serving.max_loras,
        "max_lora_rank": serving.max_lora_rank,
        # Twice: those that are leaving stay while replies use them, and vLLM would drop others for them.
        "max_cpu_loras": 2 * adapter_capacity(serving),
        "lora_target_modules": adaptable,
        "disable_log_stats": False,
    }
    if on_cpu:
        arguments |= {
            "enforce_eager": True,
            "max_num_batched_tokens": max(CPU_BATCHED_TOKENS, serving.max_num_seqs),
            "worker_extension_cls": "serving.cpu_lora.CpuLoraWorker",
        }
    else:
        arguments["gpu_memory_utilization"] = serving.gpu_memory_utilization
    return AsyncEngineArgs(**arguments)


def _know_model_class(path: pathlib.Path) -> None:
    """Show vLLM the model's class in this process.

    Otherwise it starts a Python of its own to look at it, so that CUDA stays untouched here: on a CPU that is 20 s
    of imports for nothing, at the first start on a machine (later ones find the answer in vLLM's cache folder).
    """
    from vllm import ModelRegistry

    for architecture in json.loads((path / "config.json").read_text()).get("architectures", []):
        if architecture in ModelRegistry.models:
            ModelRegistry.register_model(architecture, ModelRegistry.models[architecture].load_model_cls())
