"""Holds the challenger. Its failures never affect an answer."""

from __future__ import annotations

import logging
from pathlib import Path

from infra.errors import UnreachableError
from serving.challenger import Challenger, EndedError
from serving.following import Follower
from serving.schemas import ChallengerAnswer

log = logging.getLogger(__name__)


class ChallengerSlot(Follower[Challenger]):
    """Follows the alias `challenger`; empty if no version has it."""

    def answer(self) -> ChallengerAnswer | None:
        """The version in shadow, or why it does not run; None if no version has the alias."""
        current, failure = self.current, self.failure
        if current is None and failure is None:
            return None
        return ChallengerAnswer(
            version=current.version if current else None,
            detector=current.manifest.detector if current else None,
            threshold=current.calibration.threshold if current else None,
            loaded_at=current.loaded_at if current else None,
            manifest_sha256=current.manifest_hash if current else None,
            failed_version=failure.version if failure else None,
            failure=failure.reason if failure else None,
        )

    def stop(self) -> None:
        """Stop following, and end the challenger."""
        super().stop()
        self._dismiss()

    def _on_outage(self, error: UnreachableError) -> None:
        log.debug("the registry cannot be reached for the challenger: %s", error)

    def _on_alias(self, has_alias: bool) -> None:
        if not has_alias:
            self._failure = None
            self._dismiss()

    def _is_current(self, number: int) -> bool:
        current = self._current
        if current is not None and current.version == number and current.ended:
            self._dismiss()
            self._failed(number, EndedError(f"its process ended by {current.process.returncode}"))
        return super()._is_current(number)

    def _on_loaded(self, before: Challenger | None, folder: Path, seconds: float) -> None:  # noqa: ARG002
        assert self._current is not None
        if before is not None:
            before.close()
        self._metrics.challenger.version.set(self._current.version)
        log.info("version %d runs in shadow (loaded in %.1f s)", self._current.version, seconds)

    def _on_failure(self, number: int, error: BaseException, level: int) -> None:
        if self._current is not None and self._current.version != number:
            self._dismiss()  # the alias has moved
        self._metrics.challenger.failed_loads.inc()
        log.log(level, "version %d cannot run in shadow: %s", number, error)

    def _dismiss(self) -> None:
        leaving, self._current = self._current, None
        if leaving is None:
            return
        leaving.close()
        self._metrics.challenger.version.set(0)
        log.info("version %d no longer runs in shadow", leaving.version)
