"""Follows an alias of the registry and keeps its version loaded.

A new version is fetched, checked and warmed up while the old one keeps serving; then one reference
is swapped. After a failure the old version stays.
"""

from __future__ import annotations

import logging
import random
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

LONGEST_WAIT_S = 300.0  # between two attempts to load a version whose files are unusable
LONGEST_DELAY_S = 30.0  # between two attempts to fetch one: shorter than a rollout waits
# Errors of fetching and opening: bad files, no network, no disk space, a graph that does not load.
LOAD_ERRORS = (InputError, UnreachableError, OSError, RuntimeError, ValueError, MemoryError)


class RegisteredVersion(Protocol):
    """The fields of a registered version that a follower needs."""

    @property
    def version(self) -> int:
        """The number of the version."""

    @property
    def source(self) -> str:
        """The place of its files, unique to each version of each registry."""


class Loaded(Protocol):
    """A loaded version."""

    @property
    def version(self) -> int:
        """The number of the version."""


@dataclass(frozen=True)
class Failure:
    """A version that did not load, the reason, and the time of the next attempt (monotonic s)."""

    version: int
    reason: str
    times: int
    retry_at: float
    may_pass: bool  # an outage or a full disk: nothing is known of the version itself


V = TypeVar("V", bound=Loaded)


class Follower(ABC, Generic[V]):
    """Keeps the version of an alias loaded. Any thread may read `current`."""

    def __init__(
        self,
        read_alias: Callable[[], RegisteredVersion | None],
        fetch: Callable[[int, Path], Path],
        load: Callable[[int, Path], V],
        cache: ChampionCache,
        metrics: Metrics,
        interval_s: float,
    ) -> None:
        self._read_alias, self._fetch, self._load = read_alias, fetch, load
        self._cache, self._metrics, self._interval_s = cache, metrics, interval_s
        self._current: V | None = None
        self._failure: Failure | None = None
        self._stopping, self._polled = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._follow, name=type(self).__name__, daemon=True)

    @property
    def current(self) -> V | None:
        """The loaded version, or None."""
        return self._current

    @property
    def failure(self) -> Failure | None:
        """The alias's version if it did not load, else None."""
        return self._failure

    @property
    def following(self) -> bool:
        """Whether the thread is running."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wait_for_first_poll(self, longest_s: float) -> bool:
        """Wait for the end of the first poll; whether it ended within that time."""
        return self._polled.wait(longest_s)

    def stop(self) -> None:
        """Stop the thread; the loaded version stays usable."""
        self._stopping.set()
        self._thread.join(timeout=self._interval_s + 5.0)

    def poll(self) -> None:
        """Read the alias once, and load its version if it has changed."""
        try:
            version = self._read_alias()
        except UnreachableError as error:
            self._on_outage(error)
            return
        except AbsentError:
            return  # deleted between two requests: the next poll reads it again
        self._on_alias(version is not None)
        if version is None:
            return
        number, source = version.version, version.source
        if not (self._is_current(number) or self._must_wait(number)):
            self._replace(number, lambda: self._fetched(number, source))

    @abstractmethod
    def _on_outage(self, error: UnreachableError) -> None:
        """Called when the registry cannot be reached."""

    @abstractmethod
    def _on_alias(self, has_alias: bool) -> None:
        """Called when the registry has answered: whether a version has the alias."""

    @abstractmethod
    def _on_loaded(self, before: V | None, folder: Path, seconds: float) -> None:
        """Called after a version was loaded and has become `current`."""

    @abstractmethod
    def _on_failure(self, number: int, error: BaseException, level: int) -> None:
        """Called when a version could not be loaded, for the first time or again."""

    def _is_current(self, number: int) -> bool:
        if self._current is None or self._current.version != number:
            return False
        self._failure = None
        return True

    def _follow(self) -> None:
        self.poll()
        self._polled.set()
        while not self._stopping.wait(self._interval_s):
            self.poll()

    def _must_wait(self, number: int) -> bool:
        failure = self._failure
        return (
            failure is not None
            and failure.version == number
            and time.monotonic() < failure.retry_at
        )

    def _fetched(self, number: int, source: str) -> Path:
        return self._cache.place(number, source, lambda into: self._fetch(number, into))

    def _replace(self, number: int, place: Callable[[], Path]) -> None:
        started = time.monotonic()
        try:
            folder = place()
            loaded = self._load(number, folder)
        except LOAD_ERRORS as error:
            self._failed(number, error)
            return
        before, self._current, self._failure = self._current, loaded, None
        self._on_loaded(before, folder, time.monotonic() - started)

    def _failed(self, number: int, error: BaseException) -> None:
        again = self._failure is not None and self._failure.version == number
        times = self._failure.times + 1 if again and self._failure else 1
        may_pass = isinstance(error, OSError)  # an UnreachableError is one, too
        longest_s = LONGEST_DELAY_S if may_pass else LONGEST_WAIT_S
        wait = min(self._interval_s * 2.0**times, longest_s) * random.uniform(0.75, 1.25)
        self._failure = Failure(number, str(error), times, time.monotonic() + wait, may_pass)
        self._on_failure(number, error, logging.DEBUG if again else logging.ERROR)
