"""Operations: rollouts, rollbacks, the registry and its history. Every change says who wanted it and why."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from contracts.recipe import Canary
from serving.api.errors import ApiError
from serving.keys import Key
from serving.refusal import Refused
from serving.rollouts.rollout import Asked

Why = Annotated[str, Field(max_length=500)]
Who = Annotated[str, Field(max_length=100)]
Name = Annotated[str, Field(pattern=r"^[ -~]{0,256}$")]
"""Printable ASCII: Ray's metrics take nothing else."""


class AdapterToRollOut(BaseModel):
    """Body of POST /admin/rollouts."""

    model_config = ConfigDict(extra="forbid")

    adapter: Name
    """`name@version`."""
    who: Who = ""
    """Beside the name of the key, which is always noted."""
    why: Why = ""
    canary: Canary | None = None
    """None: as the engine's recipe says."""
    hold: bool = False
    """Whether it answers by `name@version` only until it is released."""


class WhyReleased(BaseModel):
    """Body of POST /admin/rollouts/{id}/release."""

    model_config = ConfigDict(extra="forbid")

    who: Who = ""
    why: Why = ""


class AdapterName(BaseModel):
    """Body of POST /admin/retirements."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    who: Who = ""
    why: Why = ""


class VersionToLeave(AdapterName):
    """Body of POST /admin/rollbacks."""

    version: str | None = None
    """The `name@version` to get rid of; where another one is stable already, nothing is done."""


def admin_routes(control, admin) -> APIRouter:
    """`control`: Ray Serve's handle of the `RolloutControl`; `admin`: the dependency that gives the admin's key."""
    routes = APIRouter()

    @routes.post("/rollouts", status_code=202)
    async def roll_out(body: AdapterToRollOut, key: Annotated[Key, Depends(admin)]):
        """Begin to make an adapter version the stable one of its name; its rollout, to be asked for by `id`."""
        asked = Asked(body.adapter, _who(key, body.who), body.why, body.canary, body.hold)
        return _done(await control.roll_out.remote(asked))

    @routes.get("/rollouts", dependencies=[Depends(admin)])
    async def rollouts():
        """The last rollouts, the newest first."""
        return {"rollouts": await control.rollouts.remote()}

    @routes.get("/rollouts/{identity}", dependencies=[Depends(admin)])
    async def rollout(identity: str):
        """How far a rollout is, and how it ended."""
        document = await control.rollout.remote(identity)
        if document is None:
            message = f"No rollout {identity!r} since the service was started; /admin/history has older ones."
            raise ApiError(404, message, "no_such_rollout")
        return document

    @routes.post("/rollouts/{identity}/release")
    async def release(identity: str, body: WhyReleased, key: Annotated[Key, Depends(admin)]):
        """Let a version that is held take over, step by step."""
        return _done(await control.release.remote(identity, _who(key, body.who), body.why))

    @routes.post("/rollbacks")
    async def roll_back(body: VersionToLeave, key: Annotated[Key, Depends(admin)]):
        """Make the version before stable again, or end the rollout of the name that is under way."""
        return _done(await control.roll_back.remote(body.name, _who(key, body.who), body.why, body.version))

    @routes.post("/retirements")
    async def retire(body: AdapterName, key: Annotated[Key, Depends(admin)]):
        """Take a name and its versions off the engine."""
        return _done(await control.retire.remote(body.name, _who(key, body.who), body.why))

    @routes.get("/registry", dependencies=[Depends(admin)])
    async def registry():
        """The pointers, what is not served and why, the replicas."""
        return await control.registry.remote()

    @routes.get("/history", dependencies=[Depends(admin)])
    async def history(last: Annotated[int, Query(ge=1, le=10_000)] = 100):
        """The last lines of the history, the oldest first."""
        return {"history": await control.history.remote(last)}

    return routes


def _who(key: Key, said: str) -> str:
    return f"{key.name}: {said}" if said else key.name


def _done(answer: dict | Refused) -> dict:
    if isinstance(answer, Refused):
        raise ApiError(answer.status, answer.message, answer.code)
    return answer
