"""The previous champion becomes the champion again, by a person's hand."""

from __future__ import annotations

from dataclasses import dataclass

from flows import audit_trail
from infra import registry
from infra.errors import ConflictError, SettingsError, UnreachableError


@dataclass(frozen=True)
class Rollback:
    """A rollback that stands."""

    version: int  # the champion now
    missing_row: str  # why the audit log has no row of it; empty where it has

    @property
    def complaint(self) -> str:
        """A sentence on the missing row; empty where there is none to make."""
        if not self.missing_row:
            return ""
        return (
            "the rollback stands, do not run it again; its row in the audit log is missing: "
            f"{self.missing_row}"
        )


def roll_back(actor: str) -> Rollback:
    """Swap champion and previous; an outage of the log is reported and does not prevent it.

    Raises AbsentError where there is no version to go back to.
    """
    version = registry.rollback().version
    try:
        audit_trail.rolled_back(version, registry.previous(), actor)
    except (ConflictError, SettingsError, UnreachableError) as error:
        return Rollback(version, str(error))
    return Rollback(version, "")
