"""`antiphon review`: listen to flagged calls, then accept them with a label or reject them."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(help="Review flagged requests.", no_args_is_help=True)

SampleId = Annotated[int, typer.Argument(help="The id in `antiphon review list`.")]
Reviewer = Annotated[
    str, typer.Option(help="The reviewer's name.", default_factory=getpass.getuser)
]
_out = Console()


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
    table = Table("id", "request", "flagged", "claim", "attack", "audio", "comment")
    for sample in list_samples(engine(), SampleState(state)):
        table.add_row(
            str(sample.id),
            sample.request_id,
            f"{sample.flagged_at:%Y-%m-%d %H:%M}",
            sample.claimed_label,
            sample.claimed_attack_id or "",
            "kept" if sample.audio_key else "not kept",
            sample.comment or "",
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
    sample_ids: Annotated[list[int], typer.Argument(help="Ids from `review list`.")],
    reviewer: Reviewer,
    label: Annotated[
        str | None, typer.Option(help="bonafide or spoof. Default: the claim.")
    ] = None,
    attack_id: Annotated[str | None, typer.Option(help="The attack, if known.")] = None,
) -> None:
    """Accept samples for the next dataset version."""
    from flows.places import engine
    from infra import field_samples

    database = engine()
    for sample_id in sample_ids:
        sample = field_samples.get_sample(database, sample_id)
        if sample.state == field_samples.SampleState.FLAGGED:
            field_samples.start_review(database, sample_id, reviewer)
        decided = label or sample.claimed_label
        attack = attack_id or (sample.claimed_attack_id if decided == "spoof" else None)
        field_samples.accept(database, sample_id, reviewer, decided, attack)
        typer.echo(f"{sample_id}: accepted as {decided}")


@app.command("reject")
def reject(
    sample_ids: Annotated[list[int], typer.Argument(help="Ids from `review list`.")],
    reviewer: Reviewer,
) -> None:
    """Reject samples: they enter no dataset."""
    from flows.places import engine
    from infra import field_samples

    database = engine()
    for sample_id in sample_ids:
        if field_samples.get_sample(database, sample_id).state == "flagged":
            field_samples.start_review(database, sample_id, reviewer)
        field_samples.reject(database, sample_id, reviewer)
        typer.echo(f"{sample_id}: rejected")


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
    typer.echo(f"{sample_id}: erased")
