"""What the console answers where it cannot do what was wanted."""

from __future__ import annotations

from infra.errors import AbsentError, ConflictError, SettingsError, UnreachableError
from infra.field_samples import ClaimError, UnknownSampleError
from models.errors import InputError


class Refusal(Exception):  # noqa: N818  an answer, not a failure
    """An answer with a status and one sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


STATUS: dict[type[Exception], int] = {
    AbsentError: 404,
    UnknownSampleError: 404,
    ClaimError: 400,
    InputError: 400,
    SettingsError: 500,
    ConflictError: 409,
    UnreachableError: 503,
}
TITLES = {
    400: "That cannot be done",
    401: "Sign in first",
    403: "Not allowed",
    404: "Not here",
    405: "Not here",
    409: "Somebody was faster",
    413: "Too large",
    500: "A setting is wrong",
    503: "Something cannot be reached",
}
HINTS = {
    403: "Sign in with a token that has the scope, or load the page again and repeat it.",
    404: "It may have been removed. Go back and load the page again.",
    409: "Nothing was changed. Load the page again to see what is true now.",
    500: "Correct it in .env and start the console again.",
    503: "Nothing was changed. The page works again once it answers; `antiphon up` starts the "
    "servers of one machine, and their logs are in the state folder.",
}
KNOWN: tuple[type[Exception], ...] = (Refusal, *STATUS)


def status_of(error: Exception) -> int:
    """The HTTP status of a known error."""
    if isinstance(error, Refusal):
        return error.status
    return next(status for kind, status in STATUS.items() if isinstance(error, kind))
