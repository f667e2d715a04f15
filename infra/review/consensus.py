"""What the answers of several reviewers come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from infra.review.rule import ReviewRule
from infra.tables import LabelRevision


@dataclass(frozen=True)
class Consensus:
    """The label on which reviewers agree, or that they do not yet."""

    label: str | None  # bonafide | spoof | unusable | unsure; None: undecided
    attack_id: str | None = None
    awaits_expert: bool = False  # one more answer of an ordinary reviewer is not asked for


def consensus(votes: Sequence[LabelRevision], rule: ReviewRule) -> Consensus:
    """The answer that enough experts share, else the one that enough reviewers share.

    `votes` holds each reviewer's standing answer. Disagreement asks one more reviewer; where that
    one does not settle it either, only an expert can.
    """
    experts = [vote for vote in votes if vote.expert]
    label = _shared(experts, rule.experts) or _shared(votes, rule.reviewers)
    if label is None:
        return Consensus(None, awaits_expert=len(votes) > rule.reviewers)
    return Consensus(label, _attack(votes, label))


def _shared(votes: Sequence[LabelRevision], fewest: int) -> str | None:
    """The label of at least `fewest` votes and of more than any other has."""
    ranking = Counter(vote.label for vote in votes).most_common(2)
    if not ranking or ranking[0][1] < fewest:
        return None
    is_tie = len(ranking) == 2 and ranking[0][1] == ranking[1][1]
    return None if is_tie else ranking[0][0]


def _attack(votes: Sequence[LabelRevision], label: str) -> str | None:
    """The attack that those who gave the label name, experts before others, if it is one."""
    for some in ([vote for vote in votes if vote.expert], votes):
        attacks = {vote.attack_id for vote in some if vote.label == label} - {None}
        if attacks:
            return attacks.pop() if len(attacks) == 1 else None
    return None
