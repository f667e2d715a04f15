"""The endpoint's Prometheus metrics, in addition to BentoML's request counts and latencies.

They are created when a worker starts, never at import: prometheus_client decides at import and at
creation whether it writes for one process or for several.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from typing import TypeVar

from prometheus_client import Counter, Gauge, Histogram

_lowest = partial(Gauge, multiprocess_mode="livemin")  # of the workers
_Kind = TypeVar("_Kind", Counter, Histogram)
_total = partial(Gauge, multiprocess_mode="livesum")


@dataclass(frozen=True)
class ChallengerMetrics:
    """What the challenger does beside the answers."""

    version: Gauge
    failed_loads: Counter
    scores: Counter
    dropped: Counter
    waiting: Gauge


@dataclass(frozen=True)
class Metrics:
    """The endpoint's counters, gauges and histograms."""

    requests: Counter
    request_seconds: Histogram
    answers: Counter
    refusals: Counter
    stage_seconds: Histogram
    windows: Counter
    champion_version: Gauge
    runtime_seconds: Gauge
    failed_loads: Counter
    registry_reachable: Gauge
    rows_waiting: Gauge
    rows_dropped: Counter
    recordings_not_kept: Counter
    decoder_restarts: Counter
    challenger: ChallengerMetrics


@cache
def metrics() -> Metrics:
    """The metrics of this process. With several workers, a gauge shows the lowest value."""
    return Metrics(
        requests=_by_route(Counter, "bentoml_service_request", "Requests by route"),
        request_seconds=_by_route(
            Histogram, "bentoml_service_request_duration_seconds", "Time of a request by route"
        ),
        answers=Counter(
            "antiphon_answers", "Requests answered with a score", ["verdict", "model_version"]
        ),
        refusals=Counter("antiphon_refusals", "Requests answered with an error", ["status"]),
        stage_seconds=Histogram(
            "antiphon_stage_seconds", "Time of one request in one stage", ["stage"]
        ),
        windows=Counter("antiphon_windows", "Windows run through the detector"),
        champion_version=_lowest(
            "antiphon_champion_version", "Version that answers now; 0: none yet"
        ),
        runtime_seconds=_runtime_seconds(),
        failed_loads=Counter("antiphon_failed_loads", "Versions that could not be loaded, by try"),
        registry_reachable=_lowest(
            "antiphon_registry_reachable", "1: the registry answered when last asked"
        ),
        rows_waiting=_total(
            "antiphon_score_log_rows_waiting", "Answers not yet written to the score log"
        ),
        rows_dropped=Counter(
            "antiphon_score_log_rows_dropped", "Answers that the score log lost for good"
        ),
        recordings_not_kept=Counter(
            "antiphon_recordings_not_kept",
            "Recordings that retention asked for and storage refused",
        ),
        decoder_restarts=Counter(
            "antiphon_decoder_restarts", "Decoding processes that ended on an upload"
        ),
        challenger=_challenger_metrics(),
    )


def _runtime_seconds() -> Gauge:
    return Gauge(
        "antiphon_runtime_window_seconds",
        "Time of one window when the champion was loaded, by runtime",
        ["runtime"],
        multiprocess_mode="mostrecent",
    )


def _by_route(kind: type[_Kind], name: str, text: str) -> _Kind:
    return kind(name, text, ["endpoint", "http_response_code"])


def _challenger_metrics() -> ChallengerMetrics:
    return ChallengerMetrics(
        version=_lowest("antiphon_challenger_version", "Version that runs in shadow; 0: none"),
        failed_loads=Counter(
            "antiphon_failed_challengers", "Challengers that could not be loaded or ended, by try"
        ),
        scores=Counter(
            "antiphon_shadow_scores", "Answered requests the challenger scored", ["model_version"]
        ),
        dropped=Counter(
            "antiphon_shadow_dropped", "Answered requests the challenger did not score", ["reason"]
        ),
        waiting=_total("antiphon_shadow_waiting", "Answered requests that wait for the challenger"),
    )
