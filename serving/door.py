"""The endpoint's work between a request and its answer, independent of HTTP."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import time
import uuid
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from infra.errors import UnreachableError
from infra.release import release
from infra.storage import ObjectStore
from models.errors import InputError
from models.evaluation.policies import Policy
from serving.answers.composing import (
    JudgedChannel,
    decisive,
    judge_channel,
    judgement_of,
    plain_answer,
    policy_answers,
    whole_answer,
)
from serving.answers.detection import detect, scan
from serving.answers.options import ScoreOptions
from serving.answers.schemas import SpeechAnswer
from serving.champion import LoadedChampion
from serving.decode import DecodedAudio, Decoders
from serving.errors import NotReadyError
from serving.metrics import Metrics
from serving.runners import Runners
from serving.schemas import ModelAnswer, ScoreAnswer, WindowAnswer
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
            sample_rate=manifest.sample_rate,
            threshold=champion.calibration.threshold,
            policies=policy_answers(champion.policies),
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
        with self._stage("decode"):
            audio = await self.decoders.decode(recording, upload.name)
        champion = self.champion()
        with self._stage("detect"):
            detected = await detect(self.runners, champion, audio.waveform)
        answer = plain_answer(str(uuid.uuid4()), champion, audio, detected)
        await self._settle(answer, audio, detected.columns(champion), upload)
        self.metrics.answers.labels(answer.verdict, str(answer.model_version)).inc()
        return answer

    async def answer(self, upload: Upload, options: ScoreOptions) -> SpeechAnswer:
        """The same by a policy, with channels, timeline and segments.

        Raises InputError if the recording, or an option, cannot be used.
        """
        recording = _recording(upload)
        self.champion().policies.named(options.policy)
        with self._stage("decode"):
            channels = await self.decoders.decode_channels(
                recording, upload.name, options.selection
            )
        champion = self.champion()
        policy = champion.policies.named(options.policy)
        with self._stage("detect"):
            judged = [await self._judge(champion, policy, c, options) for c in channels]
        answer = whole_answer(str(uuid.uuid4()), champion, policy, judged)
        chosen = decisive(judged)
        row = plain_answer(answer.request_id, champion, chosen.audio, chosen.detected)
        columns = {**chosen.detected.columns(champion), "judgement": judgement_of(answer, options)}
        await self._settle(row, chosen.audio, columns, upload)
        self.metrics.answers.labels(answer.verdict, str(answer.model_version)).inc()
        return answer

    def close(self) -> None:
        """Stop the parts in the order of the work, so that current requests finish."""
        self.slot.stop()
        self.shadow.close()
        self.decoders.close()
        self.runners.close()
        self.score_log.close()

    async def _judge(
        self,
        champion: LoadedChampion,
        policy: Policy,
        audio: DecodedAudio,
        options: ScoreOptions,
    ) -> JudgedChannel:
        detected = await detect(self.runners, champion, audio.waveform)
        timeline = detected.windows
        if options.timeline == "fine":
            timeline = await scan(self.runners, champion, audio.waveform)
        return judge_channel(champion, policy, audio, detected, timeline, options.start)

    async def _settle(
        self, answer: ScoreAnswer, audio: DecodedAudio, columns: dict[str, Any], upload: Upload
    ) -> None:
        """Log an answer, and have the challenger score the same."""
        with self._stage("note"):
            await self._log_answer(answer, columns, audio, upload)
        self.shadow.offer(answer.request_id, audio.waveform)
        self.metrics.windows.inc(answer.windows)

    async def _log_answer(
        self,
        answer: ScoreAnswer,
        columns: dict[str, Any],
        audio: DecodedAudio,
        upload: Upload,
    ) -> None:
        recording = _recording(upload)
        row: dict[str, Any] = {
            **answer.model_dump(exclude={"verdict"}),
            "verdict": answer.verdict.value,
            "scored_at": datetime.now(UTC),
            "features": audio.features,
            **columns,
            "audio_sha256": hashlib.sha256(recording).hexdigest(),
            "audio_key": await self._store_recording(recording, answer.request_id, upload.suffix),
            "source": upload.fields.get("source"),
            "speaker_id": upload.fields.get("speaker_id"),
            "release": release(),
        }
        await _wait_for_row(self.score_log.put(row))

    def _stage(self, name: str) -> AbstractContextManager[Any]:
        return self.metrics.stage_seconds.labels(name).time()

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
