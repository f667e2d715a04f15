"""Gold items: accepted samples whose answer is known, which measure reviewers and never train."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import Engine, select, update

from infra.database import reading, session
from infra.errors import ConflictError
from infra.field_samples import get_sample
from infra.review.sample_states import SampleState, Use
from infra.review.votes import last_of_each, stands
from infra.tables import FieldSample, LabelRevision


@dataclass(frozen=True)
class GoldAnswers:
    """What a reviewer said of gold items."""

    reviewer: str
    confusion: dict[tuple[str, str], int]  # (known answer, answer) -> items

    @property
    def items(self) -> int:
        """How many were answered."""
        return sum(self.confusion.values())

    @property
    def right(self) -> int:
        """How many were answered as they are known."""
        return sum(count for (known, label), count in self.confusion.items() if known == label)

    @property
    def trust(self) -> float:
        """The expected share of right answers, 0-1; 1/2 before any (Laplace's rule)."""
        return (self.right + 1) / (self.items + 2)


def make_gold(engine: Engine, sample_id: int) -> None:
    """Let an accepted sample measure reviewers from now on; it leaves the training data.

    Raises ConflictError where it is not accepted or belongs to the audit, and UnknownSampleError.
    """
    _use(engine, sample_id, Use.GOLD, (Use.TRAIN,))


def retire(engine: Engine, sample_id: int) -> None:
    """Let a sample of the audit or a gold item train; raises ConflictError where it is neither.

    An audit sample that trains stays in the estimate of the version that answered its request,
    which was trained before.
    """
    _use(engine, sample_id, Use.TRAIN, (Use.AUDIT, Use.GOLD))


def gold_answers(engine: Engine) -> list[GoldAnswers]:
    """The confusion of each reviewer who was measured, by name."""
    query = select(LabelRevision).where(LabelRevision.gold.is_not(None), stands())
    with reading(engine) as transaction:
        revisions = transaction.scalars(query.order_by(LabelRevision.id)).all()
    confusions: dict[str, Counter[tuple[str, str]]] = {}
    for revision in revisions:
        pair = (str(revision.gold), str(revision.label))
        confusions.setdefault(revision.reviewer, Counter())[pair] += 1
    return [GoldAnswers(name, dict(confusions[name])) for name in sorted(confusions)]


def answers_by_sample(engine: Engine) -> list[dict[str, str]]:
    """For each sample, reviewer -> label of the standing answers that were given one by one.

    An answer to a whole cluster is none about each of its recordings, and is left out.
    """
    query = select(LabelRevision).where(stands(), LabelRevision.batch.is_(None))
    with reading(engine) as transaction:
        revisions = transaction.scalars(query.order_by(LabelRevision.id)).all()
    by_sample: dict[int, list[LabelRevision]] = {}
    for revision in revisions:
        by_sample.setdefault(revision.sample_id, []).append(revision)
    return [
        {revision.reviewer: str(revision.label) for revision in last_of_each(some)}
        for some in by_sample.values()
    ]


def _use(engine: Engine, sample_id: int, use: Use, before: tuple[Use, ...]) -> None:
    step = (
        update(FieldSample)
        .where(FieldSample.id == sample_id, FieldSample.state == SampleState.ACCEPTED)
        .where(FieldSample.use.in_(before))
        .values(use=use, dataset_revision=None)
        .returning(FieldSample.id)
    )
    with session(engine) as transaction:
        is_moved = transaction.execute(step).first() is not None
    if not is_moved:
        sample = get_sample(engine, sample_id)
        raise ConflictError(
            f"field sample {sample_id} is {sample.state} for {sample.use}: accepted for "
            f"{' or '.join(before)} expected"
        )
