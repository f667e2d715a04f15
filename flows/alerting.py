"""What flows do about alerts at their end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from flows.places import current_params, engine
from infra.errors import UnreachableError
from infra.settings import settings
from models.errors import InputError
from models.params.retraining import RetrainingParams
from monitoring.alerts.watch import look

Result = TypeVar("Result")
log = logging.getLogger("antiphon.alerts")


def tell() -> None:
    """Raise and send alerts of what happened; a flow does not fail where that fails.

    What cannot be told now is told by the next look, of whichever process.
    """
    try:
        look(engine(), settings(), retraining_params())
    except UnreachableError as error:
        log.warning("alerts wait for the next look: %s", error)


def telling(step: Callable[[], Result]) -> Callable[[], Result]:
    """Tell at the end of a step, also of one that fails: that no check has succeeded for hours."""

    @wraps(step)
    def followed() -> Result:
        try:
            return step()
        finally:
            tell()

    return followed


def retraining_params() -> RetrainingParams:
    """Those of params.yaml; the defaults where it cannot be read, which a cycle says itself."""
    try:
        return current_params().retraining
    except InputError:
        return RetrainingParams()
