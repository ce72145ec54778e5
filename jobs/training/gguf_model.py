"""Read a model and its tokenizer out of one GGUF file.

In: a .gguf of an architecture that transformers reads. Out: the model in bfloat16 and a fast tokenizer, both
ready for `save_pretrained`.
"""

import pathlib

from jobs.errors import JobError


def read_gguf(path: pathlib.Path):
    """The model (bfloat16) and the tokenizer in the GGUF file at `path`.

    Raises:
        JobError: not a GGUF file, cut short, or of an architecture that transformers does not read.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    try:
        model = AutoModelForCausalLM.from_pretrained(
            path.parent, gguf_file=path.name, quantization_config=GgufConfig(dequantize=True), dtype="bfloat16"
        )
        tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    except (ValueError, KeyError, IndexError, OSError, NotImplementedError) as error:
        raise JobError(f"{path}: not a complete GGUF file of a model that can be read: {error!r}") from error
    if _pre_tokenizer_name(path) == "smollm":
        _cut_digits_off(tokenizer)
    return model, tokenizer


def _pre_tokenizer_name(path: pathlib.Path) -> str | None:
    from transformers.integrations.gguf.reader import read_gguf_metadata

    metadata, _ = read_gguf_metadata(str(path))
    return metadata.get("tokenizer.ggml.pre")


def _cut_digits_off(tokenizer) -> None:
    """Give SmolLM2's tokenizer its own splitting rule.

    transformers does not know the rule's name in GGUF and splits as GPT-2 does; SmolLM2 was trained with digits
    cut off first, which changes the tokens of white space in front of a number.
    """
    from tokenizers import pre_tokenizers

    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
