"""From first calls of callers, and what reviewers said of them, to calls that can be tested. Pure.

Only where champion and challenger disagree can a label tell them apart: one of the two is right,
and the gain is +1 where it is the challenger, −1 where it is the champion. Where they agree it is
0, whatever the truth.

Flags tell of the champion's errors more readily than of its successes, so labels in the order of
their coming would favour any challenger. Calls count in the order they were **heard**, up to the
first that a reviewer has still to judge. `models.promotion.live_calls` has the other rules.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from infra.shadow_calls import Disagreement
from models.promotion.live_calls import Call, Observation, observations
from models.trials import Label

_AGREED = {label: Call(label is Label.BONAFIDE) for label in Label}


def new_observations(
    calls: Iterable[str | Disagreement], counted: Collection[str]
) -> list[Observation]:
    """The observations that count from now on.

    `calls`: first calls in the order they were heard, each what both detectors say or a
    disagreement. `counted`: SHA-256 of the recordings that have counted at earlier looks.
    """
    return list(observations(_judged(calls, counted)))


def _judged(calls: Iterable[str | Disagreement], counted: Collection[str]) -> Iterator[Call]:
    """Calls up to the first that waits; what nobody can judge is passed over."""
    for call in calls:
        if not isinstance(call, Disagreement):
            yield _AGREED[Label(call)]
        elif call.waits:
            return
        elif call.truth is not None:
            yield _reviewed(call, counted)


def _reviewed(call: Disagreement, counted: Collection[str]) -> Call:
    bonafide = call.truth == Label.BONAFIDE
    if call.audio_sha256 in counted:
        return Call(bonafide)  # its gain is in an earlier look
    return Call(bonafide, 1.0 if call.truth == call.challenger else -1.0, call.audio_sha256)
