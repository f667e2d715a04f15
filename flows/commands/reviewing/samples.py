"""Samples by their ids: list, listen, accept, reject, erase."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.reviewing.options import AttackId, Label, Reviewer, SampleId, SampleIds
from flows.commands.tables import lines_table, one_line
from flows.screen import Screen, echo

_out = Screen()


def list_samples(
    state: Annotated[
        str | None, typer.Option(help="flagged, quarantined, in review, accepted, …")
    ] = None,
) -> None:
    """List the samples that wait for reviewers, or those in a state."""
    from flows.places import engine
    from infra import field_samples
    from infra.review.sample_states import OPEN, SampleState
    from models.errors import InputError

    if state is not None and state not in set(SampleState):
        raise InputError(f"no state named '{state}'; known: {', '.join(SampleState)}")
    fixed = ("id", "flagged", "request", "claim", "attack", "label", "audio")
    table = lines_table(*fixed, rest="comment")
    for sample in field_samples.list_samples(engine(), SampleState(state) if state else None):
        if state is None and sample.state not in OPEN:
            continue
        table.add_row(
            str(sample.id),
            f"{sample.flagged_at:%Y-%m-%d}",
            one_line(sample.request_id, 8),
            sample.claimed_label or "",
            one_line(sample.claimed_attack_id or "", 16),
            sample.label or "",
            "kept" if sample.audio_key else "none",
            one_line(sample.comment or ""),
        )
    _out.print(table)


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


def accept(
    sample_ids: SampleIds, reviewer: Reviewer, label: Label = None, attack_id: AttackId = None
) -> None:
    """Give samples a reviewer's label; only bonafide and spoof count."""
    from infra.review.sample_states import LABELS, NO_LABELS
    from models.errors import InputError

    words = (*LABELS, *NO_LABELS)
    if label not in words:
        ending = f", found '{label}'" if label else "; the claim is not taken over"
        raise InputError(f"--label {', '.join(words[:-1])} or {words[-1]} expected{ending}")
    _judge(sample_ids, reviewer, label, attack_id)


def reject(sample_ids: SampleIds, reviewer: Reviewer) -> None:
    """Throw samples away as unusable: they count nowhere, whatever was claimed."""
    _judge(sample_ids, reviewer, "unusable", None)


def _judge(sample_ids: list[int], reviewer: str, label: str, attack_id: str | None) -> None:
    from flows.places import engine, review_params
    from infra.field_samples import get_sample
    from infra.review.answers import Answer
    from infra.review.desk import take_item
    from infra.review.judging import submit
    from infra.review.sample_states import OPEN

    database, rule = engine(), review_params()
    for sample_id in sample_ids:
        take_item(database, sample_id, reviewer, rule)
        answer = Answer(label, attack_id=attack_id)
        submit(database, sample_id, reviewer, answer, str(uuid.uuid4()), rule)
        state = get_sample(database, sample_id).state
        is_open = state in OPEN
        echo(f"{sample_id}: {'noted, others are asked' if is_open else f'{state} as {label}'}")


def erase(sample_id: SampleId) -> None:
    """Delete a sample and its audio."""
    from flows.places import engine
    from infra import field_samples
    from infra.review.sample_recordings import audio_hash
    from infra.settings import settings
    from infra.storage import open_store
    from monitoring.console.media.library import FOLDER, discard

    sha256 = audio_hash(engine(), sample_id)
    audio_key = field_samples.erase(engine(), sample_id)
    if audio_key is not None:
        open_store(settings()).delete(audio_key)
    discard(settings().state_dir / FOLDER, sha256)
    echo(f"{sample_id}: erased")
