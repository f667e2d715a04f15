"""Errors of services and settings."""


class SettingsError(ValueError):
    """An unusable setting; the message names it and what was expected."""


class UnreachableError(ConnectionError):
    """A service cannot be reached: an outage, not an answer."""


class AbsentError(ValueError):
    """The named thing does not exist: an answer, not an outage."""


class ConflictError(RuntimeError):
    """Another process changed the same thing first; nothing was written."""


def reason_of(error: BaseException) -> str:
    """The first line of what an error says, or its class where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
