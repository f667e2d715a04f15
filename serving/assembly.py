"""Builds the endpoint from its settings."""

from __future__ import annotations

import os
from functools import partial

from infra import registry
from infra.database import open_database
from infra.settings import Settings
from infra.storage import open_store
from serving.cache import ChampionCache
from serving.challenger import open_challenger
from serving.challenger_slot import ChallengerSlot
from serving.champion import load_champion
from serving.decode import Decoders
from serving.door import Door
from serving.metrics import metrics
from serving.runners import Runners
from serving.score_log import ScoreLog
from serving.shadow import ShadowQueue
from serving.slots import ChampionSlot

DECODE_PATIENCE_S = 60.0  # ten minutes of Opus take 13 s on a busy core


def threads_per_worker(settings: Settings) -> int:
    """Runner threads of one worker: the setting, else its share of the cores."""
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    return settings.endpoint_threads or max(1, cores // settings.endpoint_workers)


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
        load=partial(load_champion, threads=threads),
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
        decoders=Decoders(
            threads, settings.max_upload_bytes, settings.max_audio_s, DECODE_PATIENCE_S, metrics()
        ),
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
