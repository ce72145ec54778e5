"""Who may ask: bearer keys, compared in constant time, and refusals in OpenAI's form."""

import hmac

from fastapi import Request
from fastapi.responses import JSONResponse


class ApiError(Exception):
    """An answer that is no success: HTTP `status`, and OpenAI's `message`, `code`, `param` and `kind` (its `type`)."""

    def __init__(self, status: int, message: str, code: str | None, kind: str, param: str | None = None):
        super().__init__(message)
        self.status, self.code, self.kind, self.param = status, code, kind, param

    def response(self) -> JSONResponse:
        """The error as OpenAI's clients expect it."""
        body = {"message": str(self), "type": self.kind, "param": self.param, "code": self.code}
        headers = {"WWW-Authenticate": "Bearer"} if self.status == 401 else None
        return JSONResponse({"error": body}, status_code=self.status, headers=headers)


def bearer(key: str):
    """A FastAPI dependency that lets pass who sends `Authorization: Bearer <key>` and answers 401 to others."""
    expected = key.encode()

    async def check(request: Request) -> None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), expected):
            raise ApiError(
                401, "No valid key in the Authorization header (Bearer …).", "invalid_api_key", "authentication_error"
            )

    return check
