"""The base model on disk: where it lies, what it is called, and which linear layers an adapter may change."""

import dataclasses
import json
import pathlib


class BaseModelError(ValueError):
    """models/<name>/ is missing or not finished. The message is one line without the remedy."""


@dataclasses.dataclass(frozen=True)
class ServedBase:
    """models/<name>/ as the job `base-model` leaves it. `digest`: 12 hex digits, what adapters refer to.

    `quantisation`: what its config.json calls the method of its weights, None for plain ones.
    """

    name: str
    path: pathlib.Path
    digest: str
    quantisation: str | None = None


def read_base(home: pathlib.Path, name: str) -> ServedBase:
    """The base model `name` under `home`.

    Raises:
        BaseModelError: the folder, its config, its weights or base.json are not there or cannot be read.
    """
    path = home / "models" / name
    try:
        document = json.loads((path / "base.json").read_text())
        digest = document["digest"]
    except FileNotFoundError as error:
        raise BaseModelError(f"{path}: no finished base model there (base.json is missing)") from error
    except (ValueError, KeyError, TypeError) as error:
        raise BaseModelError(f"{path / 'base.json'}: expected a JSON object with a digest") from error
    if not (path / "config.json").is_file() or not any(path.glob("*.safetensors")):
        raise BaseModelError(f"{path}: config.json or *.safetensors is missing")
    try:
        quantisation = (json.loads((path / "config.json").read_text()).get("quantization_config") or {}).get(
            "quant_method"
        )
    except (ValueError, AttributeError) as error:
        raise BaseModelError(f"{path / 'config.json'}: expected a model's configuration") from error
    return ServedBase(name=name, path=path, digest=digest, quantisation=quantisation)


def linear_shapes(path: pathlib.Path) -> dict[str, tuple[int, int]]:
    """Name to (inputs, outputs) of every linear layer between embedding and output head, from config.json alone.

    The model is built without memory for weights (torch's meta device), so this also works for 70B parameters.
    The output head is left out: adapters that change it are not served.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(path, local_files_only=True))
    head = model.get_output_embeddings()
    return {
        name: (module.in_features, module.out_features)
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not head
    }
