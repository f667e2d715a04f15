"""`antiphon review`: listen to flagged calls, then give them a label or reject them."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.tables import lines_table, one_line
from flows.screen import Screen, echo

app = typer.Typer(help="Review flagged requests.", no_args_is_help=True)

SampleIds = Annotated[list[int], typer.Argument(help="Ids from `antiphon review list`.")]
SampleId = Annotated[int, typer.Argument(help="The id in `antiphon review list`.")]
Reviewer = Annotated[
    str, typer.Option(help="The reviewer's name.", default_factory=getpass.getuser)
]
_out = Screen()


@app.command("list")
def list_flags(
    state: Annotated[str, typer.Option(help="flagged, in review, accepted, …")] = "flagged",
) -> None:
    """List the samples in a state."""
    from flows.places import engine
    from infra.field_samples import SampleState, list_samples
    from models.errors import InputError

    if state not in set(SampleState):
        raise InputError(f"no state named '{state}'; known: {', '.join(SampleState)}")
    fixed = ("id", "flagged", "request", "claim", "attack", "label", "audio")
    table = lines_table(*fixed, rest="comment")
    for sample in list_samples(engine(), SampleState(state)):
        table.add_row(
            str(sample.id),
            f"{sample.flagged_at:%Y-%m-%d}",
            one_line(sample.request_id, 8),
            sample.claimed_label,
            one_line(sample.claimed_attack_id or "", 16),
            sample.label or "",
            "kept" if sample.audio_key else "none",
            one_line(sample.comment or ""),
        )
    _out.print(table)


@app.command("listen")
def listen(
    sample_id: SampleId,
    out: Annotated[Path, typer.Option(help="The audio file to write.")],
) -> None:
    """Write the audio of a sample to a file."""
    from flows.places import engine
    from infra.field_samples import get_sample
    from infra.settings import settings
    from infra.storage import open_store
    from models.errors import InputError

    sample = get_sample(engine(), sample_id)
    if sample.audio_key is None:
        raise InputError(f"field sample {sample_id}: its audio was not kept")
    out.write_bytes(open_store(settings()).get(sample.audio_key))


@app.command("accept")
def accept(
    sample_ids: SampleIds,
    reviewer: Reviewer,
    label: Annotated[
        str | None, typer.Option(help="What it is: bonafide, spoof, unusable or unsure.")
    ] = None,
    attack_id: Annotated[str | None, typer.Option(help="The attack of a spoof, if known.")] = None,
) -> None:
    """Give samples a reviewer's label; only bonafide and spoof count."""
    from infra.field_samples import LABELS, NO_LABELS
    from models.errors import InputError

    words = (*LABELS, *NO_LABELS)
    if label not in words:
        ending = f", found '{label}'" if label else "; the claim is not taken over"
        raise InputError(f"--label {', '.join(words[:-1])} or {words[-1]} expected{ending}")
    _judge(sample_ids, reviewer, label, attack_id)


@app.command("reject")
def reject(sample_ids: SampleIds, reviewer: Reviewer) -> None:
    """Throw samples away as unusable: they count nowhere, whatever was claimed."""
    _judge(sample_ids, reviewer, "unusable", None)


def _judge(sample_ids: list[int], reviewer: str, label: str, attack_id: str | None) -> None:
    from flows.places import engine
    from infra import field_samples

    database = engine()
    for sample_id in sample_ids:
        sample = field_samples.get_sample(database, sample_id)
        if sample.state == field_samples.SampleState.FLAGGED:
            field_samples.start_review(database, sample_id, reviewer)
        judged = field_samples.judge(database, sample_id, reviewer, label, attack_id)
        echo(f"{sample_id}: {judged.state} as {label}")


@app.command("erase")
def erase(sample_id: SampleId) -> None:
    """Delete a sample and its audio."""
    from flows.places import engine
    from infra import field_samples
    from infra.settings import settings
    from infra.storage import open_store

    audio_key = field_samples.erase(engine(), sample_id)
    if audio_key is not None:
        open_store(settings()).delete(audio_key)
    echo(f"{sample_id}: erased")
