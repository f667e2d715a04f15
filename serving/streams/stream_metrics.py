"""The Prometheus metrics of live streams, created when a worker starts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from prometheus_client import Counter, Gauge, Histogram


@dataclass(frozen=True)
class StreamMetrics:
    """What the streams of a worker do."""

    open: Gauge
    closed: Counter
    audio_seconds: Counter
    windows: Counter
    skipped: Counter
    gaps: Counter
    dropped: Counter
    decision_seconds: Histogram
    verdicts: Counter
    rows_waiting: Gauge


@cache
def stream_metrics() -> StreamMetrics:
    """The metrics of this process."""
    return StreamMetrics(
        open=Gauge("antiphon_streams", "Streams that are open", multiprocess_mode="livesum"),
        closed=Counter("antiphon_streams_closed", "Streams that ended", ["dialect", "code"]),
        audio_seconds=Counter("antiphon_stream_audio_seconds", "Audio of streams that ended"),
        windows=Counter("antiphon_stream_windows", "Windows of streams, by outcome", ["outcome"]),
        skipped=Counter(
            "antiphon_stream_verdicts_skipped",
            "Provisional verdicts that were not given because the detector was busy",
        ),
        gaps=Counter("antiphon_stream_gaps", "Gaps in the audio of streams that ended"),
        dropped=Counter(
            "antiphon_stream_messages_dropped",
            "Provisional verdicts that a client was too slow to read",
        ),
        decision_seconds=Histogram(
            "antiphon_stream_decision_seconds",
            "Seconds of audio after which the sequential test was sure of a channel",
            buckets=(1, 2, 3, 5, 8, 12, 20, 30, 60, 120, 300),
        ),
        verdicts=Counter(
            "antiphon_stream_verdicts", "Streams that ended", ["verdict", "model_version"]
        ),
        rows_waiting=Gauge(
            "antiphon_stream_rows_waiting",
            "Streams whose state is not yet in the database",
            multiprocess_mode="livesum",
        ),
    )
