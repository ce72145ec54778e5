"""What likelihoods rest on: batches and shared prompts change nothing, and lm-evaluation-harness says the same."""

import itertools
from types import SimpleNamespace

import pytest

from contracts.recipe import Choice
from jobs.evaluation.log_likelihood import continuation_log_likelihoods, shared_length
from jobs.evaluation.scorers.choice import ChoiceScorer
from jobs.next_reply.chat import Chat

ENDS_IN_A_TOKEN_OF_ITS_OWN = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '<|endoftext|>' }}"
    "{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] | trim + '<|im_end|>' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant<|endoftext|>' }}{% endif %}"
)
"""A template whose prompt does not end in white space, which lm-evaluation-harness moves into the answer."""


def alone(model, prompt: list[int], continuation: list[int]) -> float:
    """Log-likelihood by a single pass over prompt and continuation, without cache or padding."""
    import torch

    with torch.inference_mode():
        logits = model.model(input_ids=torch.tensor([prompt + continuation]), use_cache=False).logits[0]
    places = range(len(prompt) - 1, len(prompt) + len(continuation) - 1)
    logs = logits.log_softmax(-1)
    return sum(logs[place, token].item() for place, token in zip(places, continuation, strict=True))


def test_a_shared_prompt_changes_nothing(model, chat, held_out):
    turn = held_out.turns[3]
    texts = ["Yes.", turn.reply, "A much longer line about a lantern, a rope, a barrel and three bells over house 5."]
    asked = [chat.continuation(turn.context, text) for text in texts]
    prompt = asked[0][0]
    assert all(each[0] == prompt for each in asked)
    assert chat.tokenizer.decode(asked[2][1]) == texts[2]
    [together] = model.continuation_log_likelihoods([(prompt, [ids for _, ids in asked])])
    assert together == pytest.approx([alone(model, prompt, ids) for _, ids in asked], abs=1e-3)


