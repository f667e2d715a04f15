"""Builds the endpoint from its settings."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from infra import registry
from infra.database import open_database
from infra.settings import Settings
from infra.storage import open_store
from models.compute.control_groups import ROOT
from models.compute.cores import usable_cores
from models.compute.memory import total_memory
from serving.cache import ChampionCache
from serving.challenger import open_challenger
from serving.challenger_slot import ChallengerSlot
from serving.champion import load_champion
from serving.decode import MEMORY_MB, Decoders
from serving.door import Door
from serving.metrics import metrics
from serving.runners import Runners
from serving.score_log import ScoreLog
from serving.shadow import ShadowQueue
from serving.slots import ChampionSlot

DECODE_PATIENCE_S = 60.0  # ten minutes of Opus take 13 s on a busy core
# One process takes 36 MiB idle, 127 MiB for a minute at 16 kHz, for ten minutes all that it may.
DECODER_BYTES = (36 + MEMORY_MB) * 2**20
MEMORY_SHARE = 0.5  # for decoding; the rest is the detector's and that of waiting uploads


def threads_per_worker(settings: Settings, root: Path = ROOT) -> int:
    """Runner threads of one worker: the setting, else its share of the cores that it may use."""
    return settings.endpoint_threads or max(1, usable_cores(root) // settings.endpoint_workers)


def decoders_per_worker(settings: Settings, root: Path = ROOT) -> int:
    """Decoding processes of one worker: one a thread, as far as the memory goes; at least 1.

    `root` holds the files of Linux that name the limits.
    """
    threads = threads_per_worker(settings, root)
    if not (root / "proc/meminfo").is_file():
        return threads
    share = MEMORY_SHARE * total_memory(root) / settings.endpoint_workers
    return max(1, min(threads, int(share / DECODER_BYTES)))


def open_door(settings: Settings) -> Door:
    """Start the followers of both aliases and the other parts; raises SettingsError."""
    threads = threads_per_worker(settings)
    cache = ChampionCache(
        settings.state_dir / "serving",
        f"{settings.registered_model} at {settings.mlflow_tracking_uri}",
    )
    slot = ChampionSlot(
        read_alias=registry.champion,
        fetch=registry.fetch,
        load=partial(load_champion, threads=threads, runtime=settings.endpoint_runtime),
        cache=cache,
        metrics=metrics(),
        interval_s=settings.follow_interval_s,
    )
    score_log = ScoreLog(lambda: open_database(settings.database_url), metrics())
    challengers = ChallengerSlot(
        read_alias=registry.challenger,
        fetch=registry.fetch,
        load=open_challenger,
        cache=cache,
        metrics=metrics(),
        interval_s=settings.follow_interval_s,
    )
    door = Door(
        slot=slot,
        decoders=_open_decoders(settings),
        runners=Runners(threads, settings.endpoint_batch),
        score_log=score_log,
        shadow=ShadowQueue(challengers, score_log, metrics()),
        store=open_store(settings),
        metrics=metrics(),
        keeps_audio=settings.audio_retention_days > 0,
    )
    slot.start()
    door.shadow.start()
    return door


def _open_decoders(settings: Settings) -> Decoders:
    limits = (settings.max_upload_bytes, settings.max_audio_s, DECODE_PATIENCE_S)
    return Decoders(decoders_per_worker(settings), *limits, metrics())
