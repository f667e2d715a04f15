"""A champion and a version in shadow, with traffic and reviews made up."""

from __future__ import annotations

import hashlib
import itertools
import socket
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from flows.rollout.rollout import run_in_shadow
from infra import field_samples, registry
from infra.database import reading, session
from infra.field_samples import SampleState
from infra.shadows import ShadowTerms
from infra.tables import ScoredRequest, ShadowLook, ShadowScore
from models.params.promotion import PromotionParams
from models.params.window import WindowParams

PROJECT = Path(__file__).resolve().parents[3]
WINDOW = WindowParams(samples=8_000, hop=4_000)
RULES = PromotionParams()


@dataclass
class Trial:
    """A champion, a challenger, and the tables that their traffic fills."""

    database: Engine
    make: Callable[[float], int]  # registers a detector whose scores are so much above silence
    ids: Iterator[int] = field(default_factory=itertools.count)

    def begin(self, rules: PromotionParams = RULES) -> ShadowTerms:
        """Version 1 is the champion, version 2 runs in its shadow."""
        champion, challenger = self.make(1.0), self.make(-1.0)
        registry.set_champion(champion, expected=None)
        assert run_in_shadow(challenger, champion, rules) is not None
        return self.shadow()

    def shadow(self) -> ShadowTerms:
        version = registry.challenger()
        assert version is not None
        shadow = ShadowTerms.of(version)
        assert shadow is not None
        return shadow

    def hear(self, champion: str, challenger: str, count: int, **columns: Any) -> list[str]:
        """Answered requests on which both said so."""
        ids = [str(uuid.uuid4()) for _ in range(count)]
        with session(self.database) as opened:
            opened.add_all([self._request(name, champion, **columns) for name in ids])
            opened.flush()
            opened.add_all([_shadow_score(name, challenger) for name in ids])
        return ids

    def hear_in_turns(self, count: int, agreed: str = "bonafide") -> list[str]:
        """So many calls that only the challenger calls spoof, each after one of which both agree.

        Returns the requests of the disagreements.
        """
        names = []
        for _ in range(count):
            self.hear(agreed, agreed, 1)
            names += self.hear("bonafide", "spoof", 1)
        return names

    def _request(self, name: str, verdict: str, **columns: Any) -> ScoredRequest:
        number = next(self.ids)
        values: dict[str, Any] = {
            "request_id": name, "scored_at": datetime.now(UTC), "model_version": 1,
            "cm_score": 0.0, "spoof_probability": 0.5, "verdict": verdict, "threshold": 0.5,
            "duration_s": 1.0, "windows": 1, "features": {}, "embedding_sketch": [],
            "audio_sha256": hashlib.sha256(f"{number}".encode()).hexdigest(),
            "audio_key": f"recordings/2026-11-21/{name}.wav",
            "speaker_id": f"s{number}",
        }  # fmt: skip
        return ScoredRequest(**{**values, **columns})

    def review(self, truth: str) -> int:
        """Give every recording that waits for reviewers its label; how many there were."""
        waiting = field_samples.list_samples(self.database, SampleState.FLAGGED)
        for sample in waiting:
            field_samples.start_review(self.database, sample.id, "berta")
            field_samples.accept(self.database, sample.id, "berta", truth)
        return len(waiting)

    def looks(self) -> list[ShadowLook]:
        with reading(self.database) as opened:
            return list(opened.query(ShadowLook).order_by(ShadowLook.id))


def _shadow_score(name: str, verdict: str) -> ShadowScore:
    return ShadowScore(
        request_id=name, model_version=2, scored_at=datetime.now(UTC), cm_score=0.0,
        verdict=verdict, threshold=0.5,
    )  # fmt: skip


def watch() -> Any:
    """One look, as a process of its own would take it, but without a Prefect server."""
    from flows.shadow import shadow_watch

    return shadow_watch.fn()


def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


def tags(version: int) -> dict[str, str]:
    return dict(registry.version(version).tags)


def version_of(version: Any) -> int | None:
    return version.version if version else None
