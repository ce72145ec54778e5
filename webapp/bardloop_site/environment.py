"""Reading settings from environment variables, with one clear line when one is missing or wrong."""

import os

from django.core.exceptions import ImproperlyConfigured


def required(name: str, example: str) -> str:
    """The variable's value.

    Raises:
        ImproperlyConfigured: it is not set; the message gives an example.
    """
    value = os.environ.get(name, "")
    if not value:
        raise ImproperlyConfigured(f"{name} is not set. Example: {name}={example}")
    return value


def address(name: str, default: str) -> str:
    """The variable as an http(s) address without the slash at its end.

    Raises:
        ImproperlyConfigured: it is something else.
    """
    value = os.environ.get(name, "") or default
    if not value.startswith(("http://", "https://")):
        raise ImproperlyConfigured(f"{name}={value!r}: expected an address such as {default}")
    return value.rstrip("/")


def contact(name: str) -> str:
    """The variable as a URI under which a person can be reached, or "".

    Raises:
        ImproperlyConfigured: it is something else.
    """
    value = os.environ.get(name, "").strip()
    if value and not (value.startswith(("mailto:", "https://", "tel:")) and value.isprintable() and " " not in value):
        raise ImproperlyConfigured(f"{name}={value!r}: expected an address such as mailto:security@example.org")
    return value


def number(name: str, default: float, low: float, high: float) -> float:
    """The variable as a number between `low` and `high`.

    Raises:
        ImproperlyConfigured: it is no number or outside the bounds.
    """
    text = os.environ.get(name, "")
    if not text:
        return default
    try:
        value = float(text)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}={text!r}: expected a number") from error
    if not low <= value <= high:
        raise ImproperlyConfigured(f"{name}={text}: expected a number from {low:g} to {high:g}")
    return value


def switch(name: str, default: bool) -> bool:
    """The variable as `on` or `off`.

    Raises:
        ImproperlyConfigured: it is something else.
    """
    text = os.environ.get(name, "") or ("on" if default else "off")
    if text not in ("on", "off"):
        raise ImproperlyConfigured(f"{name}={text!r}: expected on or off")
    return text == "on"


def words(name: str, default: str) -> list[str]:
    """The variable as a comma-separated list without empty members."""
    return [word for word in (part.strip() for part in os.environ.get(name, default).split(",")) if word]


def per_minute(name: str, defaults: dict[str, int]) -> dict[str, int]:
    """`defaults` with the numbers that the variable changes, as in `vote/address=5000, start/voter=10`.

    Raises:
        ImproperlyConfigured: a limit that there is not, or no whole number above 0.
    """
    limits = dict(defaults)
    for word in words(name, ""):
        limit, _, text = (part.strip() for part in word.partition("="))
        if limit not in defaults:
            raise ImproperlyConfigured(f"{name}: there is no limit {limit!r}. The limits are: {', '.join(defaults)}")
        if not (text.isdecimal() and 1 <= int(text) <= 1_000_000_000):
            raise ImproperlyConfigured(f"{name}: {word!r}: expected {limit}= and a whole number from 1, a minute")
        limits[limit] = int(text)
    return limits