def test_prompts_that_begin_alike_change_nothing(model, chat, held_out, monkeypatch):
    """Each prompt is asked as by itself, and only what is new in it is read: longer, shorter, other, the same."""
    turn, other = held_out.turns[3], held_out.turns[0]
    told = [*turn.context, {"role": "assistant", "content": turn.reply}, {"role": "user", "content": "Bo: And then?"}]
    prompts = [chat.prompt(turn.context), chat.prompt(told), chat.prompt(other.context), chat.prompt(other.context)]
    answers = [chat.continuation(turn.context, text)[1] for text in ("Yes.", turn.reply, "No, not the lantern!")]
    prompts += [prompts[0][1:], prompts[0][:7], prompts[1]]
    assert prompts[4][0] != prompts[3][0]
    asked = [(prompt, answers[: 1 + n % 3]) for n, prompt in enumerate(prompts)]
    read, forward = [], model.model.forward

    def counted(*args, **kwargs):
        read.append(kwargs["input_ids"].shape[1])
        return forward(*args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(model.model, "forward", counted)
        found = list(model.continuation_log_likelihoods(asked))
    for (prompt, continuations), likelihoods in zip(asked, found, strict=True):
        assert likelihoods == pytest.approx([alone(model, prompt, ids) for ids in continuations], abs=1e-3)
    new = [len(prompt) - shared_length([before, prompt]) for before, prompt in itertools.pairwise([[], *prompts])]
    assert read[::2] == [max(1, count) for count in new], "the last token is read in any case"
    assert new[3] == 0 and new[4] == len(prompts[4]) and new[1] < len(prompts[1]) / 2, "nothing was shared"


@pytest.mark.parametrize("kind", ["a sliding window", "a rotation by length"])
def test_prompts_are_read_again_where_what_was_read_is_not_kept(chat, kind):
    """Of what such models remember nothing can be cut, or it differs between short and long texts."""
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig, MistralConfig

    torch.manual_seed(0)
    sizes = {
        "vocab_size": len(chat.tokenizer), "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 2, "initializer_range": 0.5,
    }  # fmt: skip
    rope = {"rope_type": "longrope", "rope_theta": 1e4, "short_factor": [1.0] * 8, "long_factor": [4.0] * 8}
    long_rope = {"max_position_embeddings": 64, "rope_parameters": rope | {"original_max_position_embeddings": 11}}
    config = MistralConfig(**sizes, sliding_window=8) if "window" in kind else LlamaConfig(**sizes, **long_rope)
    model = AutoModelForCausalLM.from_config(config).eval()
    prompt = chat.tokenizer("The lamps of the harbour went out one by one, and nobody said a word.")["input_ids"]
    asked = [(prompt[:length], [prompt[length:][:1], prompt[4:5]]) for length in (9, 12, 12, 14, 10)]
    for (told, continuations), found in zip(asked, continuation_log_likelihoods(model, asked), strict=True):
        alone_too = [alone(SimpleNamespace(model=model), told, ids) for ids in continuations]
        assert found == pytest.approx(alone_too, abs=1e-3)


def test_the_prompt_of_a_choice_is_that_of_a_reply(chat, held_out):
    turn = held_out.turns[0]
    assert chat.continuation(turn.context, turn.reply)[0] == chat.prompt(turn.context)


def test_old_turns_go_until_the_rest_fits(chat):
    system = {"role": "system", "content": "You are Ada."}
    turns = [{"role": ("user", "assistant")[n % 2], "content": f"Bo: line {n}."} for n in range(5)]
    size = len(chat.prompt([system, *turns]))
    assert chat.fitted([system, *turns], chat.positions - size) == [system, *turns]
    assert chat.fitted([system, *turns], chat.positions - size + 1) == [system, *turns[2:]]
    smallest = len(chat.prompt([system, turns[-1]]))
    assert chat.fitted([system, *turns], chat.positions - smallest) == [system, turns[-1]]
    assert chat.fitted([system, *turns], chat.positions - smallest + 1) is None


def test_lm_evaluation_harness_gives_the_same_numbers(recipe, chat, held_out, model):
    """The same questions as a multiple-choice task of its own: every likelihood, and accuracy per byte."""
    import datasets
    import lm_eval
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.models.huggingface import HFLM

    marked = Chat(chat.tokenizer, ENDS_IN_A_TOKEN_OF_ITS_OWN, chat.positions)
    settings = recipe.evaluate.model_copy(update={"choice": Choice(questions=30, distractors=3)})
    scorer = ChoiceScorer(held_out, settings, marked)
    assert len(scorer.questions) == 30
    ours = scorer.score(model)
    rows = [
        {
            "text": chat.tokenizer.apply_chat_template(
                question.context, chat_template=marked.template, tokenize=False, add_generation_prompt=True
            ),
            "options": question.options,
            "answer": question.answer,
        }
        for question in scorer.questions
    ]
    task = ConfigurableTask(
        config={
            "task": "next_reply",
            "custom_dataset": lambda **_: datasets.DatasetDict(test=datasets.Dataset.from_list(rows)),
            "output_type": "multiple_choice",
            "test_split": "test",
            "doc_to_text": "{{text}}",
            "doc_to_choice": "{{options}}",
            "doc_to_target": "{{answer}}",
            "target_delimiter": "",
            "metric_list": [{"metric": "acc"}, {"metric": "acc_bytes"}],
        }
    )
    harness = HFLM(pretrained=model.model, tokenizer=chat.tokenizer, backend="causal", batch_size=4)
    theirs = lm_eval.simple_evaluate(model=harness, tasks=[task], bootstrap_iters=0)

    logged = sorted(theirs["samples"]["next_reply"], key=lambda sample: sample["doc_id"])
    for item, sample in zip(ours.items, logged, strict=True):
        likelihoods = [response[0][0] for response in sample["resps"]]
        assert item["log_likelihoods"] == pytest.approx(likelihoods, abs=2e-3)
    accuracy = theirs["results"]["next_reply"]["acc_bytes,none"]
    assert 0 < accuracy < 1, "a trivial task proves nothing"
    assert ours.metrics["choice/accuracy"] == pytest.approx(accuracy)
