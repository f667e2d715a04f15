"""What the review goes by; `review` in params.yaml has these numbers."""

from __future__ import annotations

from typing import Protocol


class ReviewRule(Protocol):
    """`models.params.retraining.ReviewParams` is one."""

    @property
    def reviewers(self) -> int:
        """How many independent answers that agree complete a sample."""

    @property
    def experts(self) -> int:
        """How many experts' answers that agree complete it, whatever others say."""

    @property
    def lock_min(self) -> float:
        """Minutes for which a sample is one reviewer's alone."""

    @property
    def gold_share(self) -> float:
        """The share of a reviewer's items whose answer is known, 0-1."""

    @property
    def source_cap(self) -> int:
        """Claims of one source that leave the flags in a day."""

    @property
    def cluster_cap(self) -> int:
        """Samples that one answer to a cluster labels."""
