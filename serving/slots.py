"""The place where the champion stands, and follows the alias.

An alias that was taken away leaves the champion in its place: a deleted version or a slip in the
registry's page shall not silence the endpoint.
"""

from __future__ import annotations

import logging
from pathlib import Path

from infra.errors import UnreachableError
from serving.champion import Champion
from serving.following import Follower

log = logging.getLogger(__name__)


class ChampionSlot(Follower[Champion]):
    """Holds the champion that answers now."""

    _reachable = True
    _had_alias = True

    def _unreachable(self, error: UnreachableError) -> None:
        self._metrics.registry_reachable.set(0)
        if self._reachable:
            log.warning("the registry cannot be asked for the champion: %s", error)
        self._reachable = False
        last = self._cache.last() if self._current is None else None
        if last is not None and not self._must_wait(last[0]):
            number, folder = last
            self._bring(number, lambda: folder)

    def _answered(self, has_alias: bool) -> None:
        self._metrics.registry_reachable.set(1)
        if not self._reachable:
            log.info("the registry answers again")
        self._reachable = True
        if self._had_alias and not has_alias:
            kept = self._current
            stays = f", version {kept.version} goes on answering" if kept else ""
            log.warning("no version has the alias champion%s", stays)
        self._had_alias = has_alias

    def _brought(self, before: Champion | None, folder: Path, seconds: float) -> None:
        assert self._current is not None
        number = self._current.version
        self._metrics.champion_version.set(number)
        log.info(
            "version %d answers now, instead of %s (brought in %.1f s)",
            number,
            f"version {before.version}" if before else "nothing",
            seconds,
        )
        try:
            self._cache.remember(number, folder)
        except OSError as error:
            log.warning("version %d: could not be noted for the next start: %s", number, error)

    def _told(self, number: int, error: BaseException, level: int) -> None:
        self._metrics.failed_loads.inc()
        stays = f"version {self._current.version} goes on" if self._current else "nothing answers"
        log.log(level, "version %d could not be loaded, %s: %s", number, stays, error)
