"""The library of scenes, as the file has it."""

from collections import Counter

from webapp.arena.scenes import library, surprise, tagged, tags


def test_it_works():
    assert len(library()) >= 12
    assert library()["water-rights"].title == "Water Rights"


def test_several_genres():
    assert len(tags()) >= 8
    assert [scene.slug for scene in tagged("Western")] == ["water-rights"]
    assert len(tagged("")) == len(library())


def test_models_are_asked_as_the_other_character():
    for scene in library().values():
        system, user = scene.begin().messages()
        assert system["content"].startswith(f"You are {scene.partner.name} in a forum role-play titled “{scene.title}”")
        assert user["role"] == "user" and user["content"].startswith(f"{scene.you.name}: ")
        assert len(user["content"]) < 2000  # leaves room for the reply in a context of 2,048 tokens


def test_surprise_is_not_what_was_just_seen():
    seen = list(library())[:-1]
    assert {surprise(seen).slug for _ in range(20)} == {list(library())[-1]}
    drawn = Counter(surprise().slug for _ in range(400))
    assert set(drawn) == set(library())
