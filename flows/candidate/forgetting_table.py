"""What a candidate forgot of what the champion knew: one more row in the champion's own table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from models.data.lessons import attacks_of, read_lessons
from models.errors import InputError
from models.evaluation.metrics.eer import eer
from models.evaluation.scores import Scores
from models.training.continual.forgetting import Eers, ForgettingMatrix

SHOWN = 12  # stages, so that a report stays readable after years


@dataclass(frozen=True)
class ScoredDetector:
    """A detector's folder and its scores of the eval trials."""

    folder: Path
    scores: Scores


@dataclass(frozen=True)
class _History:
    """The stages before the champion, as its report tells them."""

    eers: tuple[Eers, ...] = ()
    first_stages: Mapping[str, int] = field(default_factory=dict)  # by attack


def follow(
    candidate: ScoredDetector, champion: ScoredDetector | None, report: str
) -> ForgettingMatrix:
    """EERs by attack of earlier champions, of the champion and of the candidate, in this order.

    The last two are measured now on the same trials; earlier rows are those of the champion's
    report (the file of that name in its folder), measured on the eval trials of their time.
    """
    eers: tuple[Eers, ...] = (_by_attack(candidate.scores),)
    first_stages: dict[str, int] = {}
    if champion is not None:
        before = _history(champion.folder / report)
        first_stages = dict(before.first_stages)
        for attack in attacks_of(read_lessons(champion.folder)):
            first_stages.setdefault(attack, len(before.eers))
        eers = (*before.eers, _by_attack(champion.scores), *eers)
    for attack in attacks_of(read_lessons(candidate.folder)):
        first_stages.setdefault(attack, len(eers) - 1)
    left_out = max(0, len(eers) - SHOWN)
    return ForgettingMatrix(
        _names(len(eers) - left_out),
        eers[left_out:],
        {attack: max(0, stage - left_out) for attack, stage in first_stages.items()},
    )


def _by_attack(scores: Scores) -> Eers:
    return {attack: eer(scores.bonafide, spoofs) for attack, spoofs in scores.by_attack().items()}


def _names(count: int) -> tuple[str, ...]:
    earlier = [f"champion −{back}" for back in range(count - 2, 0, -1)]
    return (*earlier, "champion", "candidate") if count > 1 else ("candidate",)


def _history(report: Path) -> _History:
    """What a champion's report keeps; nothing where it was written without a table."""
    if not report.is_file():
        return _History()
    try:
        table = json.loads(report.read_text("utf-8")).get("forgetting") or {}
        rows = tuple(table["eer"])[:-1] if table else ()  # the last one is measured anew
        return _History(rows, dict(table["learnt"]) if table else {})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{report}: a report with a table of forgetting expected") from error
