"""How a role-play scene becomes chat messages.

Training and the web site must agree on this to the letter: an adapter only shows what it learned when it
is asked in the form that it was trained on. In: title, tags, characters, posts. Out: OpenAI chat messages.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

from typing_extensions import TypedDict  # pydantic cannot read typing.TypedDict before Python 3.12


class ChatMessage(TypedDict):
    """One message of an OpenAI chat request."""

    role: Literal["system", "user", "assistant"]
    content: str


class Post(TypedDict):
    """One post of a thread: the character (or alias) who speaks, and plain text in paragraphs."""

    author: str
    text: str


def system_prompt(title: str, tags: Sequence[str], character: str) -> str:
    """The instruction that opens a scene: what it is, and whom the model plays."""
    kind = f" ({', '.join(tags)})" if tags else ""
    return (
        f"You are {character} in a forum role-play titled “{title}”{kind}. "
        f"Write {character}'s next post. Never write for the other characters."
    )


def scene_messages(title: str, tags: Sequence[str], character: str, posts: Iterable[Post]) -> list[ChatMessage]:
    """Chat messages for `posts` (in time order) as seen by `character`.

    Posts of `character` become assistant turns without a name; what the others write between them is joined
    into one user turn, each post led by `Name: `. Neighbouring posts of `character` are joined as well.
    The result may start with an assistant turn (the character opened the scene) and may end with either.
    """
    messages: list[ChatMessage] = [{"role": "system", "content": system_prompt(title, tags, character)}]
    for post in posts:
        own = post["author"] == character
        role: Literal["assistant", "user"] = "assistant" if own else "user"
        content = post["text"].strip() if own else f"{post['author']}: {post['text'].strip()}"
        if messages[-1]["role"] == role:
            messages[-1]["content"] += f"\n\n{content}"
        else:
            messages.append({"role": role, "content": content})
    return messages
