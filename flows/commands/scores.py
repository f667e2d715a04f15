"""`antiphon metrics` and `antiphon compare`: evaluate score files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.shared_options import AsJson, Keys, ParamsFile
from flows.commands.tables import figures_table
from flows.screen import Screen, echo, print_json, styled

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from models.evaluation.costs import Cost, Costs
    from models.evaluation.report import Report
    from models.params.tree import Params
    from models.promotion import Comparison, Verdict

# headings of the measures in a table; those with % are printed in percent
_HEADINGS = {
    "eer": "EER %",
    "min_dcf": "min DCF",
    "act_dcf": "act DCF",
    "cllr": "Cllr",
    "auc": "AUC %",
    "min_tdcf": "min t-DCF 2019",
    "min_tdcf_2021": "min t-DCF 2021",
    "accuracy": "accuracy %",
    "precision": "precision %",
    "recall": "recall %",
    "f1": "F1 %",
}
_COLOURS = {"promote": "green", "reject": "red", "shadow": "yellow"}  # of a decision
_FINDINGS = {
    "holds": ("holds", ""), "fails": ("veto", "red"), "undecided": ("too small", ""),
    "absent": ("–", ""),
}  # the word for a finding, and its style  # fmt: skip
_BY_ATTACK = ("eer", "min_dcf", "min_tdcf", "auc", "recall")  # the measures in the row of an attack


def metrics(
    scores: Annotated[Path, typer.Option(help="Score file: text, CSV or Parquet.")],
    keys: Keys = None,
    asv_scores: Annotated[
        Path | None, typer.Option(help="Speaker verification scores, for min t-DCF.")
    ] = None,
    params: ParamsFile = None,
    as_json: AsJson = False,
) -> None:
    """Print every metric of one score file, pooled and per attack."""
    from models.evaluation.asv import read_asv_scores
    from models.evaluation.report import build_report
    from models.evaluation.scores import read_scores

    asv = read_asv_scores(asv_scores) if asv_scores else None
    evaluation = params_here(params).evaluation
    report = build_report(read_scores(scores, keys), evaluation, asv=asv)
    warn(report.warnings)
    if as_json:
        print_json(report.to_json())
    else:
        print_report(report)


def compare(
    champion: Annotated[Path, typer.Option(help="Score file of the champion.")],
    candidate: Annotated[
        Path, typer.Option(help="Score file of the candidate, with the same trials.")
    ],
    keys: Keys = None,
    params: ParamsFile = None,
    as_json: AsJson = False,
) -> None:
    """Judge two score files by the gate. Exit 1: the candidate is not promoted."""
    from models.evaluation.scores import read_scores
    from models.promotion import Evidence, judge

    evidence = Evidence.of_scores(read_scores(champion, keys), read_scores(candidate, keys))
    verdict = judge(evidence, params_here(params).promotion)
    warn(verdict.warnings)
    if as_json:
        print_json(verdict.to_json())
    else:
        print_verdict(verdict)
    if not verdict.promote:
        raise typer.Exit(1)


def print_report(report: Report) -> None:
    """Print every pooled measure, and a table with a row for each attack."""
    measures = report.pooled.measures
    pooled = figures_table("pooled", figures=("",))
    for name, value in measures.items():
        if value is not None:
            pooled.add_row(_HEADINGS.get(name, name), _printed(name, value))
    counts = report.pooled.confusion
    chosen = [name for name in _BY_ATTACK if measures[name] is not None]
    attacks = figures_table("attack", figures=(*(_HEADINGS[name] for name in chosen), "spoofs"))
    for attack, figures in report.by_attack.items():
        cells = (_printed(name, figures.measures[name]) for name in chosen)
        attacks.add_row(attack, *cells, f"{figures.spoofs:,}")
    _show(
        f"{report.bonafide:,} bona fide trials, {report.spoof:,} spoofs",
        pooled,
        f"at threshold {report.threshold:.6g}: {counts.spoof_as_spoof:,} spoofs caught, "
        f"{counts.spoof_as_bonafide:,} accepted; {counts.bonafide_as_bonafide:,} bona fide "
        f"accepted, {counts.bonafide_as_spoof:,} rejected",
        attacks,
    )


def print_verdict(verdict: Verdict) -> None:
    """Print the verdict, a table with a row for each attack, and the other checks."""
    findings = {check.name: check.finding for check in verdict.checks if check.kind == "attack"}
    headings = ("champion", "candidate", "difference", "interval", "no worse")
    table = figures_table("attack", figures=headings)
    table.caption = "EER in percent; differences in points, below zero is better"
    for attack, comparison in verdict.by_attack.items():
        cells = _comparison_cells(comparison)
        table.add_row(attack, *cells, styled(_FINDINGS[findings[attack]]))
    _show(
        styled((verdict.decision, _COLOURS[verdict.decision]), f": {verdict.reason}"),
        *([costs_told(verdict.costs)] if verdict.costs else []),
        *([table] if verdict.by_attack else []),
        *_other_checks(verdict),
    )


def _other_checks(verdict: Verdict) -> list[Text]:
    """A line for each check except those of attacks, and one for the checks without trials."""
    others = [check for check in verdict.checks if check.kind != "attack"]
    present = [check for check in others if check.finding != "absent"]
    absent = dict.fromkeys(check.kind for check in others if check not in present)
    lines = [styled(_FINDINGS[check.finding], f": {check.sentence}") for check in present]
    return [*lines, *([styled(f"not checked: {', '.join(absent)}")] if absent else [])]


def costs_told(costs: Costs, beside: str = "champion") -> str:
    """Latency and size of a candidate, and of the detector it is compared with."""

    def told(cost: Cost) -> str:
        memory = f", {cost.memory_bytes / 1e6:.0f} MB in memory" if cost.memory_bytes else ""
        return f"{cost.latency_ms:.0f} ms a window, {cost.bytes / 1e6:.2f} MB{memory}"

    other = f" ({beside}: {told(costs.champion)})" if costs.champion else ""
    return f"{told(costs.candidate)}{other}"


def params_here(path: Path | None = None) -> Params:
    """The params of a file, else of the settings' file or params.yaml here, else the defaults."""
    from infra.settings import settings
    from models.params.tree import Params, read_params

    here = settings()
    chosen = path or here.params_file
    if path is None and "params_file" not in here.model_fields_set and not chosen.is_file():
        return Params()
    return read_params(chosen)


def warn(warnings: tuple[str, ...]) -> None:
    """Print warnings about the figures on stderr."""
    for warning in warnings:
        echo(f"warning: {warning}", err=True)


def _printed(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{100 * value:.2f}" if _HEADINGS.get(name, name).endswith("%") else f"{value:.4f}"


def _comparison_cells(comparison: Comparison) -> list[str]:
    low, high = comparison.interval
    return [
        f"{100 * comparison.eer_champion:.2f}",
        f"{100 * comparison.eer_candidate:.2f}",
        f"{100 * comparison.difference:+.2f}",
        f"{100 * low:+.2f} to {100 * high:+.2f}",
    ]


def _show(*parts: str | Text | Table) -> None:
    from rich.table import Table

    console = Screen()
    for part in parts:
        console.print(part, soft_wrap=not isinstance(part, Table))
