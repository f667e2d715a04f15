"""Everything between a recording and its answer, without a word of HTTP."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import time
import uuid
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.errors import UnreachableError
from infra.storage import ObjectStore
from models.audio.reading import SAMPLE_RATE
from models.audio.windows import aggregate, cut_windows
from models.errors import InputError
from models.evaluation.sketch import embedding_sketch
from models.packaging.runtime import cm_scores
from serving.champion import Champion
from serving.decode import Decoders, Heard
from serving.errors import NotReadyError
from serving.metrics import Metrics
from serving.runners import Runners
from serving.schemas import ModelAnswer, ScoreAnswer, WindowAnswer
from serving.score_log import ScoreLog
from serving.shadow import Shadow
from serving.slots import ChampionSlot
from serving.uploads import Upload

log = logging.getLogger(__name__)

ROW_PATIENCE_S = 0.5  # an answer waits so long for its row, so that feedback finds it
SCORE_FIELDS = frozenset({"source", "speaker_id"})


@dataclass(frozen=True)
class Door:
    """The parts of one worker's endpoint, and what they do together."""

    slot: ChampionSlot
    decoders: Decoders
    runners: Runners
    score_log: ScoreLog
    shadow: Shadow
    store: ObjectStore
    metrics: Metrics
    keeps_audio: bool

    @property
    def alive(self) -> bool:
        """Whether the threads behind the answers are running; if not, only a restart helps."""
        return self.slot.following and self.score_log.writing

    def champion(self) -> Champion:
        """The champion that answers now. Raises NotReadyError before there is one."""
        champion = self.slot.current
        if champion is None:
            raise NotReadyError("no champion is loaded yet, nothing can be scored")
        return champion

    def model(self) -> ModelAnswer:
        """Which model answers now."""
        champion = self.champion()
        failure = self.slot.failure
        manifest = champion.manifest
        return ModelAnswer(
            version=champion.version,
            detector=manifest.detector,
            options=dict(manifest.options),
            window=WindowAnswer(**asdict(manifest.window)),
            sample_rate=manifest.sample_rate,
            threshold=champion.calibration.threshold,
            loaded_at=champion.loaded_at,
            manifest_sha256=champion.manifest_hash,
            failed_version=failure.version if failure else None,
            failure=failure.reason if failure else None,
            challenger=self.shadow.slot.answer(),
        )

    async def score(self, upload: Upload) -> ScoreAnswer:
        """Decode, score, note. Raises InputError for a recording that cannot be used."""
        recording = _recording(upload)
        self.champion()  # without one there is no sense in decoding
        with self.metrics.stage_seconds.labels("decode").time():
            heard = await self.decoders.hear(recording, upload.suffix)
        champion = self.champion()
        with self.metrics.stage_seconds.labels("detect").time():
            answer, embedding = await self._detect(champion, heard)
        with self.metrics.stage_seconds.labels("note").time():
            await self._note(answer, embedding, heard, upload)
        self.shadow.offer(answer.request_id, heard.waveform)
        self.metrics.answers.labels(answer.verdict, str(answer.model_version)).inc()
        self.metrics.windows.inc(answer.windows)
        return answer

    def close(self) -> None:
        """Stop in the order of the work: what is under way is finished and written."""
        self.slot.stop()
        self.shadow.close()
        self.decoders.close()
        self.runners.close()
        self.score_log.close()

    async def _detect(
        self, champion: Champion, heard: Heard
    ) -> tuple[ScoreAnswer, NDArray[np.floating]]:
        """The answer and the mean embedding (d,) of the recording's windows."""
        window = champion.manifest.window
        # beside the event loop: to clean a long recording takes seconds
        windows = await asyncio.to_thread(cut_windows, heard.waveform, window)
        future = self.runners.submit(champion, windows)
        logits, embeddings = await asyncio.wrap_future(future)  # (n, 2), (n, d)
        cm_score = aggregate(cm_scores(logits), window)
        answer = ScoreAnswer(
            request_id=str(uuid.uuid4()),
            cm_score=cm_score,
            spoof_probability=champion.calibration.spoof_probability(cm_score),
            verdict=champion.calibration.verdict(cm_score),
            threshold=champion.calibration.threshold,
            model_version=champion.version,
            duration_s=len(heard.waveform) / SAMPLE_RATE,
            windows=len(windows),
        )
        return answer, embeddings.mean(axis=0)

    async def _note(
        self, answer: ScoreAnswer, embedding: NDArray[np.floating], heard: Heard, upload: Upload
    ) -> None:
        recording = _recording(upload)
        row: dict[str, Any] = {
            **answer.model_dump(exclude={"verdict"}),
            "verdict": answer.verdict.value,
            "scored_at": datetime.now(UTC),
            "features": heard.features,
            "embedding_sketch": embedding_sketch(embedding),
            "audio_sha256": hashlib.sha256(recording).hexdigest(),
            "audio_key": await self._keep(recording, answer.request_id, upload.suffix),
            "source": upload.fields.get("source"),
            "speaker_id": upload.fields.get("speaker_id"),
        }
        await _wait_a_little(self.score_log.put(row))

    async def _keep(self, recording: bytes, request_id: str, suffix: str) -> str | None:
        """Store the recording where retention says so; a full store never costs the answer."""
        if not self.keeps_audio:
            return None
        key = f"recordings/{time.strftime('%Y-%m-%d', time.gmtime())}/{request_id}{tame(suffix)}"
        try:
            await asyncio.to_thread(self.store.put, key, recording)
        except UnreachableError as error:
            self.metrics.recordings_not_kept.inc()
            log.warning("request %s: its recording was not kept: %s", request_id, error)
            return None
        return key


def tame(suffix: str) -> str:
    """A file name's suffix as far as it may become part of a key."""
    return suffix.lower() if re.fullmatch(r"\.[A-Za-z0-9]{1,8}", suffix) else ""


def _recording(upload: Upload) -> bytes:
    for name in upload.fields:
        if name not in SCORE_FIELDS:
            raise InputError(f"{name}: no field of this name; known: audio, source, speaker_id")
    if upload.recording is None:
        raise InputError("audio: a file expected, the form has none")
    return upload.recording


async def _wait_a_little(written: Future[bool]) -> None:
    try:
        async with asyncio.timeout(ROW_PATIENCE_S):
            await asyncio.shield(asyncio.wrap_future(written))
    except TimeoutError:
        return  # the row goes on waiting for the database; the answer does not
