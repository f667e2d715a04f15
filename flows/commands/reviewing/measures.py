"""What the review measures, and what it keeps from training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.reviewing.options import SampleId
from flows.commands.tables import figures_table, lines_table, one_line
from flows.screen import Screen, echo

if TYPE_CHECKING:
    from models.evaluation.live_rates import LiveRate

_out = Screen()


def audit(
    version: Annotated[int | None, typer.Option(help="A version. Default: each.")] = None,
) -> None:
    """Print live error rates of each version, from calls that were drawn at random."""
    from flows.places import engine
    from monitoring.audit_report import audit_reports

    reports = audit_reports(engine(), version)
    if not reports:
        echo("the audit has drawn no call yet (review.audit_share; each monitoring check draws)")
        return
    table = figures_table("version", figures=("EER %", "misses %", "false alarms %", "labelled"))
    for report in reports:
        rates = report.rates
        cells = (_cell(rates.eer), _cell(rates.miss), _cell(rates.false_alarm))
        table.add_row(str(report.version), *cells, str(report.labelled))
    _out.print(table)
    for report in reports:
        echo(f"version {report.version}: {report.sentence}")


def held() -> None:
    """List accepted samples that may not train, and why."""
    from flows.places import engine
    from infra.field_samples import list_samples
    from infra.review.sample_states import SampleState

    table = lines_table("id", "label", "reviewer", rest="held because")
    for sample in list_samples(engine(), SampleState.ACCEPTED):
        if sample.held:
            table.add_row(
                str(sample.id),
                sample.label or "",
                one_line(sample.reviewer or "", 16),
                one_line(sample.held),
            )
    _out.print(table)


def clear(sample_id: SampleId) -> None:
    """Let a held sample train; it is not held again."""
    from flows.places import engine
    from infra.review.holding import clear_sample

    clear_sample(engine(), sample_id)
    echo(f"{sample_id}: may train")


def _cell(rate: LiveRate | None) -> str:
    if rate is None:
        return "–"
    return f"{100 * rate.value:.2f} [{100 * rate.low:.2f}, {100 * rate.high:.2f}]"
