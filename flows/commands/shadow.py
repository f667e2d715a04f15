"""`antiphon shadow`: the state of the version in shadow; `--check` runs the watch once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from flows.commands.shared_options import AsJson
from flows.screen import Screen, print_model

if TYPE_CHECKING:
    from flows.rollout.challenger_state import ShadowState

_out = Screen()


def shadow(
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Flag disagreements, test the new labels, and act on the result."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print the version in shadow, the reviewed labels so far, and the days left."""
    from flows.servers.embedded_prefect import use_prefect

    if check:
        use_prefect()
    from flows.places import engine
    from flows.rollout.challenger_state import describe
    from infra import registry

    if check:
        from flows.shadow import shadow_watch

        state = shadow_watch()
    else:
        state = describe(engine(), registry.challenger())
    if as_json:
        print_model(state)
        return
    _print(state)


def _print(state: ShadowState) -> None:
    _out.print(state.sentence)
    if state.state != "in shadow" or state.agreed is None:
        return
    table = Table(show_header=False)
    for name, value in (
        ("challenger", f"version {state.version}"),
        ("compared with", f"version {state.champion}"),
        ("days left", f"{state.days_left:.1f}"),
        ("e-value", f"{state.e_value:.3g} (promotes at {state.needed:.3g})"),
        ("labels that count", f"{state.labels}, in {state.observations} groups of both classes"),
        ("waiting for reviewers", f"{state.waiting} recordings; antiphon review list"),
        ("both say bonafide", str(state.agreed["bonafide"])),
        ("both say spoof", str(state.agreed["spoof"])),
    ):
        table.add_row(name, value)
    _out.print(table)
