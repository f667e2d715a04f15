"""What can be wrong with places."""


class SettingsError(ValueError):
    """A setting is unusable; the message names it and says what was expected."""


class UnreachableError(ConnectionError):
    """A service could not be asked: an outage, never an answer."""


class AbsentError(ValueError):
    """What was named is not there: an answer, not an outage."""


class ConflictError(RuntimeError):
    """Somebody else changed the same thing first; nothing was written."""
