"""A training that is sharded for real, on CPUs: `torchrun --nproc-per-node 2 sharded.py FOLDER`.

Accelerate turns FSDP on CPUs into plain data parallelism, so this uses PyTorch's own `fully_shard` over gloo. Writes
losses.json and the gathered adapter of the first process; with one process nothing is sharded.
"""

import json
import pathlib
import sys

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from torch import distributed
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from transformers import LlamaConfig, LlamaForCausalLM

from jobs.training.checkpoint_writer import gathered_adapter

STEPS, BATCH = 5, 4


def main(folder: pathlib.Path) -> None:
    distributed.init_process_group("gloo")
    rank, processes = distributed.get_rank(), distributed.get_world_size()
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    model = get_peft_model(LlamaForCausalLM(config), LoraConfig(r=8, target_modules="all-linear", lora_dropout=0.0))
    data = torch.randint(0, 64, (STEPS, BATCH, 16), generator=torch.Generator().manual_seed(5))
    if processes > 1:
        mesh = init_device_mesh("cpu", (processes,))
        for layer in model.base_model.model.model.layers:
            fully_shard(layer, mesh=mesh)
        fully_shard(model, mesh=mesh)
        sharded = [weight for weight in model.parameters() if isinstance(weight, DTensor)]
        assert len(sharded) == len(list(model.parameters()))
        assert sum(weight.to_local().numel() for weight in sharded) < 0.51 * sum(weight.numel() for weight in sharded)
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=0.01)
    losses = []
    for batch in data:
        mine = batch.chunk(processes)[rank]
        loss = model(input_ids=mine, labels=mine, use_cache=False).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        mean = loss.detach().clone()
        distributed.all_reduce(mean)
        losses.append(mean.item() / processes)
    adapter = gathered_adapter(model)
    if rank == 0:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "losses.json").write_text(json.dumps(losses))
        save_file(adapter, folder / "adapter_model.safetensors")
    distributed.barrier()
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
