"""The place where the champion stands: follows the alias, and swaps one reference.

A new version is fetched, checked and warmed up aside while the old one goes on answering. What
goes wrong on the way leaves the old one in its place. An alias that was taken away leaves it too:
a deleted version or a slip in the registry's page shall not silence the endpoint.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from infra.errors import AbsentError, UnreachableError
from models.errors import InputError
from serving.cache import ChampionCache
from serving.champion import Champion
from serving.metrics import Metrics

log = logging.getLogger(__name__)

LONGEST_WAIT_S = 300.0  # between two tries of a version that does not load
# What fetching and opening raise: bad files, no network, no room, a runtime that refuses the graph.
LOAD_ERRORS = (InputError, UnreachableError, OSError, RuntimeError, ValueError, MemoryError)


class RegisteredVersion(Protocol):
    """The part of a registry's answer that the slot needs."""

    @property
    def version(self) -> int:
        """The number of the version."""

    @property
    def source(self) -> str:
        """Where its files are: another place for every version of every registry."""


@dataclass(frozen=True)
class Failure:
    """A version that did not load, why, and when to try it again (monotonic seconds)."""

    version: int
    reason: str
    times: int
    retry_at: float


class ChampionSlot:
    """Holds the champion that answers now. `current` may be read from any thread."""

    def __init__(
        self,
        ask: Callable[[], RegisteredVersion | None],
        fetch: Callable[[int, Path], Path],
        load: Callable[[int, Path], Champion],
        cache: ChampionCache,
        metrics: Metrics,
        interval_s: float,
    ) -> None:
        self._ask, self._fetch, self._load = ask, fetch, load
        self._cache, self._metrics, self._interval_s = cache, metrics, interval_s
        self._current: Champion | None = None
        self._failure: Failure | None = None
        self._reachable = True
        self._had_alias = True
        self._stopping, self._looked = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._follow, name="follow-champion", daemon=True)

    @property
    def current(self) -> Champion | None:
        """The champion, or None before the first one is loaded."""
        return self._current

    @property
    def failure(self) -> Failure | None:
        """The version that should answer and does not, if there is one."""
        return self._failure

    @property
    def following(self) -> bool:
        """Whether the alias is still being watched."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to follow, in the background."""
        self._thread.start()

    def wait_for_first_look(self, longest_s: float) -> bool:
        """Whether the first look has ended, with a champion or without one, within that time."""
        return self._looked.wait(longest_s)

    def stop(self) -> None:
        """Stop following; the champion stays usable."""
        self._stopping.set()
        self._thread.join(timeout=self._interval_s + 5.0)

    def look(self) -> None:
        """Ask once for the champion, and bring it where it changed."""
        try:
            version = self._ask()
        except UnreachableError as error:
            self._registry_lost(error)
            return
        except AbsentError:
            return  # deleted between two questions: the next look knows
        self._registry_answered()
        if version is None:
            self._no_alias()
            return
        self._had_alias = True
        number, source = version.version, version.source
        if self._stands(number) or self._must_wait(number):
            return
        self._bring(number, lambda: self._place(number, source))

    def _follow(self) -> None:
        self.look()
        self._looked.set()
        while not self._stopping.wait(self._interval_s):
            self.look()

    def _stands(self, number: int) -> bool:
        if self._current is None or self._current.version != number:
            return False
        self._failure = None
        return True

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
            champion = self._load(number, folder)
        except LOAD_ERRORS as error:
            self._failed(number, error)
            return
        before, self._current, self._failure = self._current, champion, None
        self._metrics.champion_version.set(number)
        log.info(
            "version %d answers now, instead of %s (brought in %.1f s)",
            number,
            f"version {before.version}" if before else "nothing",
            time.monotonic() - started,
        )
        self._remember(number, folder)

    def _remember(self, number: int, folder: Path) -> None:
        try:
            self._cache.remember(number, folder)
        except OSError as error:
            log.warning("version %d: could not be noted for the next start: %s", number, error)

    def _failed(self, number: int, error: BaseException) -> None:
        self._metrics.failed_loads.inc()
        again = self._failure is not None and self._failure.version == number
        times = self._failure.times + 1 if again and self._failure else 1
        wait = min(self._interval_s * 2.0**times, LONGEST_WAIT_S)
        self._failure = Failure(number, str(error), times, time.monotonic() + wait)
        stays = f"version {self._current.version} goes on" if self._current else "nothing answers"
        log.log(
            logging.DEBUG if again else logging.ERROR,
            "version %d could not be loaded, %s: %s",
            number,
            stays,
            error,
        )

    def _registry_lost(self, error: UnreachableError) -> None:
        self._metrics.registry_reachable.set(0)
        if self._reachable:
            log.warning("the registry cannot be asked for the champion: %s", error)
        self._reachable = False
        last = self._cache.last() if self._current is None else None
        if last is not None and not self._must_wait(last[0]):
            number, folder = last
            self._bring(number, lambda: folder)

    def _registry_answered(self) -> None:
        self._metrics.registry_reachable.set(1)
        if not self._reachable:
            log.info("the registry answers again")
        self._reachable = True

    def _no_alias(self) -> None:
        if self._had_alias:
            kept = self._current
            stays = f", version {kept.version} goes on answering" if kept else ""
            log.warning("no version has the alias champion%s", stays)
        self._had_alias = False
