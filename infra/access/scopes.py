"""What a token allows, and who acts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What a token allows."""

    SCORE = "score"  # send recordings to the endpoint
    FEEDBACK = "feedback"  # report answers as wrong
    REVIEW = "review"  # listen to recordings and label them
    ADMIN = "admin"  # everything: cycles, promotions, rollbacks


@dataclass(frozen=True)
class Person:
    """Who acts, and what they may do."""

    name: str
    scopes: frozenset[Scope]

    def may(self, scope: Scope | None) -> bool:
        """Whether a scope is theirs; `admin` holds all of them."""
        return scope is None or scope in self.scopes or Scope.ADMIN in self.scopes
