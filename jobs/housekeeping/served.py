"""What the inference engine may serve.

In: serving/registry.json. Out: adapters by reference, `name@version`, with what each is there for.
"""

import json
import pathlib

from jobs.errors import JobError

ROLES = ("stable", "canary", "previous")


def served(home: pathlib.Path) -> dict[str, str]:
    """Reference to role. Empty when nothing has gone live yet.

    Raises:
        JobError: the registry cannot be read: then nothing may be removed.
    """
    path = home / "serving" / "registry.json"
    try:
        pointers = json.loads(path.read_bytes())
        found = [
            (pointer[role], role) for pointer in pointers.values() for role in reversed(ROLES) if pointer.get(role)
        ]
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise JobError(f"{path}: damaged ({error}); nothing is removed until it can be read") from error
    return dict(found)
