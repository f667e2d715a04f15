"""The states of a field sample, why reviewers are asked about it, and the words of its labels."""

from __future__ import annotations

from enum import StrEnum

LABELS = ("bonafide", "spoof")
NO_LABELS = ("unusable", "unsure")  # what a reviewer says of a recording without a label
LEFT_OUT = "left out"  # the dataset revision of a sample whose recording is lost or unreadable


class SampleState(StrEnum):
    """The state of a field sample."""

    FLAGGED = "flagged"  # somebody, or a rule of ours, asks about it
    QUARANTINED = "quarantined"  # within the caps: it waits for reviewers, apart from training
    IN_REVIEW = "in review"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    ERASED = "erased"


class Origin(StrEnum):
    """Why reviewers are asked about a sample."""

    FEEDBACK = "feedback"  # a client claims that the answer is wrong
    UNCERTAINTY = "uncertainty"  # its score is near the threshold
    DISAGREEMENT = "disagreement"  # champion and challenger give different verdicts
    DRIFT = "drift"  # an exemplar of a drift check
    CLUSTER = "cluster"  # of a group of embeddings that the reference lacks
    AUDIT = "audit"  # drawn at random, with a known probability
    GOLD = "gold"  # its answer is known; it measures reviewers


class Use(StrEnum):
    """What an accepted sample is for."""

    TRAIN = "train"
    AUDIT = "audit"  # never trains until it is retired
    GOLD = "gold"  # likewise


OPEN = (SampleState.FLAGGED, SampleState.QUARANTINED, SampleState.IN_REVIEW)  # undecided

# state -> the allowed states before it
TRANSITIONS: dict[SampleState, tuple[SampleState, ...]] = {
    SampleState.QUARANTINED: (SampleState.FLAGGED,),
    SampleState.IN_REVIEW: (SampleState.FLAGGED, SampleState.QUARANTINED),
    SampleState.ACCEPTED: (SampleState.IN_REVIEW,),
    SampleState.REJECTED: (SampleState.IN_REVIEW,),
    SampleState.ERASED: tuple(state for state in SampleState if state is not SampleState.ERASED),
}


class UnknownSampleError(LookupError):
    """No such request or field sample."""


class ClaimError(ValueError):
    """An impossible label, such as a bona fide utterance with an attack."""


def check_claim(label: str, attack_id: str | None) -> None:
    """Raise ClaimError for a label that cannot be."""
    if label not in LABELS:
        raise ClaimError(f"label: one of {', '.join(LABELS)} expected, found '{label}'")
    if label == "bonafide" and attack_id is not None:
        raise ClaimError(f"a bonafide utterance has no attack, found attack_id '{attack_id}'")
