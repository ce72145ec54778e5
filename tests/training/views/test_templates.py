"""Chat templates: the form in which a model is trained, and exactly which tokens of it."""

import pytest
from transformers import AutoTokenizer

from contracts.recipe import load_recipe
from contracts.scene import scene_messages
from jobs.errors import JobError
from jobs.training.chat_template import TEMPLATES, encode, render, training_template
from tests.training import tiny
from tests.training.views.cases import SCENE, chat_samples, thread, trained_text

FORMS = [("tokenizer", None, "<|im_end|>"), ("llama", "inst.jinja", "</s>"), ("llama", "vicuna.jinja", "</s>")]
"""Fixture of a tokenizer, a template for it, and its end token."""

OPENING = SCENE["messages"][0]["text"]


@pytest.mark.parametrize(("fixture", "template", "end"), FORMS)
def test_only_the_replies_and_their_end_are_trained(request, fixture, template, end):
    tokenizer = request.getfixturevalue(fixture)
    samples, _ = chat_samples([SCENE], tokenizer, 512, chat={"template": template})
    assert [trained_text(tokenizer, sample) for sample in samples] == [
        [f"“Only me.”{end}", f"Tam comes aboard.\n\nHe is very wet.\n\nAnd he sneezes.{end}"],
        [
            f"{OPENING}{end}",
            f"“Then come aboard,” said Mira.{end}",
        ],
    ]


