"""How a loaded version follows an alias of the registry, and swaps one reference.

A new version is fetched, checked and warmed up aside while the old one goes on. What goes wrong on
the way leaves the old one in its place.
"""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from infra.errors import AbsentError, UnreachableError
from models.errors import InputError
from serving.cache import ChampionCache
from serving.metrics import Metrics

LONGEST_WAIT_S = 300.0  # between two tries of a version that does not load
# What fetching and opening raise: bad files, no network, no room, a runtime that refuses the graph.
LOAD_ERRORS = (InputError, UnreachableError, OSError, RuntimeError, ValueError, MemoryError)


class RegisteredVersion(Protocol):
    """The part of a registry's answer that a follower needs."""

    @property
    def version(self) -> int:
        """The number of the version."""

    @property
    def source(self) -> str:
        """Where its files are: another place for every version of every registry."""


class Loaded(Protocol):
    """A version that was opened."""

    @property
    def version(self) -> int:
        """The number of the version."""


@dataclass(frozen=True)
class Failure:
    """A version that did not load, why, and when to try it again (monotonic seconds)."""

    version: int
    reason: str
    times: int
    retry_at: float


V = TypeVar("V", bound=Loaded)


class Follower(ABC, Generic[V]):
    """Holds the version behind an alias. `current` may be read from any thread."""

    def __init__(
        self,
        ask: Callable[[], RegisteredVersion | None],
        fetch: Callable[[int, Path], Path],
        load: Callable[[int, Path], V],
        cache: ChampionCache,
        metrics: Metrics,
        interval_s: float,
    ) -> None:
        self._ask, self._fetch, self._load = ask, fetch, load
        self._cache, self._metrics, self._interval_s = cache, metrics, interval_s
        self._current: V | None = None
        self._failure: Failure | None = None
        self._stopping, self._looked = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._follow, name=type(self).__name__, daemon=True)

    @property
    def current(self) -> V | None:
        """The version that is loaded, or None."""
        return self._current

    @property
    def failure(self) -> Failure | None:
        """The version that the alias names and that did not load, if there is one."""
        return self._failure

    @property
    def following(self) -> bool:
        """Whether the alias is still being watched."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to follow, in the background."""
        self._thread.start()

    def wait_for_first_look(self, longest_s: float) -> bool:
        """Whether the first look has ended, with a version or without one, within that time."""
        return self._looked.wait(longest_s)

    def stop(self) -> None:
        """Stop following; what is loaded stays usable."""
        self._stopping.set()
        self._thread.join(timeout=self._interval_s + 5.0)

    def look(self) -> None:
        """Ask once for the version behind the alias, and bring it where it changed."""
        try:
            version = self._ask()
        except UnreachableError as error:
            self._unreachable(error)
            return
        except AbsentError:
            return  # deleted between two questions: the next look knows
        self._answered(version is not None)
        if version is None:
            return
        number, source = version.version, version.source
        if not (self._stands(number) or self._must_wait(number)):
            self._bring(number, lambda: self._place(number, source))

    @abstractmethod
    def _unreachable(self, error: UnreachableError) -> None:
        """The registry could not be asked."""

    @abstractmethod
    def _answered(self, has_alias: bool) -> None:
        """The registry says that a version has the alias, or that none has it."""

    @abstractmethod
    def _brought(self, before: V | None, folder: Path, seconds: float) -> None:
        """A version is loaded and is `current` from now on."""

    @abstractmethod
    def _told(self, number: int, error: BaseException, level: int) -> None:
        """A version could not be loaded, for the first time or again."""

    def _stands(self, number: int) -> bool:
        if self._current is None or self._current.version != number:
            return False
        self._failure = None
        return True

    def _follow(self) -> None:
        self.look()
        self._looked.set()
        while not self._stopping.wait(self._interval_s):
            self.look()

    def _must_wait(self, number: int) -> bool:
        failure = self._failure
        return (
            failure is not None
            and failure.version == number
            and time.monotonic() < failure.retry_at
        )

    def _place(self, number: int, source: str) -> Path:
        return self._cache.place(number, source, lambda into: self._fetch(number, into))

    def _bring(self, number: int, place: Callable[[], Path]) -> None:
        started = time.monotonic()
        try:
            folder = place()
            loaded = self._load(number, folder)
        except LOAD_ERRORS as error:
            self._failed(number, error)
            return
        before, self._current, self._failure = self._current, loaded, None
        self._brought(before, folder, time.monotonic() - started)

    def _failed(self, number: int, error: BaseException) -> None:
        again = self._failure is not None and self._failure.version == number
        times = self._failure.times + 1 if again and self._failure else 1
        wait = min(self._interval_s * 2.0**times, LONGEST_WAIT_S)
        self._failure = Failure(number, str(error), times, time.monotonic() + wait)
        self._told(number, error, logging.DEBUG if again else logging.ERROR)
