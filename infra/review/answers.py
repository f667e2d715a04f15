"""What a reviewer says of a recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from infra.review.sample_states import LABELS, NO_LABELS, ClaimError

WORDS = (*LABELS, *NO_LABELS)
LONGEST_TEXT = 128
MOST_PARTS = 64  # reasons, and regions
_SLACK_S = 0.1  # a player rounds the end of a recording


@dataclass(frozen=True)
class Region:
    """A part of a recording with a label of its own, as in a partial spoof."""

    start_s: float
    end_s: float
    label: str  # bonafide | spoof
    channel: int = 0


@dataclass(frozen=True)
class Answer:
    """One judgement; `check` refuses what cannot be."""

    label: str  # bonafide | spoof | unusable | unsure
    attack_id: str | None = None  # of a spoof, where it is known
    reasons: tuple[str, ...] = ()
    regions: tuple[Region, ...] = ()
    seconds: float | None = None  # it took the reviewer

    def check(self, duration_s: float) -> None:
        """Raise ClaimError, which names what is wrong, for a recording of `duration_s`."""
        if self.label not in WORDS:
            raise ClaimError(f"label: one of {', '.join(WORDS)} expected, found '{self.label}'")
        if self.attack_id is not None and self.label != "spoof":
            raise ClaimError(
                f"a recording that is {self.label} has no attack, found '{self.attack_id}'"
            )
        if self.seconds is not None and not 0.0 <= self.seconds < float("inf"):
            raise ClaimError(f"seconds: a number from 0 on expected, found {self.seconds}")
        _check_texts(self.reasons if self.attack_id is None else (*self.reasons, self.attack_id))
        _check_regions(self.regions, duration_s)

    def columns(self) -> dict[str, Any]:
        """The columns of its revision."""
        return {
            "label": self.label,
            "attack_id": self.attack_id,
            "reasons": list(self.reasons),
            "regions": [asdict(region) for region in self.regions],
            "seconds": self.seconds,
        }


def region_of(document: Mapping[str, Any]) -> Region:
    """A region of its columns; raises ClaimError where one is missing or of another kind."""
    try:
        return Region(
            start_s=float(document["start_s"]),
            end_s=float(document["end_s"]),
            label=str(document["label"]),
            channel=int(document.get("channel") or 0),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ClaimError(
            f"region: numbers start_s and end_s and a label expected, found {dict(document)}"
        ) from error


def _check_texts(texts: tuple[str, ...]) -> None:
    if len(texts) > MOST_PARTS or any(not 0 < len(text) <= LONGEST_TEXT for text in texts):
        raise ClaimError(
            f"reasons and attack_id: at most {MOST_PARTS} texts of 1 to {LONGEST_TEXT} characters "
            "expected"
        )


def _check_regions(regions: tuple[Region, ...], duration_s: float) -> None:
    if len(regions) > MOST_PARTS:
        raise ClaimError(f"at most {MOST_PARTS} regions expected, found {len(regions)}")
    for region in regions:
        if region.label not in LABELS:
            raise ClaimError(f"region: one of {', '.join(LABELS)} expected, found '{region.label}'")
        if not 0 <= region.channel < MOST_PARTS:
            raise ClaimError(f"region: channel 0 or more expected, found {region.channel}")
        if not 0.0 <= region.start_s < region.end_s <= duration_s + _SLACK_S:
            raise ClaimError(
                f"region: 0 <= start_s < end_s <= {duration_s:.2f} expected, found "
                f"{region.start_s} to {region.end_s}"
            )
