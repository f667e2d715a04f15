"""The endpoint's work between a request and its answer, independent of HTTP."""

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
from infra.release import release
from infra.storage import ObjectStore
from models.audio.reading import SAMPLE_RATE
from models.audio.windows import aggregate, cut_windows, window_starts
from models.errors import InputError
from models.evaluation.sketch import embedding_sketch
from models.packaging.fastest import RuntimeChoice
from models.packaging.runtime import cm_scores
from models.params.window import WindowParams
from serving.champion import LoadedChampion
from serving.decode import DecodedAudio, Decoders
from serving.errors import NotReadyError
from serving.metrics import Metrics
from serving.runners import Runners
from serving.schemas import ModelAnswer, RuntimeAnswer, ScoreAnswer, WindowAnswer
from serving.score_log import ScoreLog
from serving.shadow import ShadowQueue
from serving.slots import ChampionSlot
from serving.uploads import Upload

log = logging.getLogger(__name__)

ROW_PATIENCE_S = 0.5  # an answer waits this long for its row, so that feedback finds the row
SCORE_FIELDS = frozenset({"source", "speaker_id"})


@dataclass(frozen=True)
class Door:
    """The parts of one worker, and the steps of an answer."""

    slot: ChampionSlot
    decoders: Decoders
    runners: Runners
    score_log: ScoreLog
    shadow: ShadowQueue
    store: ObjectStore
    metrics: Metrics
    keeps_audio: bool

    @property
    def alive(self) -> bool:
        """Whether the background threads are running; if not, restart the endpoint."""
        return self.slot.following and self.score_log.writing

    def champion(self) -> LoadedChampion:
        """The loaded champion. Raises NotReadyError if there is none yet."""
        champion = self.slot.current
        if champion is None:
            raise NotReadyError("no champion is loaded yet, nothing can be scored")
        return champion

    def model(self) -> ModelAnswer:
        """The model that serves now."""
        champion = self.champion()
        failure = self.slot.failure
        failed, delayed = (None, failure) if failure and failure.may_pass else (failure, None)
        manifest = champion.manifest
        return ModelAnswer(
            version=champion.version,
            detector=manifest.detector,
            options=dict(manifest.options),
            window=WindowAnswer(**asdict(manifest.window)),
            runtime=_runtime_answer(champion.runtime),
            sample_rate=manifest.sample_rate,
            threshold=champion.calibration.threshold,
            loaded_at=champion.loaded_at,
            manifest_sha256=champion.manifest_hash,
            failed_version=failed.version if failed else None,
            failure=failed.reason if failed else None,
            delayed_version=delayed.version if delayed else None,
            delay=delayed.reason if delayed else None,
            challenger=self.shadow.slot.answer(),
        )

    async def score(self, upload: Upload) -> ScoreAnswer:
        """Decode, score and log one recording. Raises InputError if it cannot be used."""
        recording = _recording(upload)
        self.champion()  # refuse before decoding if there is none
        with self.metrics.stage_seconds.labels("decode").time():
            audio = await self.decoders.decode(recording, upload.name)
        champion = self.champion()
        with self.metrics.stage_seconds.labels("detect").time():
            answer, detected = await self._detect(champion, audio)
        with self.metrics.stage_seconds.labels("note").time():
            await self._log_answer(answer, detected, audio, upload)
        self.shadow.offer(answer.request_id, audio.waveform)
        self.metrics.answers.labels(answer.verdict, str(answer.model_version)).inc()
        self.metrics.windows.inc(answer.windows)
        return answer

    def close(self) -> None:
        """Stop the parts in the order of the work, so that current requests finish."""
        self.slot.stop()
        self.shadow.close()
        self.decoders.close()
        self.runners.close()
        self.score_log.close()

    async def _detect(
        self, champion: LoadedChampion, audio: DecodedAudio
    ) -> tuple[ScoreAnswer, dict[str, Any]]:
        """The answer, and the columns of its row that come from the detector."""
        window = champion.manifest.window
        # off the event loop: cleaning a long recording takes seconds
        windows = await asyncio.to_thread(cut_windows, audio.waveform, window)
        future = self.runners.submit(champion, windows)
        logits, embeddings = await asyncio.wrap_future(future)  # (n, 2), (n, d)
        scores = cm_scores(logits)
        cm_score = aggregate(scores, window)
        answer = ScoreAnswer(
            request_id=str(uuid.uuid4()),
            cm_score=cm_score,
            spoof_probability=champion.calibration.spoof_probability(cm_score),
            verdict=champion.calibration.verdict(cm_score),
            threshold=champion.calibration.threshold,
            model_version=champion.version,
            duration_s=len(audio.waveform) / SAMPLE_RATE,
            windows=len(windows),
        )
        return answer, {
            "embedding_sketch": embedding_sketch(embeddings.mean(axis=0)),
            "window_scores": _window_scores(scores, len(audio.waveform), window),
        }

    async def _log_answer(
        self,
        answer: ScoreAnswer,
        detected: dict[str, Any],
        audio: DecodedAudio,
        upload: Upload,
    ) -> None:
        recording = _recording(upload)
        row: dict[str, Any] = {
            **answer.model_dump(exclude={"verdict"}),
            "verdict": answer.verdict.value,
            "scored_at": datetime.now(UTC),
            "features": audio.features,
            **detected,
            "audio_sha256": hashlib.sha256(recording).hexdigest(),
            "audio_key": await self._store_recording(recording, answer.request_id, upload.suffix),
            "source": upload.fields.get("source"),
            "speaker_id": upload.fields.get("speaker_id"),
            "release": release(),
        }
        await _wait_for_row(self.score_log.put(row))

    async def _store_recording(self, recording: bytes, request_id: str, suffix: str) -> str | None:
        """Store the recording if retention is on; a failing store does not fail the answer."""
        if not self.keeps_audio:
            return None
        day = time.strftime("%Y-%m-%d", time.gmtime())
        key = f"recordings/{day}/{request_id}{safe_suffix(suffix)}"
        try:
            await asyncio.to_thread(self.store.put, key, recording)
        except UnreachableError as error:
            self.metrics.recordings_not_kept.inc()
            log.warning("request %s: its recording was not kept: %s", request_id, error)
            return None
        return key


