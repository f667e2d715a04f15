"""The queue: the next recording, an answer, its undoing, a whole cluster."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.reviewing.options import AttackId, Label, Reviewer, SampleId
from flows.commands.tables import facts_table, lines_table, one_line
from flows.screen import Screen, echo

if TYPE_CHECKING:
    from infra.review.answers import Region

_out = Screen()
Reasons = Annotated[list[str] | None, typer.Option("--reason", help="Why; repeat it for more.")]
Regions = Annotated[
    list[str] | None,
    typer.Option("--region", help="START-END:LABEL in seconds, e.g. 1.5-3:spoof; repeatable."),
]


def queue(reviewer: Reviewer) -> None:
    """Print how many samples wait for you, how many you judged, and the clusters."""
    from flows.places import engine, review_params
    from infra.review.batches import clusters
    from infra.review.history import counts
    from infra.review.intake import take_in

    database = engine()
    take_in(database, review_params())
    count = counts(database, reviewer)
    groups = [f"{name}: {number}" for name, number in clusters(database).items()]
    _out.print(
        facts_table(
            {
                "waiting for you": str(count.waiting),
                "judged today": str(count.done_today),
                "seconds each": f"{count.seconds:.1f}" if count.seconds is not None else None,
                "over the caps": str(count.flagged) if count.flagged else None,
                "all": [f"{state}: {number}" for state, number in sorted(count.states.items())],
                "clusters": groups or None,
            }
        )
    )


def next_sample(
    reviewer: Reviewer,
    out: Annotated[
        Path | None, typer.Option(help="The audio file to write. Default: none.")
    ] = None,
) -> None:
    """Take the next recording; it is yours for review.lock_min minutes."""
    from flows.places import engine, review_params
    from infra.review.desk import next_item
    from infra.settings import settings
    from infra.storage import open_store

    item = next_item(engine(), reviewer, review_params())
    if item is None:
        echo("nothing waits for you")
        return
    if out is not None and item.audio_key is not None:
        out.write_bytes(open_store(settings()).get(item.audio_key))
    echo(f"{item.sample_id}: {item.duration_s:.1f} s, yours until {item.locked_until:%H:%M} UTC")


def judge(
    sample_id: SampleId,
    reviewer: Reviewer,
    label: Label = None,
    attack_id: AttackId = None,
    reason: Reasons = None,
    region: Regions = None,
) -> None:
    """Answer for a recording that you have taken; the claim and the answers of others are shown."""
    from flows.places import engine, review_params
    from infra.review.answers import Answer
    from infra.review.desk import take_item
    from infra.review.history import revealed
    from infra.review.judging import submit

    database, rule = engine(), review_params()
    answer = Answer(
        label=label or "",
        attack_id=attack_id,
        reasons=tuple(reason or ()),
        regions=tuple(_region(text) for text in region or ()),
    )
    take_item(database, sample_id, reviewer, rule)
    submit(database, sample_id, reviewer, answer, str(uuid.uuid4()), rule)
    shown = revealed(database, sample_id, reviewer)
    others = [f"{row.reviewer}: {row.label or 'undone'}" for row in shown.revisions]
    score = f"{shown.request.cm_score:.3f} ({shown.request.verdict})"
    _out.print(facts_table({"cm_score": score, "claim": shown.claimed_label, "answers": others}))


def undo(
    reviewer: Reviewer,
    sample_id: Annotated[
        int | None, typer.Argument(help="A sample. Default: your last answer.")
    ] = None,
) -> None:
    """Undo your last answer, or that to one sample; it is yours again for a new one."""
    from flows.places import engine, review_params
    from infra.review import judging

    key = str(uuid.uuid4())
    undone = judging.undo(engine(), reviewer, key, review_params(), sample_id)
    echo(f"{undone.sample_id}: undone")


def cluster(
    name: Annotated[str, typer.Argument(help="A cluster of `antiphon review queue`.")],
    reviewer: Reviewer,
    label: Label = None,
    attack_id: AttackId = None,
) -> None:
    """Answer for the samples of a cluster at once, review.cluster_cap of them at most."""
    from flows.places import engine, review_params
    from infra.review.answers import Answer
    from infra.review.batches import label_cluster

    answer = Answer(label or "", attack_id=attack_id)
    rule, key = review_params(), str(uuid.uuid4())
    samples = label_cluster(engine(), name, reviewer, answer, key, rule)
    echo(f"{len(samples)} samples of {name}: {label} ({', '.join(map(str, samples))})")


def history(sample_id: SampleId) -> None:
    """Print every answer to a sample, and every undoing."""
    from flows.places import engine
    from infra.field_samples import get_sample
    from infra.review import history as past

    database = engine()
    get_sample(database, sample_id)
    table = lines_table("id", "at", "reviewer", "answer", "attack", "seconds", rest="reasons")
    for row in past.history(database, sample_id):
        table.add_row(
            str(row.id),
            f"{row.at:%Y-%m-%d %H:%M}",
            one_line(row.reviewer + (" (expert)" if row.expert else ""), 24),
            row.label or f"undoes {row.undoes}",
            one_line(row.attack_id or "", 16),
            f"{row.seconds:.1f}" if row.seconds is not None else "",
            one_line("; ".join(row.reasons)),
        )
    _out.print(table)


def _region(text: str) -> Region:
    from infra.review.answers import Region
    from models.errors import InputError

    times, _, label = text.partition(":")
    start, _, end = times.partition("-")
    try:
        return Region(float(start), float(end), label)
    except ValueError as error:
        raise InputError(f"--region START-END:LABEL expected, found '{text}'") from error
