"""What the console can have done by the rest of the platform; flows passes it in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True)
class CycleStep:
    """One step of the cycle that runs."""

    name: str
    state: Literal["waits", "runs", "done", "failed"]
    began_at: datetime | None = None
    took_s: float | None = None


@dataclass(frozen=True)
class Powers:
    """Each takes the actor for the audit log and returns a sentence for the person.

    They raise what the platform's commands raise: ConflictError, AbsentError, UnreachableError.
    """

    ask_for_cycle: Callable[[str, bool, str], str]  # reason, forced, actor
    roll_back: Callable[[str], str]
    approve: Callable[[int, str], str]  # version
    decline: Callable[[int, str], str]
    endpoint_says: Callable[[], Sequence[tuple[str, str]]]  # replica, and its answer
    steps: Callable[[str], Sequence[CycleStep]]  # of a cycle; empty where nobody knows them
