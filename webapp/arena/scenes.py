"""The library of scenes, and the opening that a comparison starts from.

In: `scenes.yaml` beside this file, read and checked once. Out: frozen `Scene`s; `Opening`s for the engine.
"""

import pathlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

from omegaconf import OmegaConf
from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.scene import ChatMessage, Post, scene_messages

LIBRARY = pathlib.Path(__file__).with_name("scenes.yaml")


@dataclass(frozen=True)
class Opening:
    """A scene up to the post that the models answer."""

    title: str
    tags: tuple[str, ...]
    player: str
    """Whom the person plays."""
    character: str
    """Whom the models play."""
    posts: tuple[Post, ...]
    scene: str = ""
    """The library's slug, empty for a scene of one's own."""

    def messages(self) -> list[ChatMessage]:
        """The chat that the engine is asked to continue: the same form that adapters are trained on."""
        return scene_messages(self.title, self.tags, self.character, self.posts)


class Character(BaseModel):
    """A name as it stands before posts, and a line about who that is, for the person who chooses."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1, max_length=60)]
    about: str


class Scene(BaseModel):
    """One scene of the library. `setting` and `about` are for people; the opening post says all a model needs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    slug: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,60}$")]
    title: Annotated[str, Field(max_length=120)]
    tags: Annotated[tuple[str, ...], Field(min_length=1)]
    setting: str
    you: Character
    partner: Character
    opening: Annotated[str, Field(max_length=4000)]

    @model_validator(mode="after")
    def characters_differ(self):
        if self.you.name == self.partner.name:
            raise ValueError(f"scene {self.slug}: you and the partner are both {self.you.name}")
        return self

    def begin(self) -> Opening:
        """The scene at its first post, which is yours."""
        return Opening(
            title=self.title,
            tags=self.tags,
            player=self.you.name,
            character=self.partner.name,
            posts=(Post(author=self.you.name, text=self.opening.strip()),),
            scene=self.slug,
        )


@lru_cache
def library() -> dict[str, Scene]:
    """All scenes by slug, in the file's order.

    Raises:
        pydantic.ValidationError: a scene lacks something or has a key too many.
        ValueError: a slug stands there twice.
    """
    entries = OmegaConf.to_container(OmegaConf.load(LIBRARY))
    scenes = [Scene.model_validate(entry) for entry in entries]
    by_slug = {scene.slug: scene for scene in scenes}
    if len(by_slug) != len(scenes):
        raise ValueError(f"{LIBRARY.name}: a slug stands there twice")
    return by_slug


def tags() -> list[str]:
    """Every tag of the library, by name."""
    return sorted({tag for scene in library().values() for tag in scene.tags})


def tagged(tag: str) -> list[Scene]:
    """The scenes with `tag`, or all for ""."""
    return [scene for scene in library().values() if not tag or tag in scene.tags]


def surprise(seen: Sequence[str] = ()) -> Scene:
    """A scene by chance, not one of `seen` while there are others."""
    fresh = [scene for slug, scene in library().items() if slug not in seen]
    return random.choice(fresh or list(library().values()))
