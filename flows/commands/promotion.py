"""`antiphon approve`, `pause` and `resume`: what a person decides about promotions."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.shared_options import NO, UNREACHABLE
from flows.screen import echo


def approve(
    version: Annotated[
        int | None, typer.Argument(min=1, help="The version; default: the one that waits.")
    ] = None,
    decline: Annotated[
        bool, typer.Option("--decline", help="Leave it unpromoted instead.")
    ] = False,
) -> None:
    """Promote the winner that waits for a person.

    Exit 1: the endpoint refuses it. Exit 2: none waits, or the champion is another one than it was
    compared with. Exit 3: the endpoint did not confirm it.
    """
    from flows.actor import person
    from flows.rollout import approval
    from flows.rollout.rollout import RolloutState

    if decline:
        declined = approval.decline(version, person())
        echo(f"version {declined} stays registered and is not promoted")
        return
    rollout = approval.approve(version, person())
    echo(rollout.sentence)
    if not rollout.stands:
        raise typer.Exit(NO if rollout.state is RolloutState.REFUSED else UNREACHABLE)


def pause(
    reason: Annotated[str, typer.Argument(help="Why, for those who find it paused.")],
) -> None:
    """Pause automatic promotion: until `antiphon resume`, every winner waits for a person."""
    from flows.actor import person
    from flows.places import engine
    from infra.access.pauses import begin_pause
    from infra.audit import Event, append

    begin_pause(engine(), person(), reason)
    append(engine(), Event.PAUSE, person(), {"reason": reason})
    echo("automatic promotion is paused; `antiphon resume` ends it")


def resume() -> None:
    """Let promotions be automatic again."""
    from flows.actor import person
    from flows.places import engine
    from infra.access.pauses import end_pause
    from infra.audit import Event, append

    end_pause(engine(), person())
    append(engine(), Event.RESUMPTION, person(), {})
    echo("promotions are automatic again")
