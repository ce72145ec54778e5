"""What lies beside merged weights: others render the prompt as training did, and stop where a reply ends."""

import json

import pytest

from jobs.export.companions import copy_companions
from jobs.training.chat_template import PROBE
from tests.training import tiny


@pytest.fixture
def base(tmp_path):
    tiny.write_base(tmp_path / "base")
    return tmp_path / "base"


def copied(base, *overrides):
    target = base.parent / "merged"
    target.mkdir()
    copy_companions(base, target, tiny.recipe(base.parent, *overrides))
    return target


def rendered(folder):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    return tokenizer.apply_chat_template(PROBE, tokenize=False, add_generation_prompt=True)


def test_a_template_of_its_own_is_kept_as_it_is(base):
    target = copied(base)
    assert (target / "chat_template.jinja").read_bytes() == (base / "chat_template.jinja").read_bytes()
    assert json.loads((target / "config.json").read_text())["dtype"] == "bfloat16"


def test_a_tokenizer_without_template_gets_the_one_of_training(base):
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    wanted = rendered(base)
    (base / "chat_template.jinja").unlink()
    target = copied(base)
    assert rendered(target) == wanted
    # Plain Jinja, as other engines have it: no generation markers, the same white space.
    plain = ImmutableSandboxedEnvironment().from_string((target / "chat_template.jinja").read_text())
    assert plain.render(messages=PROBE, add_generation_prompt=True) == wanted


def test_a_template_named_in_the_recipe_takes_the_place_of_the_tokenizer_s_own(base):
    target = copied(base, "train.chat.template=vicuna.jinja")
    assert "<|im_start|>user" in rendered(base) and "USER:" not in rendered(base)
    assert "<|im_start|>user" not in rendered(target) and "USER:" in rendered(target)


def test_generation_stops_where_a_reply_ends(base):
    from transformers import GenerationConfig

    config = json.loads((base / "config.json").read_text()) | {"eos_token_id": 0}
    (base / "config.json").write_text(json.dumps(config))
    GenerationConfig(eos_token_id=0, temperature=0.7, do_sample=True).save_pretrained(base)
    generation = GenerationConfig.from_pretrained(copied(base))
    assert generation.eos_token_id == [0, 2]  # <|im_end|> ends a reply
    assert generation.temperature == 0.7


def test_running_text_leaves_the_tokens_to_stop_at_alone(base):
    from transformers import GenerationConfig

    assert GenerationConfig.from_pretrained(copied(base, "train.view=completion")).eos_token_id == 2


def test_weights_and_the_base_s_own_papers_stay_behind(base):
    (base / "base.json").write_text("{}")
    (base / "README.md").write_text("the base's card")
    names = {path.name for path in copied(base).iterdir()}
    assert names == {
        "chat_template.jinja", "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"
    }  # fmt: skip
