"""Every address of the site, as its own URL configuration has them: what the walk must have seen.

    python -m tests.webapp.in_browser.addresses

In: the site's environment. Out: JSON, the named addresses and the admin's models. In a process of its own, for there is
no Django in the tests' process.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from tests.stack import ROOT


@dataclass(frozen=True)
class Model:
    """A model that the admin shows: the beginning of its addresses' names, its folder, table and key's column."""

    name: str
    folder: str
    table: str
    key: str


@dataclass(frozen=True)
class Addresses:
    """`routes`: name to route, e.g. `arena:mine` to `mine/`; what has no name is not in it."""

    routes: dict[str, str]
    models: list[Model]


def addresses(environment: dict[str, str]) -> Addresses:
    """What the site with this environment answers to."""
    command = [sys.executable, "-m", "tests.webapp.in_browser.addresses"]
    printed = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout
    found = json.loads(printed)
    return Addresses(found["routes"], [Model(**model) for model in found["models"]])


def _named(patterns, namespaces: tuple[str, ...] = (), route: str = "") -> Iterator[tuple[str, str]]:
    for pattern in patterns:
        here = route + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            inner = (*namespaces, pattern.namespace) if pattern.namespace else namespaces
            yield from _named(pattern.url_patterns, inner, here)
        elif pattern.name:
            yield ":".join([*namespaces, pattern.name]), here


def _model(model) -> dict[str, str]:
    meta = model._meta
    folder = f"/admin/{meta.app_label}/{meta.model_name}/"
    name = f"admin:{meta.app_label}_{meta.model_name}"
    return {"name": name, "folder": folder, "table": meta.db_table, "key": meta.pk.column}


def _main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "webapp.bardloop_site.settings"
    import django
    from django.contrib import admin
    from django.urls import get_resolver

    django.setup()
    routes = dict(_named(get_resolver().url_patterns))
    print(json.dumps({"routes": routes, "models": [_model(model) for model in admin.site._registry]}))


if __name__ == "__main__":
    _main()
