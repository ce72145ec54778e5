"""The application: an allow-list of routes. What is not here does not exist, vLLM's own routes included."""

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response

from serving.api.access import Access
from serving.api.admin_routes import admin_routes
from serving.api.body_limit import BodyLimit
from serving.api.disconnects import Disconnects
from serving.api.errors import ApiError, ErrorDocument, answer_errors
from serving.api.openai_routes import openai_routes
from serving.engine import Engine
from serving.keys import KeyFile
from serving.rollouts.follower import Follower


def build_api(engine: Engine, follower: Follower, control) -> FastAPI:
    """/v1 asks for a user's key, /admin for an admin's, /health for none. `control`: handle of the rollout control."""
    settings = engine.settings
    access = Access(KeyFile(settings.home, settings.keys), settings.engine)
    app = FastAPI(
        title="Bardloop inference",
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        redirect_slashes=False,
        responses={kind: {"model": ErrorDocument, "description": "An error"} for kind in ("4XX", "5XX")},
    )
    app.include_router(openai_routes(engine, follower, access), prefix="/v1")
    app.include_router(admin_routes(control, access.key(admin=True)), prefix="/admin")

    @app.get("/health")
    async def health() -> Response:
        """200 when the engine makes tokens, 503 when it does not."""
        if not await engine.can_generate():
            raise ApiError(503, "The engine cannot generate; its log says why.", "engine_down", "server_error")
        return JSONResponse({"status": "ok"})

    answer_errors(app)
    app.add_middleware(Disconnects)
    app.add_middleware(BodyLimit, most_bytes=settings.engine.max_body_kib * 1024)
    return app
