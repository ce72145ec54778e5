"""Client of the inference service's operations: is it ready, roll an adapter out, how far is that.

The address and the admin key come from the Airflow connection `bardloop_serving` (host, port, password).
"""

import logging
import time
from typing import Any

import httpx

log = logging.getLogger(__name__)

CONNECTION_ID = "bardloop_serving"
PAUSE_S = 2.0


class ServingError(RuntimeError):
    """The service is not there, or broke while it did what was asked. Worth another try."""


class RolloutRefused(RuntimeError):
    """The service said no, and why; `code` in one word. The version that was live still is."""

    def __init__(self, message: str, code: str = ""):
        super().__init__(message)
        self.code = code


class ServingClient:
    """Talks to one inference service at `address` (e.g. http://127.0.0.1:8001) with its admin key."""

    def __init__(self, address: str, admin_key: str):
        self.address = address
        self._http = httpx.Client(base_url=address, headers={"Authorization": f"Bearer {admin_key}"}, timeout=10)

    @classmethod
    def from_connection(cls, connection_id: str = CONNECTION_ID) -> "ServingClient":
        """The service that an Airflow connection names.

        Raises:
            AirflowNotFoundException: there is no such connection.
        """
        from airflow.sdk import BaseHook

        connection = BaseHook.get_connection(connection_id)
        port = f":{connection.port}" if connection.port else ""
        return cls(f"{connection.schema or 'http'}://{connection.host}{port}", connection.password or "")

    def wait_until_ready(self, patience_s: float) -> None:
        """Return when the engine can generate.

        Raises:
            ServingError: it could not after `patience_s` seconds.
        """
        give_up = time.monotonic() + patience_s
        said = None
        while True:
            try:
                answer = self._http.get("/health")
                state = f"answers {answer.status_code}"
                if answer.is_success:
                    return
            except httpx.TransportError as error:
                state = f"does not answer ({error or type(error).__name__})"
            if state != said:
                log.info("%s %s: waiting for the engine", self.address, state)
                said = state
            if time.monotonic() > give_up:
                raise ServingError(f"{self.address}/health {state} after {patience_s:.0f} s: is the engine running?")
            time.sleep(PAUSE_S)

    def roll_out(
        self, adapter: str, who: str, why: str, canary: dict[str, Any], hold: bool = False
    ) -> dict[str, Any] | None:
        """Have the service begin to make the adapter (`name@version`) the stable version of its name.

        One that is under way for the same version is gone on with.

        Args:
            who, why: for the service's history.
            canary: the recipe's `rollout.canary`.
            hold: whether it answers by `name@version` only until `release` is called.

        Returns:
            The service's answer: the rollout with its `id` and `state`; None while another one is under way.

        Raises:
            RolloutRefused: the service refuses the adapter.
            ServingError: the service does not answer, or failed itself.
        """
        body = {"adapter": adapter, "who": who, "why": why, "canary": canary, "hold": hold}
        try:
            return self._ask("POST", "/admin/rollouts", f"the rollout of {adapter}", json=body)
        except RolloutRefused as refusal:
            if refusal.code != "in_progress":
                raise
            log.info("%s", refusal)
            return None

    def rollouts(self) -> list[dict[str, Any]]:
        """The last rollouts since the service was started, the newest first: `version`, `state`, `weight`, `reason`.

        Raises:
            ServingError: the service does not answer.
        """
        return self._ask("GET", "/admin/rollouts", "the rollouts")["rollouts"]

    def release(self, rollout: str, who: str, why: str) -> dict[str, Any]:
        """Let a rollout (its `id`) that is held go on. Raises RolloutRefused, ServingError."""
        body = {"who": who, "why": why}
        return self._ask("POST", f"/admin/rollouts/{rollout}/release", f"the release of {rollout}", json=body)

    def withdraw(self, adapter: str, who: str, why: str) -> dict[str, Any]:
        """End the rollout of `adapter` (`name@version`), or make the version before stable again where it is over.

        Raises:
            RolloutRefused: there is no version before.
            ServingError: the service does not answer.
        """
        body = {"name": adapter.split("@")[0], "version": adapter, "who": who, "why": why}
        return self._ask("POST", "/admin/rollbacks", f"the rollback of {adapter}", json=body)

    def _ask(self, method: str, path: str, about: str, **what) -> dict[str, Any]:
        try:
            answer = self._http.request(method, path, **what)
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            raise ServingError(f"{self.address}: no answer about {about} ({reason})") from error
        if answer.is_success:
            return answer.json()
        message, code = _reason(answer)
        if answer.is_client_error and answer.status_code != 429:  # that one means: not now
            raise RolloutRefused(f"{about}: {message}", code)
        raise ServingError(f"{about}: {message}")


def _reason(answer: httpx.Response) -> tuple[str, str]:
    """`message (code)` of an error body and the code; else its status and beginning, and nothing."""
    try:
        error = answer.json()["error"]
        return f"{error['message']} ({error['code']})", error["code"]
    except (ValueError, KeyError, TypeError):
        return f"the inference service answers {answer.status_code}: {answer.text[:200]!r}", ""