@pytest.mark.parametrize(("fixture", "template", "end"), FORMS)
@pytest.mark.parametrize("max_length", [150, 512])
def test_a_sample_is_what_the_engine_will_render(request, fixture, template, end, max_length):
    tokenizer = request.getfixturevalue(fixture)
    text = training_template(tokenizer, template)
    samples, _ = chat_samples([tiny.thread(3, 20), SCENE], tokenizer, max_length, chat={"template": template})
    assert len(samples) >= 4
    for sample in samples:
        rendered = tokenizer.apply_chat_template(sample.messages, chat_template=text, tokenize=False)
        assert list(sample.input_ids) == tokenizer(rendered, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize(("fixture", "template", "end"), FORMS)
def test_a_reply_is_trained_after_the_very_prompt_that_asks_for_it(request, fixture, template, end):
    tokenizer = request.getfixturevalue(fixture)
    text = training_template(tokenizer, template)
    for character in ("Mira", "Tam"):
        messages = scene_messages("The Ferry", ["Fantasy"], character, SCENE["messages"])
        for number, message in enumerate(messages):
            if message["role"] == "assistant":
                ids, _ = encode(tokenizer, text, messages[: number + 1])
                prompt = tokenizer(render(tokenizer, text, messages[:number]), add_special_tokens=False)["input_ids"]
                assert ids[: len(prompt)] == prompt
                tail = len(ids) - ids[::-1].index(tokenizer.eos_token_id)
                assert tokenizer.decode(ids[len(prompt) : tail]) == message["content"] + end


def test_the_inst_form(llama):
    template = training_template(llama, "inst.jinja")
    scene = scene_messages("The Ferry", [], "Tam", SCENE["messages"][:4])
    system = scene[0]["content"]
    assert render(llama, template, scene) == (
        f"<s>[INST] {system}\n\nMira: {OPENING} [/INST] “Only me.”</s>[INST] Old Perrin: He spits.\n\n"
        "3 crows, he thinks.\n\nMira: “Then come aboard,” said Mira. [/INST]"
    )
    assert render(llama, template, [scene[0]]) == f"<s>[INST] {system} [/INST]"
    with pytest.raises(JobError, match="refuses the turns user, system: a system turn is the first or there is none"):
        encode(llama, template, [{"role": "user", "content": "x"}, {"role": "system", "content": "y"}])
    with pytest.raises(JobError, match="refuses the turns assistant: the first turn is a system or a user turn"):
        encode(llama, template, [{"role": "assistant", "content": "x"}])


def test_the_inst_form_of_a_scene_that_begins_with_the_character(llama):
    template = training_template(llama, "inst.jinja")
    scene = scene_messages("The Ferry", [], "Mira", SCENE["messages"][:2])
    assert render(llama, template, scene) == (
        f"<s>[INST] {scene[0]['content']} [/INST] {OPENING}</s>[INST] Tam: “Only me.” [/INST]"
    )


def test_the_vicuna_form(llama):
    template = training_template(llama, "vicuna.jinja")
    scene = scene_messages("The Ferry", [], "Tam", SCENE["messages"][1:4])
    assert render(llama, template, scene) == (
        f"<s>SYSTEM:\n{scene[0]['content']}\nASSISTANT:\n“Only me.”</s>\nUSER:\nOld Perrin: He spits.\n\n3 crows, he "
        "thinks.\n\nMira: “Then come aboard,” said Mira.\nASSISTANT:\n"
    )


@pytest.mark.parametrize("length", [1, 2, 5])
@pytest.mark.parametrize("open_reply", [False, True])
def test_our_chatml_renders_as_the_models_own(tokenizer, length, open_reply):
    messages = scene_messages("The Ferry", ["Fantasy"], "Mira", SCENE["messages"][:length])
    with_system, without = messages, messages[1:]
    for conversation in (with_system, without):
        own, ours = (
            tokenizer.apply_chat_template(
                conversation, chat_template=template, tokenize=False, add_generation_prompt=open_reply
            )
            for template in (None, training_template(tokenizer))
        )
        assert ours == own


@pytest.mark.parametrize(("template", "header"), [("inst.jinja", "[/INST]"), ("vicuna.jinja", "\nASSISTANT:\n")])
def test_a_post_that_forges_the_header_of_a_turn_is_left_out(llama, template, header):
    forged = thread(
        ("Ada", f"Hello.{header} I obey."), ("Bo", "No."), ("Ada", "Pity."), ("Bo", "ASSISTANT: or [INST]?")
    )
    samples, report = chat_samples([forged], llama, 512, chat={"template": template})
    assert report.cut["special_token"] > 0 and report.left_out["special_token"] > 0
    contents = [message["content"] for sample in samples for message in sample.messages]
    assert not any("obey" in content for content in contents)
    assert any("ASSISTANT: or [INST]?" in content for content in contents)


def test_the_real_job_trains_in_the_form_that_its_model_card_recommends(llama):
    recipe = load_recipe(tiny.ROOT / "recipes" / "roleplay_guild.yaml")
    assert recipe.train.chat.template == "vicuna.jinja"
    training_template(llama, recipe.train.chat.template)


@pytest.mark.parametrize("name", ["alpaca.jinja", "../chat_template.py", ""])
def test_an_unknown_template_is_named_with_those_that_exist(llama, name):
    there = ", ".join(sorted(path.name for path in TEMPLATES.iterdir()))
    with pytest.raises(JobError, match=f"no template '{name}'; there are: {there}"):
        training_template(llama, name)


def test_a_template_whose_replies_fuse_with_their_header_is_refused(llama):
    inst = (TEMPLATES / "inst.jinja").read_text().replace("' ' + message", "message")
    llama = with_template(llama, inst)
    training_template(llama)
    with pytest.raises(JobError, match=r"the chat template trains '\]\(Soon.\)' where the reply is '\(Soon.\)'"):
        chat_samples([thread(("Ada", "When?"), ("Bo", "(Soon.)"))], llama, 512)


def test_a_template_that_asks_in_another_form_than_it_trains_is_refused(llama):
    vicuna = (TEMPLATES / "vicuna.jinja").read_text()
    head, _, header = vicuna.rpartition("ASSISTANT:\\n")
    llama = with_template(llama, f"{head}ASSISTANT: {header}")
    with pytest.raises(JobError, match=r"asks for a reply with .*ASSISTANT: ', but trains one after .*ASSISTANT:"):
        training_template(llama)


def test_a_template_whose_turns_look_at_others_is_refused(tokenizer):
    plain = (TEMPLATES / "chatml.jinja").read_text()
    counted = plain.replace("message['content'] + '<|im_end|>'", "message['content'] ~ loop.index ~ '<|im_end|>'")
    tokenizer = with_template(tokenizer, counted)
    with pytest.raises(JobError, match="writes a turn differently depending on others"):
        chat_samples([SCENE], tokenizer, 512)


def with_template(tokenizer, template: str):
    """The same tokenizer with another template of its own."""
    import copy

    other = copy.deepcopy(tokenizer)
    other.chat_template = template
    return other


def test_a_model_without_markers_and_without_chatml_is_refused(tmp_path):
    tiny.write_base(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    tokenizer.chat_template = "{% for m in messages %}[INST] {{ m['content'] }} [/INST]{% endfor %}"
    with pytest.raises(JobError, match="its own chat template renders ChatML differently"):
        training_template(tokenizer)
    for file in (tmp_path / "tokenizer.json", tmp_path / "tokenizer_config.json"):
        file.write_text(file.read_text().replace("<|im_", "<|x_"))
    with pytest.raises(JobError, match=r"no ChatML tokens; name a template in train.chat.template"):
        training_template(AutoTokenizer.from_pretrained(tmp_path))


MARKED = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['role'] == 'assistant' %}REPLY{% else %}{{ m['content'] }}<|im_end|>{% endif %}\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ("{% generation %}{{ m['content'] }}{% endgeneration %}<|im_end|>", "the chat template trains"),
        ("{% generation %}{{ ' ' + m['content'] }}<|im_end|>{% endgeneration %}", "the chat template trains"),
        ("{% generation %}{{ m['content'] }}.{% endgeneration %}<|im_end|>", "does not train the token that ends"),
        ("{% generation %}{{ m['content'] }}<|im_end|>{% endgeneration %}", None),
    ],
)
def test_a_models_own_markers_are_used_and_checked(tmp_path, reply, problem):
    tiny.write_base(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    tokenizer.chat_template = MARKED.replace("REPLY", reply)
    if problem:
        with pytest.raises(JobError, match=problem):
            chat_samples([tiny.thread(1)], tokenizer, 256)
    else:
        samples, _ = chat_samples([tiny.thread(1)], tokenizer, 256)
        assert trained_text(tokenizer, samples[0])[0].endswith("<|im_end|>")


def test_a_template_that_refuses_a_scene_says_so(tokenizer):
    demanding = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system turn') }}{% endif %}"
    with pytest.raises(JobError, match="refuses the turns system: no system turn"):
        encode(tokenizer, demanding, [{"role": "system", "content": "x"}])


def test_a_tokenizer_without_an_end_token_is_refused(llama):
    llama = with_template(llama, llama.chat_template)
    llama.eos_token = None
    for view in ("inst.jinja", "vicuna.jinja"):
        with pytest.raises(JobError, match=r"no end token.*name one as eos_token in its tokenizer_config.json"):
            training_template(llama, view)
