"""Where things run: the engine (`serving`), its changes (`rollout`) and the jobs (`batch`)."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

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
    cpu_threads: Annotated[int, Field(ge=1)] | None = None
    """That compute on a CPU; None: one for each core but one, which is left to the front end."""
    min_replicas: Annotated[int, Field(ge=1)] = 1
    max_replicas: Annotated[int, Field(ge=1)] = 1
    """Engines, each with a copy of the base; as many as requests are under way for, see `requests_per_replica`."""
    requests_per_replica: Annotated[int, Field(ge=1)] = 32
    scale_up_after_seconds: Annotated[float, Field(ge=0)] = 30
    scale_down_after_seconds: Annotated[float, Field(ge=0)] = 600
    """So long more or fewer replicas have to be needed before one is started or stopped."""
    drain_seconds: Annotated[float, Field(ge=0)] = 600
    """A replica that is no longer needed has so long for the replies that it has begun."""
    max_waiting: Annotated[int, Field(ge=0)] = 64
    """Requests that may wait for a replica beside the `max_num_seqs` that run; more are told to come again (429)."""
    max_body_kib: Annotated[int, Field(ge=1)] = 1024
    max_reply_tokens: Annotated[int, Field(ge=1)] = 4096
    max_choices: Annotated[int, Field(ge=1)] = 4
    """Replies to one request (`n`)."""


class Canary(Section):
    """How a new version takes over from the stable one: by shares of the requests, each held and judged."""

    steps: tuple[Annotated[float, Field(gt=0, le=1)], ...] = (0.1, 0.5, 1.0)
    """Shares of the requests; empty: all at once, right after the smoke test."""
    hold_seconds: Annotated[float, Field(ge=0)] = 600
    """A step lasts so long, ..."""
    requests: Annotated[int, Field(ge=1)] = 200
    """... or until the new version has answered so many requests in it."""
    most_errors: Annotated[float, Field(ge=0, le=1)] = 0.02
    """Failed requests that the new version may have more than the stable one, as a share of all."""
    slowest: Annotated[float, Field(ge=1)] = 2.0
    """Its median time to the first token may be so many times the stable version's."""

    @model_validator(mode="after")
    def _rising(self):
        if list(self.steps) != sorted(set(self.steps)):
            raise ValueError(f"steps have to rise: {list(self.steps)}")
        return self


class Rollout(Section):
    """`automatic` promotes when evaluation and smoke test pass; `person` waits for approval in the Airflow UI; `votes`
    lets people vote on it until the section `gate` says that it is better than the stable version, or that it is not;
    `never` is for what the engine is not to serve: then its limits on adapters do not count.
    """

    approval: Literal["person", "automatic", "votes", "never"] = "person"
    canary: Canary = Canary()


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