def _runtime_answer(choice: RuntimeChoice) -> RuntimeAnswer:
    return RuntimeAnswer(
        name=choice.runtime,
        chosen_by="measurement" if choice.is_measured else "setting",
        window_ms={
            trial.runtime: round(1_000 * trial.window_s, 2)
            for trial in choice.trials
            if trial.window_s is not None
        },
        refused={trial.runtime: trial.refusal for trial in choice.trials if trial.refusal},
    )


def _window_scores(
    scores: NDArray[np.floating], samples: int, window: WindowParams
) -> dict[str, Any]:
    """What each window contributed, and where it lies in the recording."""
    starts = window_starts(samples, window) if len(scores) > 1 else [0]
    return {
        "window_s": window.samples / SAMPLE_RATE,
        "starts_s": [start / SAMPLE_RATE for start in starts],
        "cm_scores": [round(float(score), 4) for score in scores],
    }


def safe_suffix(suffix: str) -> str:
    """A file name's suffix if it may become part of a key, else nothing."""
    return suffix.lower() if re.fullmatch(r"\.[A-Za-z0-9]{1,8}", suffix) else ""


def _recording(upload: Upload) -> bytes:
    for name in upload.fields:
        if name not in SCORE_FIELDS:
            raise InputError(f"{name}: no field of this name; known: audio, source, speaker_id")
    if upload.recording is None:
        raise InputError("audio: a file expected, the form has none")
    return upload.recording


async def _wait_for_row(written: Future[bool]) -> None:
    try:
        async with asyncio.timeout(ROW_PATIENCE_S):
            await asyncio.shield(asyncio.wrap_future(written))
    except TimeoutError:
        return  # the row keeps waiting for the database; the answer does not
