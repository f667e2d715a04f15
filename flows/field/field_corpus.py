"""Accepted field samples as a corpus, so that the next dataset version holds them."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from infra.database import reading
from infra.datasets.registry import FIELD, DatasetRegistry
from infra.errors import AbsentError
from infra.field_samples import LEFT_OUT, record_dataset, training_samples
from infra.storage import ObjectStore
from infra.tables import FieldSample, ScoredRequest
from models.audio.reading import SAMPLE_RATE, AudioLimits, read_audio
from models.data.protocols.partitions import partition_of, wanted_partitions
from models.errors import InputError
from models.files.whole_files import write_rows
from models.params.data import DataParams

log = logging.getLogger("antiphon.cycle")

# the endpoint has set its own limits when the recording came in
LIMITS = AudioLimits(bytes=2**31, seconds=86_400.0)

WORTH_A_WARNING = 10  # samples of which none is in some partition


def put_field_samples(
    engine: Engine, store: ObjectStore, registry: DatasetRegistry, params: DataParams
) -> str:
    """Make every sample that may train the content of the corpus `field`; the dataset version.

    The same recording accepted twice is one utterance. Without accepted samples there is no such
    corpus. Samples that the corpus holds are recorded with its version, the others as left out.
    """
    accepted = training_samples(engine)
    if not accepted:
        return registry.drop_corpus(FIELD, "Hold no field samples")
    with tempfile.TemporaryDirectory() as beside:
        folder = Path(beside) / FIELD
        samples = _with_requests(engine, accepted)
        held = build_field_corpus(folder, samples, store, params)
        if held:
            revision = registry.put_corpus(FIELD, folder, f"Hold {len(held)} field samples")
        else:
            revision = registry.head()
    learnt = [sample.id for sample, request in samples if request.audio_sha256 in held]
    record_dataset(engine, learnt, revision)
    record_dataset(engine, [sample.id for sample in accepted if sample.id not in learnt], LEFT_OUT)
    return revision


def build_field_corpus(
    folder: Path,
    samples: Sequence[tuple[FieldSample, ScoredRequest]],
    store: ObjectStore,
    params: DataParams,
) -> set[str]:
    """Write protocol.csv and audio/ of samples; returns the SHA-256 of recordings that it holds.

    The partition of a speaker (else of an hour of a source, else of the sample alone) is a hash, so
    that it stays as the corpus grows. A recording that is lost or cannot be read is left out and
    named in the log: one sample must not stop every cycle. Of samples of one recording, the first
    that can be read is taken.
    """
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "audio").mkdir(parents=True)
    rows: list[dict[str, Any]] = []
    held: set[str] = set()
    for sample, request in samples:
        if request.audio_sha256 in held:
            continue
        try:
            rows.append(_put(folder, sample, request, store, params))
        except (AbsentError, InputError) as error:
            log.warning("field sample %d is left out: %s", sample.id, error)
        else:
            held.add(request.audio_sha256)
    if rows:
        write_rows(folder / "protocol.csv", rows)
        _warn_of_empty_partitions(rows, params)
    return held


def _put(
    folder: Path,
    sample: FieldSample,
    request: ScoredRequest,
    store: ObjectStore,
    params: DataParams,
) -> dict[str, Any]:
    import soundfile

    assert sample.audio_key is not None  # without audio nothing is accepted
    name = f"audio/field-{sample.id}.flac"
    with tempfile.NamedTemporaryFile(suffix=Path(sample.audio_key).suffix) as recording:
        recording.write(store.get(sample.audio_key))
        recording.flush()
        waveform = read_audio(Path(recording.name), LIMITS)
    soundfile.write(folder / name, waveform, SAMPLE_RATE, subtype="PCM_16")
    group = _group(sample, request)
    partition = partition_of(group, params.partition_seed, params.train_share, params.dev_share)
    return {
        "utterance_id": f"field-{sample.id}",
        "path": name,
        "partition": str(partition),
        "label": sample.label,
        "attack_id": (sample.attack_id or "unknown") if sample.label == "spoof" else "",
        "speaker_id": request.speaker_id or "",
        "source": request.source or "",
        "day": f"{request.scored_at:%Y-%m-%d}",
        "request_id": request.request_id,
        "reviewer": sample.reviewer or "",
    }


def _group(sample: FieldSample, request: ScoredRequest) -> str:
    """What goes into one partition: a speaker, else an hour of a source, else the sample alone.

    A line on which many people call would otherwise be in one partition for ever.
    """
    return request.caller or f"field-{sample.id}"


def _warn_of_empty_partitions(rows: Sequence[Mapping[str, Any]], params: DataParams) -> None:
    """Say whether the corpus, or a source whose speakers are unknown, misses a partition."""
    wanted = wanted_partitions(params.train_share, params.dev_share)
    groups: dict[str | None, list[Mapping[str, Any]]] = {None: list(rows)}
    for row in rows:
        if row["source"] and not row["speaker_id"]:
            groups.setdefault(row["source"], []).append(row)
    for source, group in groups.items():
        missing = [p for p in wanted if all(row["partition"] != p for row in group)]
        if missing and len(group) >= WORTH_A_WARNING:
            log.warning(
                "field samples%s: none of %d is in %s; %s",
                *(f" of source {source!r}" if source else "", len(group), " or ".join(missing)),
                "a client that sends speaker_id spreads them over the partitions"
                if source
                else "more speakers and sources will fill it",
            )


def _with_requests(
    engine: Engine, samples: Sequence[FieldSample]
) -> list[tuple[FieldSample, ScoredRequest]]:
    """Each sample with its request."""
    with reading(engine) as opened:
        wanted = [sample.request_id for sample in samples]
        query = select(ScoredRequest).where(ScoredRequest.request_id.in_(wanted))
        requests = {request.request_id: request for request in opened.scalars(query)}
    return [(sample, requests[sample.request_id]) for sample in samples]
