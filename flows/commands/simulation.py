"""`antiphon simulate-gate`: error rates of gate and shadow on simulated pairs of detectors."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.scores import params_here
from flows.commands.shared_options import AsJson, ParamsFile
from flows.screen import Screen, echo_lines, print_json

if TYPE_CHECKING:
    from models.params.promotion import PromotionParams
    from models.promotion.simulation import Rate, ShadowResult, TruthResult


def simulate_gate(
    pairs: Annotated[int, typer.Option(min=1, help="Pairs for each kind of candidate.")] = 200,
    labels: Annotated[
        int, typer.Option(min=0, help="Maximum of reviewed calls on which a pair disagrees.")
    ] = 1000,
    resamples: Annotated[
        int, typer.Option(min=100, max=1_000_000, help="Resamples of the bootstrap.")
    ] = 1000,
    shadows: Annotated[
        int, typer.Option(min=1, help="Shadows for each kind of candidate and traffic.")
    ] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the pairs.")] = 2026,
    params: ParamsFile = None,
    as_json: AsJson = False,
) -> None:
    """Print the share of simulated candidates that a naive, a strict and this gate promote.

    And below it the share that is promoted from shadow, by the kind of traffic.
    """
    rules = replace(params_here(params).promotion, resamples=resamples)
    outcomes, in_shadow = _simulated(rules, pairs, shadows, labels, seed)
    if not as_json:
        echo_lines(f"{_table(outcomes)}\n\n{_shadow_table(in_shadow)}")
        return
    document: dict[str, Any] = {
        "pairs": pairs,
        "labels": labels,
        "seed": seed,
        "promotion": asdict(rules),
    }
    document["truths"] = [_document(outcome) for outcome in outcomes]
    document["shadows"] = [_shadow_document(result) for result in in_shadow]
    print_json(document)


def _simulated(
    rules: PromotionParams, pairs: int, shadows: int, labels: int, seed: int
) -> tuple[list[TruthResult], list[ShadowResult]]:
    """Both simulations, with progress on stderr."""
    from rich.progress import Progress

    from models.promotion.simulated_pairs import TRUTHS
    from models.promotion.simulation import simulate, simulate_shadows, traffic_cases

    with Progress(console=Screen(stderr=True), transient=True) as progress:
        task = progress.add_task("pairs", total=pairs * len(TRUTHS))
        outcomes = simulate(rules, pairs, labels, seed, on_pair=lambda: progress.advance(task))
        task = progress.add_task("shadows", total=shadows * len(traffic_cases()))
        in_shadow = simulate_shadows(rules, shadows, labels, seed, lambda: progress.advance(task))
    return outcomes, in_shadow


def _document(outcome: TruthResult) -> dict[str, Any]:
    return {
        "truth": outcome.truth.name,
        "eer_falls_by": outcome.truth.gain,
        "promoted": {gate: _rate(rate) for gate, rate in outcome.promoted.items()},
    }


def _shadow_document(result: ShadowResult) -> dict[str, Any]:
    return {
        "traffic": result.traffic.name,
        "challenger": result.challenger,
        "promoted": _rate(result.promoted),
        "dropped": _rate(result.dropped),
    }


def _rate(rate: Rate) -> dict[str, Any]:
    return {"count": rate.count, "share": rate.share, "interval": list(rate.interval)}


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
    return _markdown(heads, rows)


def _shadow_table(results: list[ShadowResult]) -> str:
    """A row for each traffic, a column for each challenger."""
    rows: dict[str, list[str]] = {}
    for result in results:
        rows.setdefault(result.traffic.name, []).append(_cell(result.promoted))
    heads = dict.fromkeys(result.challenger for result in results)
    return _markdown(["traffic", *heads], [[name, *cells] for name, cells in rows.items()])


def _markdown(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(rate: Rate) -> str:
    low, high = rate.interval
    return f"{100 * rate.share:.1f} ({100 * low:.1f}–{100 * high:.1f})"
