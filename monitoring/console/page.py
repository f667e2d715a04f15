"""What a page is made of: views that answer GET, actions that answer POST.

The application makes every route from these, so that no action can be without its check of origin,
session, CSRF token and scope.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from infra.access.scopes import Scope

# of a Visit, which knows the pages; runs in a thread, so that it may wait for database and disk
Answer = Callable[[Any], Response]


@dataclass(frozen=True)
class View:
    """An address that is read; a range of it, too, where the answer can give one."""

    path: str
    answer: Answer
    scope: Scope | None = None  # None: whoever is signed in


@dataclass(frozen=True)
class Action:
    """An address that changes something."""

    path: str
    answer: Answer
    scope: Scope


@dataclass(frozen=True)
class Page:
    """A place in the navigation, with all its addresses; the first view is the page."""

    title: str
    views: tuple[View, ...]
    actions: tuple[Action, ...] = ()

    @property
    def path(self) -> str:
        """The address of the page."""
        return self.views[0].path

    @property
    def scope(self) -> Scope | None:
        """Who sees it in the navigation."""
        return self.views[0].scope
