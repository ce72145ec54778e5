"""Read a Llama model and its tokenizer out of one GGUF file.

In: a .gguf of architecture `llama`. Out: `LlamaForCausalLM` in bfloat16 and a fast tokenizer, both ready
for `save_pretrained`. `AutoModelForCausalLM.from_pretrained(gguf_file=...)` does the same through the `gguf`
package, which walks the 98,000 vocabulary and merge strings in Python three times: 18 s instead of 2.
"""

import pathlib
import re
import struct

from jobs.errors import JobError

TENSORS = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
"""ggml's name of a tensor (without block number and `.weight`) to transformers' name of the module."""


def read_gguf_llama(path: pathlib.Path):
    """The model (bfloat16) and the tokenizer in the GGUF file at `path`.

    Raises:
        JobError: not a GGUF file, cut short, another architecture, or tensors that a Llama does not have.
    """
    from transformers.integrations.gguf.reader import read_gguf_metadata

    try:
        metadata, names = read_gguf_metadata(str(path))
        if metadata["general.architecture"] != "llama":
            raise JobError(
                f"{path}: GGUF of architecture {metadata['general.architecture']!r}, only llama is read here; "
                f"convert it to safetensors and name that folder in model.base"
            )
        return _model(path, metadata, names), _tokenizer(path, metadata)
    except (ValueError, KeyError, struct.error) as error:
        raise JobError(f"{path}: not a complete GGUF file of a Llama model: {error!r}") from error


def _config(metadata: dict, names: tuple[str, ...]):
    from transformers import LlamaConfig

    return LlamaConfig(
        architectures=["LlamaForCausalLM"],
        vocab_size=metadata["tokenizer.ggml.tokens"],  # the reader gives the length of a long array
        max_position_embeddings=metadata["llama.context_length"],
        num_hidden_layers=metadata["llama.block_count"],
        hidden_size=metadata["llama.embedding_length"],
        intermediate_size=metadata["llama.feed_forward_length"],
        num_attention_heads=metadata["llama.attention.head_count"],
        num_key_value_heads=metadata["llama.attention.head_count_kv"],
        head_dim=metadata["llama.rope.dimension_count"],
        rms_norm_eps=metadata["llama.attention.layer_norm_rms_epsilon"],
        rope_parameters={"rope_type": "default", "rope_theta": metadata["llama.rope.freq_base"]},
        tie_word_embeddings="output.weight" not in names,
        bos_token_id=metadata.get("tokenizer.ggml.bos_token_id"),
        eos_token_id=metadata.get("tokenizer.ggml.eos_token_id"),
        pad_token_id=metadata.get("tokenizer.ggml.padding_token_id"),
        dtype="bfloat16",
    )


def _model(path: pathlib.Path, metadata: dict, names: tuple[str, ...]):
    import torch
    from transformers import LlamaForCausalLM
    from transformers.integrations.gguf.dequant import GGML_BLOCK
    from transformers.integrations.gguf.kernels import dequantize_blocks
    from transformers.integrations.gguf.reader import GgufHeader, load_gguf_state_dict

    config = _config(metadata, names)
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    header = GgufHeader.from_file(str(path))
    packed = load_gguf_state_dict(header)
    weights = {}
    for info in header.tensors:
        block, leaf = re.fullmatch(r"(?:blk\.(\d+)\.)?(\w+)\.weight", info.name).groups()
        weight = packed[info.name][...]
        if info.ggml_type in GGML_BLOCK:
            weight = dequantize_blocks(weight, info.ggml_type, *info.shape, torch.float32)
        if leaf in heads:
            weight = _rotary_halves(weight, heads[leaf])
        prefix = f"model.layers.{block}." if block else ""
        weights[f"{prefix}{TENSORS[leaf]}.weight"] = weight.to(torch.bfloat16)

    with torch.device("meta"):
        model = LlamaForCausalLM(config)
    missing, unexpected = model.load_state_dict(weights, strict=False, assign=True)
    tied = ["lm_head.weight"] if config.tie_word_embeddings else []
    if unexpected or missing != tied:
        raise ValueError(f"tensors missing: {missing}, unexpected: {unexpected}")
    model.tie_weights()
    return model


def _rotary_halves(weight, heads: int):
    """Undo llama.cpp's row order of q and k: it pairs neighbours in a head, transformers pairs the two halves."""
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def _tokenizer(path: pathlib.Path, metadata: dict):
    from tokenizers import pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast.from_pretrained(str(path.parent), gguf_file=path.name)
    if metadata.get("tokenizer.ggml.pre") == "smollm":
        # transformers does not know this name and splits as GPT-2 does; SmolLM cuts digits off first, which
        # changes the tokens of white space in front of a number.
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
    return tokenizer
