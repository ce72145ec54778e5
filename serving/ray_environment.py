"""What Ray reads from the environment while it is imported: priorities, and the token that guards its dashboard.

Ray asks for a token (dashboard, job submission, joining the cluster) unless RAY_AUTH_MODE=disabled. It is
RAY_AUTH_TOKEN, or stands in the file RAY_AUTH_TOKEN_PATH; without either in <home>/serving/ray_token, made at the
first start and readable by the owner only. The dashboard's page asks for it once.
"""

import os
import pathlib
import secrets


def prepare(home: pathlib.Path) -> None:
    """Complete the environment. Call it before ray is imported; what the operator has set stays as it is."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")  # Ray's 15 would let any training job starve the replies
    os.environ.setdefault("RAY_JOB_START_TIMEOUT_SECONDS", "1209600")  # batch jobs wait for GPUs longer than 15 min
    os.environ.setdefault("RAY_COLOR_PREFIX", "0")  # the output is a log file
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")  # two requests that look alike are two
    os.environ.setdefault("RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH", "serving.api.proxy_headers.middlewares")
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    if os.environ["RAY_AUTH_MODE"] != "token" or {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & os.environ.keys():
        return
    file = home / "serving" / "ray_token"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(32))
    os.environ["RAY_AUTH_TOKEN_PATH"] = str(file)
