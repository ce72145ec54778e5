"""A base that llama.cpp's converter and K-quants take: rows of 256, a tokenizer of Llama-2's kind (BPE, then bytes)."""

import pathlib

from contracts.corpus_report import CorpusReport
from tests.training import tiny

SPECIAL = ["<unk>", "<|im_start|>", "<|im_end|>"]


def write_base(folder: pathlib.Path, width: int = 256) -> None:
    """A Llama of a million random parameters, in bfloat16. `width` is that of most of its matrices' rows."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = _tokenizer()
    tokenizer.save_pretrained(folder)
    torch.manual_seed(1)
    LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=512,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=512,
            initializer_range=0.1,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=2,
        )
    ).to(torch.bfloat16).save_pretrained(folder)


def _tokenizer():
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    spaces = normalizers.Replace(" ", "▁")
    learner = Tokenizer(models.BPE())
    learner.normalizer, learner.pre_tokenizer = spaces, pre_tokenizers.Split("▁", "merged_with_next")
    texts = (message["text"] for number in range(12) for message in tiny.thread(number)["messages"])
    learner.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=150, show_progress=False))
    learned = learner.get_vocab()
    names = [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256)), *sorted(learned, key=learned.get)]
    merges = _merges(learner)
    vocabulary = {name: place for place, name in enumerate(names)}
    backend = Tokenizer(models.BPE(vocabulary, merges, byte_fallback=True, fuse_unk=True, unk_token=SPECIAL[0]))
    backend.normalizer = spaces
    backend.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    backend.add_special_tokens([AddedToken(name, normalized=False, special=True) for name in SPECIAL])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, unk_token=SPECIAL[0], bos_token=SPECIAL[1], eos_token=SPECIAL[2], pad_token=SPECIAL[2]
    )
    tokenizer.chat_template = tiny.CHATML
    return tokenizer


def _merges(learner) -> list[tuple[str, str]]:
    import json

    return [tuple(pair) for pair in json.loads(learner.to_str())["model"]["merges"]]


def write_report(home: pathlib.Path) -> None:
    """The corpus report of tiny's corpus: 200 records, of which 144 became twelve threads of twelve posts."""
    histogram = {"bounds": [0, 100], "counts": [1, 0], "median": 1.0, "maximum": 1}
    account = {"records": 200, "kept": 144, "dropped": {"not_ic": 50, "excluded.minors": 6}}
    report = CorpusReport(
        recipe="demo",
        digest=tiny.CORPUS,
        parts={"one": account},
        total=account,
        threads={"train": 8, "valid": 2, "test": 2},
        messages={"train": 96, "valid": 24, "test": 24},
        lineage={"inputs": {"one": {"size": 1, "sha256": "0" * 64}}, "recipe_digest": "0" * 64, "code_version": 1},
        distributions=dict.fromkeys(
            (
                "chars_per_post",
                "posts_per_thread",
                "chars_per_thread",
                "authors_per_thread",
                "threads_per_author",
            ),
            histogram,
        ),
        tags={"genre": {"Mystery": 12}},
        duplicates=dict.fromkeys(
            (
                "exact_in_thread",
                "exact_across_threads",
                "near_pairs",
                "near_clusters",
                "near_dropped",
                "linked_threads",
                "largest_component",
            ),
            0,
        ),
        cleaning={},
        rejects={},
        leakage={"gram_words": 13, "one_in": 1, "max_overlap": 0.5, "splits": {}},
    )
    path = home / "corpus" / "demo" / tiny.CORPUS / "report.json"
    path.write_text(report.model_dump_json(indent=1) + "\n")
