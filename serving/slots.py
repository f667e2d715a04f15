"""Holds the champion.

If the alias is removed, the champion stays: a deleted version or a mistake on the registry's page
must not stop the endpoint.
"""

from __future__ import annotations

import logging
from pathlib import Path

from infra.errors import UnreachableError
from serving.champion import LoadedChampion
from serving.following import Follower

log = logging.getLogger(__name__)


class ChampionSlot(Follower[LoadedChampion]):
    """Follows the alias `champion`."""

    _reachable = True
    _had_alias = True

    def _on_outage(self, error: UnreachableError) -> None:
        self._metrics.registry_reachable.set(0)
        if self._reachable:
            log.warning("the registry cannot be reached for the champion: %s", error)
        self._reachable = False
        last = self._cache.last() if self._current is None else None
        if last is not None and not self._must_wait(last[0]):
            number, folder = last
            self._replace(number, lambda: folder)

    def _on_alias(self, has_alias: bool) -> None:
        self._metrics.registry_reachable.set(1)
        if not self._reachable:
            log.info("the registry answers again")
        self._reachable = True
        if self._had_alias and not has_alias:
            current = self._current
            stays = f", version {current.version} keeps serving" if current else ""
            log.warning("no version has the alias champion%s", stays)
        self._had_alias = has_alias

    def _on_loaded(self, before: LoadedChampion | None, folder: Path, seconds: float) -> None:
        assert self._current is not None
        number = self._current.version
        self._metrics.champion_version.set(number)
        for trial in self._current.runtime.trials:
            if trial.window_s is not None:
                self._metrics.runtime_seconds.labels(trial.runtime).set(trial.window_s)
        log.info(
            "version %d serves now, instead of %s (loaded in %.1f s), %s",
            number,
            f"version {before.version}" if before else "nothing",
            seconds,
            self._current.runtime.sentence(),
        )
        try:
            self._cache.remember(number, folder)
        except OSError as error:
            log.warning("version %d could not be recorded for the next start: %s", number, error)

    def _on_failure(self, number: int, error: BaseException, level: int) -> None:
        self._metrics.failed_loads.inc()
        stays = (
            f"version {self._current.version} keeps serving"
            if self._current
            else "nothing is served"
        )
        log.log(level, "version %d could not be loaded, %s: %s", number, stays, error)
