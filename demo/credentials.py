"""Passwords and keys of one demo: made at the first start, kept in <home>/secrets.json, readable by the owner only."""

import base64
import json
import pathlib
import secrets

NAMES = (
    "airflow_password",
    "admin_password",
    "api_key",
    "admin_key",
    "export_key",
    "ray_token",
    "django_secret_key",
    "airflow_jwt_secret",
    "airflow_secret_key",
    "airflow_fernet_key",
)


def load(home: pathlib.Path) -> dict[str, str]:
    """Secrets by name; those that are missing are made and written before anything uses them."""
    path = home / "secrets.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    missing = [name for name in NAMES if name not in known]
    if missing:
        known |= {name: _make(name) for name in missing}
        home.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(known, indent=2) + "\n")
        temporary.replace(path)
    return known


def _make(name: str) -> str:
    if name.endswith("password"):
        return secrets.token_urlsafe(9)  # typed by people
    if name.endswith("fernet_key"):
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_urlsafe(32)
