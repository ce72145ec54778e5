"""A no with a reason: what every operation on the engine answers when it does not do what was asked."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Refused:
    """A refusal as a value, which goes from process to process.

    `code` is a short reason (`wrong_base`, `no_such_adapter`, ...) for programs and for the history; the message is
    one line for a person; `status` is the HTTP status that fits.
    """

    code: str
    message: str
    status: int = 422


class Refusal(Exception):
    """An operation that was refused and changed nothing."""

    def __init__(self, code: str, message: str, status: int = 422):
        super().__init__(message)
        self.refused = Refused(code, message, status)

    @property
    def code(self) -> str:
        return self.refused.code

    @property
    def status(self) -> int:
        return self.refused.status
