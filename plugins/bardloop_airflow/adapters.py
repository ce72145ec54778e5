"""The adapters that were trained: folders adapters/<name>@<version>/ with a manifest in each."""

import pathlib


def newest_adapter(home: pathlib.Path, recipe_name: str) -> str:
    """`name@version` of the adapter of a recipe that was made last.

    Raises:
        FileNotFoundError: there is none yet.
    """
    from contracts.adapter_manifest import AdapterManifest  # late: pydantic models cost DAG import time

    folder = home / "adapters"
    paths = sorted(folder.glob(f"{recipe_name}@*/manifest.json"))
    if not paths:
        raise FileNotFoundError(f"{folder}: no adapter of {recipe_name!r} yet; run the DAG 'train' first")
    manifests = [AdapterManifest.model_validate_json(path.read_text()) for path in paths]
    return max(manifests, key=lambda manifest: manifest.created_at).reference
