"""What all requests of one console share."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from infra.settings import Settings
from monitoring.console.page import Page
from monitoring.console.powers import Powers

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
MOST_NOTICES = 1_000


class Notices(OrderedDict[str, str]):
    """The sentence that each session is to see once; the oldest are forgotten."""

    def __setitem__(self, cookie: str, sentence: str) -> None:
        super().__setitem__(cookie, sentence)
        while len(self) > MOST_NOTICES:
            self.popitem(last=False)


@dataclass(frozen=True)
class Desk:
    """Settings, pages and powers."""

    here: Settings
    powers: Powers
    pages: tuple[Page, ...]
    local_person: str  # who sits at this machine
    notices: Notices = field(default_factory=Notices)
    kept: dict[Any, Any] = field(default_factory=dict)  # what is dear to compute, by its key
    at_end: list[Callable[[], None]] = field(default_factory=list)  # called when the console ends

    @property
    def is_local(self) -> bool:
        """Whether nobody but this machine can reach it."""
        return self.here.console_host in LOOPBACK

    @property
    def cookie_name(self) -> str:
        """Browsers share cookies between the ports of a machine."""
        return f"antiphon_console_{self.here.console_port}"

    @property
    def session_lasts(self) -> timedelta:
        """From signing in to signing in again."""
        return timedelta(hours=self.here.console_session_h)
