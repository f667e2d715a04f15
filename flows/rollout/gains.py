"""From what reviewers said to observations for the sequential test. Pure.

Only where champion and challenger disagree can a label tell them apart: one of the two is right,
and the gain is +1 where it is the challenger, −1 where it is the champion. Where they agree it is
0, whatever the truth. Three rules keep the answer honest:

- Flags tell of the champion's errors more readily than of its successes, so labels in the order of
  their coming would favour any challenger. Disagreements count in the order they were **heard**, up
  to the first that a reviewer has still to judge.
- Gains of a class weigh as the rarer class of the traffic to this one: as in an EER, a rare spoof
  and a common bona fide call count as classes, and where only one class is heard nothing does.
- One speaker, else source, is one observation at each look: the mean of its gains.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from infra.shadows import Disagreement

CLASSES = ("bonafide", "spoof")


def judged(disagreements: Sequence[Disagreement], counted: Collection[str]) -> list[Disagreement]:
    """What counts from now on, of disagreements in the order they were heard.

    Recordings that were erased, not kept, or rejected by a reviewer get no label and are passed
    over; those in `counted` (SHA-256) have had their say.
    """
    new: list[Disagreement] = []
    for item in disagreements:
        if item.waits:
            break
        if item.truth is not None and item.audio_sha256 not in counted:
            new.append(item)
    return new


def class_weights(
    agreed: Mapping[str, int], disagreements: Sequence[Disagreement]
) -> dict[str, float]:
    """The weight (0-1) of a gain of each class; both 0 where a class was not heard.

    `agreed` counts the recordings that both call by a class; reviewers' labels add to them.
    """
    counts = {c: agreed.get(c, 0) + sum(item.truth == c for item in disagreements) for c in CLASSES}
    rarer = min(counts.values())
    return {label: rarer / count if count else 0.0 for label, count in counts.items()}


def gains(new: Sequence[Disagreement], weights: Mapping[str, float]) -> list[float]:
    """One weighted gain in [-1, 1] of each speaker or source, in the order they were heard."""
    by_cluster: dict[str, list[float]] = {}
    for item in new:
        assert item.truth is not None  # judged
        gain = 1.0 if item.truth == item.challenger else -1.0
        by_cluster.setdefault(item.cluster, []).append(weights[item.truth] * gain)
    return [sum(values) / len(values) for values in by_cluster.values()]
