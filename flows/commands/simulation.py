"""`antiphon simulate-gate`: error rates of the gate on simulated pairs of detectors."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.scores import params_here
from flows.commands.shared_options import AsJson, ParamsFile
from flows.screen import Screen, echo_lines, print_json

if TYPE_CHECKING:
    from models.promotion.simulation import Rate, TruthResult


def simulate_gate(
    pairs: Annotated[int, typer.Option(min=1, help="Pairs for each kind of candidate.")] = 200,
    labels: Annotated[
        int, typer.Option(min=0, help="Maximum of reviewed calls on which a pair disagrees.")
    ] = 1000,
    resamples: Annotated[
        int,
        typer.Option(
            min=100,
            max=1_000_000,
            help="Resamples of the bootstrap. Default: 1000.",
        ),
    ] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the pairs.")] = 2026,
    params: ParamsFile = None,
    as_json: AsJson = False,
) -> None:
    """Print the share of simulated candidates that a naive, a strict and this gate promote."""
    from rich.progress import Progress

    from models.promotion.simulated_pairs import TRUTHS
    from models.promotion.simulation import simulate

    rules = replace(params_here(params).promotion, resamples=resamples)
    with Progress(console=Screen(stderr=True), transient=True) as progress:
        task = progress.add_task("pairs", total=pairs * len(TRUTHS))
        outcomes = simulate(rules, pairs, labels, seed, on_pair=lambda: progress.advance(task))
    if as_json:
        document = {
            "pairs": pairs,
            "labels": labels,
            "seed": seed,
            "promotion": asdict(rules),
            "truths": [_document(outcome) for outcome in outcomes],
        }
        print_json(document)
    else:
        echo_lines(_table(outcomes))


def _document(outcome: TruthResult) -> dict[str, Any]:
    return {
        "truth": outcome.truth.name,
        "eer_falls_by": outcome.truth.gain,
        "promoted": {
            gate: {"count": rate.count, "share": rate.share, "interval": list(rate.interval)}
            for gate, rate in outcome.promoted.items()
        },
    }


def _table(outcomes: list[TruthResult]) -> str:
    """A Markdown table as in docs/gate.md: percent with the interval."""
    heads = ["the candidate is", "its EER", *outcomes[0].promoted]
    rows = [
        [
            outcome.truth.name,
            f"{0.0 - 100 * outcome.truth.gain:+.2f}",
            *(_cell(rate) for rate in outcome.promoted.values()),
        ]
        for outcome in outcomes
    ]
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(rate: Rate) -> str:
    low, high = rate.interval
    return f"{100 * rate.share:.1f} ({100 * low:.1f}–{100 * high:.1f})"
