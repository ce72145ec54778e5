"""Where things run: the engine (`serving`), its changes (`rollout`) and the jobs (`batch`)."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.recipe.section import Section


class Serving(Section):
    """The engine that holds the base once. Lengths are tokens, sizes GiB."""

    accelerator: Literal["CPU", "GPU"] = "GPU"
    dtype: Literal["float32", "bfloat16", "float16"] = "bfloat16"
    tensor_parallel_size: Annotated[int, Field(ge=1)] = 1
    max_model_len: Annotated[int, Field(ge=256)] = 4096
    max_num_seqs: Annotated[int, Field(ge=1)] = 32
    max_loras: Annotated[int, Field(ge=2)] = 4
    """Adapters that can be in one batch; at least two, so that a new one loads beside the old."""
    max_lora_rank: Literal[8, 16, 32, 64, 128, 256, 320] = 16
    gpu_memory_utilization: Annotated[float, Field(gt=0, le=1)] = 0.9
    cpu_kv_cache_gib: Annotated[int, Field(ge=1)] = 1


class Rollout(Section):
    """`automatic` promotes when evaluation and smoke test pass; `person` waits for approval in the Airflow UI;
    `never` is for what the engine is not to serve: then its limits on adapters do not count.
    """

    approval: Literal["person", "automatic", "never"] = "person"


class Batch(Section):
    """Where jobs run and what one training job asks for."""

    backend: Literal["local", "ray", "slurm"] = "local"
    processes: Annotated[int, Field(ge=1)] = 1
    """Training processes: one per GPU, or one on a CPU machine."""
    machines: Annotated[int, Field(ge=1)] = 1
    """Over which a training is spread; processes and gpus are totals, cpus and memory those of each."""
    gpus: Annotated[int, Field(ge=0)] = 0
    gpu: Literal["A100-40GB", "A100-80GB", "H100-80GB", "H200-141GB", "RTX-4090"] = "A100-80GB"
    """Their kind: what the job `plan` reckons with."""
    cpus: Annotated[int, Field(ge=1)] = 2
    memory_gib: Annotated[float, Field(gt=0)] = 8
    time_limit_hours: Annotated[float, Field(gt=0)] = 24
    grace_seconds: Annotated[float, Field(gt=0)] = 20
    """A training that is to end has this long for the step it is in and a checkpoint, before it is killed."""
