"""A no with a reason: what every operation on the engine answers when it does not do what was asked."""


class Refusal(Exception):
    """An operation that was refused and changed nothing.

    `code` is a short reason (`wrong_base`, `no_such_adapter`, ...) for programs and for the history;
    the message is one line for a person; `status` is the HTTP status that fits.
    """

    def __init__(self, code: str, message: str, status: int = 422):
        super().__init__(message)
        self.code = code
        self.status = status
