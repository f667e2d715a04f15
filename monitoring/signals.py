"""The signals of a drift check: what is watched in a window of traffic, and in which unit.

input      acoustic quantities of each request, and the share of requests without speech
score      cm_score
embedding  the sketch of the embedding: along its principal directions, and as a whole
label      what verdicts and reviewed labels say of the shares of spoofs and of errors
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from models.audio.acoustics import ACOUSTICS

DIRECTIONS = 4  # principal directions of the sketches that are watched one by one
LEAST_SPEECH_S = 0.25  # of a request; with less there is nothing to judge
DISTANCE = "standard deviations"
SHARE = "share"


class SignalGroup(StrEnum):
    """What a signal speaks of."""

    INPUT = "input"
    SCORE = "score"
    EMBEDDING = "embedding"
    LABEL = "label"


@dataclass(frozen=True, slots=True)
class Signal:
    """One watched quantity. Its value grows with the distance from the reference."""

    name: str
    group: SignalGroup
    unit: str


SPEECHLESS = Signal("speechless_rate", SignalGroup.INPUT, SHARE)
MMD = Signal("mmd", SignalGroup.EMBEDDING, "MMD")
DOMAIN_AUC = Signal("domain_auc", SignalGroup.EMBEDDING, "AUC")
SPOOF_SHARE = Signal("spoof_share", SignalGroup.LABEL, "difference of shares")
KNOWN_MISSES = Signal("known_misses", SignalGroup.LABEL, SHARE)
KNOWN_FALSE_ALARMS = Signal("known_false_alarms", SignalGroup.LABEL, SHARE)
DIRECTION_NAMES = tuple(f"direction_{number}" for number in range(1, DIRECTIONS + 1))

SIGNALS: tuple[Signal, ...] = (
    *(Signal(name, SignalGroup.INPUT, DISTANCE) for name in ACOUSTICS),
    SPEECHLESS,
    Signal("cm_score", SignalGroup.SCORE, DISTANCE),
    *(Signal(name, SignalGroup.EMBEDDING, DISTANCE) for name in DIRECTION_NAMES),
    MMD,
    DOMAIN_AUC,
    SPOOF_SHARE,
    KNOWN_MISSES,
    KNOWN_FALSE_ALARMS,
)
BY_NAME = {signal.name: signal for signal in SIGNALS}
COLUMNS = ("cm_score", *ACOUSTICS)  # whose Wasserstein distance is a signal of the same name
