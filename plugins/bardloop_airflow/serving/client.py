"""Client of the inference service's operations: is it ready, roll an adapter out.

The address and the admin key come from the Airflow connection `bardloop_serving` (host, port, password).
"""

import logging
import time
from typing import Any

import httpx

log = logging.getLogger(__name__)

CONNECTION_ID = "bardloop_serving"
ROLLOUT_TAKES_AT_MOST_S = 600.0
PAUSE_S = 2.0


class ServingError(RuntimeError):
    """The service is not there, or broke while it did what was asked. Worth another try."""


class RolloutRefused(RuntimeError):
    """The service said no, and why. The version that was live still is."""


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

    def roll_out(self, adapter: str) -> dict[str, Any]:
        """Load the adapter (`name@version`), let the service test it, make it the stable version of its name.

        Returns:
            The service's answer: name, version, previous, smoke.

        Raises:
            RolloutRefused: the service refused the adapter.
            ServingError: the service did not answer, or failed itself.
        """
        try:
            answer = self._http.post("/admin/rollouts", json={"adapter": adapter}, timeout=ROLLOUT_TAKES_AT_MOST_S)
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            raise ServingError(f"{self.address}: no answer to the rollout of {adapter} ({reason})") from error
        if answer.is_success:
            return answer.json()
        reason = f"{adapter}: {_reason(answer)}"
        if answer.is_client_error and answer.status_code not in (409, 429):  # those two mean: not now
            raise RolloutRefused(reason)
        raise ServingError(reason)


def _reason(answer: httpx.Response) -> str:
    """`message (code)` of an error body, else its status and beginning."""
    try:
        error = answer.json()["error"]
        return f"{error['message']} ({error['code']})"
    except (ValueError, KeyError, TypeError):
        return f"the inference service answers {answer.status_code}: {answer.text[:200]!r}"
