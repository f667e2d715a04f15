"""The one error of speech code: a sentence that names the thing, the place and the expectation."""


class InputError(ValueError):
    """Something handed to antiphon is unusable; the message is shown to the user as it is."""


class LostError(Exception):
    """Another process of a training in several has ended or cannot be reached."""
