"""The reviewers: who they are, and how they are measured."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.reviewing.options import SampleId
from flows.commands.tables import figures_table
from flows.screen import Screen, echo

_out = Screen()
Name = Annotated[str, typer.Argument(help="The reviewer's name.")]
CONFIDENCE, RESAMPLES = 0.95, 1000


def reviewers() -> None:
    """Print the reviewers, what they said of gold items, and how far they agree."""
    from flows.places import engine, review_params
    from infra.review.gold import answers_by_sample, gold_answers
    from infra.review.reviewers import list_reviewers
    from models.evaluation.agreement import agreement

    database = engine()
    experts = {row.name: row.expert for row in list_reviewers(database)}
    if not experts:
        echo("nobody is registered: everybody counts as an expert")
    measured = {row.reviewer: row for row in gold_answers(database)}
    figures = ("expert", "gold items", "right", "spoof as bonafide", "bonafide as spoof")
    table = figures_table("reviewer", figures=figures)
    for name in sorted(experts | measured):
        gold = measured.get(name)
        confusion = gold.confusion if gold else {}
        table.add_row(
            name,
            "yes" if experts.get(name, not experts) else "no",
            str(gold.items if gold else 0),
            str(gold.right if gold else 0),
            str(confusion.get(("spoof", "bonafide"), 0)),
            str(confusion.get(("bonafide", "spoof"), 0)),
        )
    _out.print(table)
    seed = review_params().seed
    agreed = agreement(answers_by_sample(database), CONFIDENCE, RESAMPLES, seed)
    if agreed is None:
        echo("Krippendorff's α: two people who judged the same samples are needed")
    else:
        echo(
            f"Krippendorff's α {agreed.alpha:.3f} [{agreed.low:.3f}, {agreed.high:.3f}], "
            f"{agreed.items} samples by {agreed.people} people"
        )


def add_reviewer(
    name: Name,
    expert: Annotated[
        bool, typer.Option("--expert", help="One answer of theirs completes a sample.")
    ] = False,
) -> None:
    """Register a reviewer, or change whether one is an expert."""
    from flows.places import engine
    from infra.review import reviewers as people

    people.add_reviewer(engine(), name, expert=expert)
    echo(f"{name}: {'expert' if expert else 'reviewer'}")


def remove_reviewer(name: Name) -> None:
    """Take a reviewer from the list; the answers stay."""
    from flows.places import engine
    from infra.review import reviewers as people

    people.remove_reviewer(engine(), name)
    echo(f"{name}: removed")


def gold(sample_id: SampleId) -> None:
    """Let an accepted sample measure reviewers; it trains no more."""
    from flows.places import engine
    from infra.review.gold import make_gold

    make_gold(engine(), sample_id)
    echo(f"{sample_id}: gold")


def retire(sample_id: SampleId) -> None:
    """Let a sample of the audit, or a gold item, train."""
    from flows.places import engine
    from infra.review import gold as golden

    golden.retire(engine(), sample_id)
    echo(f"{sample_id}: may train")
