"""Scenes as chat messages: what training and the web site share."""

from contracts.scene import scene_messages

POSTS = [
    {"author": "Ada", "text": "The lamp gutters.\n"},
    {"author": "Bo", "text": "Then we sit in the dark."},
    {"author": "Cy", "text": "I brought matches."},
    {"author": "Ada", "text": "She strikes one."},
    {"author": "Ada", "text": "It holds."},
]


def roles_and_contents(character):
    return [(m["role"], m["content"]) for m in scene_messages("The Lamp", ["Horror"], character, POSTS)][1:]


def test_the_character_speaks_as_assistant_and_the_others_by_name():
    assert roles_and_contents("Ada") == [
        ("assistant", "The lamp gutters."),
        ("user", "Bo: Then we sit in the dark.\n\nCy: I brought matches."),
        ("assistant", "She strikes one.\n\nIt holds."),
    ]


def test_the_same_scene_from_another_seat():
    assert roles_and_contents("Bo") == [
        ("user", "Ada: The lamp gutters."),
        ("assistant", "Then we sit in the dark."),
        ("user", "Cy: I brought matches.\n\nAda: She strikes one.\n\nAda: It holds."),
    ]


def test_the_system_prompt_names_scene_and_character():
    system = scene_messages("The Lamp", ["Horror", "1x1"], "Ada", [])[0]
    assert system["role"] == "system"
    assert "You are Ada" in system["content"] and "“The Lamp” (Horror, 1x1)" in system["content"]
