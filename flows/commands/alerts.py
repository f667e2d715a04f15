"""`antiphon alerts`: what was told to whom, the dead-man's switch, a test of the sinks."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.shared_options import NO, UNREACHABLE, AsJson
from flows.commands.tables import lines_table, one_line
from flows.screen import Screen, complain, echo, print_json

if TYPE_CHECKING:
    from infra.tables import AlertDelivery, AlertRow
    from monitoring.alerts.outbox import Delivered

app = typer.Typer(help="Alerts to people: webhook and e-mail.", no_args_is_help=True)
_out = Screen()


@app.command("list")
def list_alerts(
    limit: Annotated[int, typer.Option(min=1, help="How many of the last.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the last alerts, and what became of each at every sink."""
    from flows.places import engine
    from monitoring.alerts.outbox import recent_alerts

    alerts = recent_alerts(engine(), limit)
    if as_json:
        for alert, deliveries in alerts:
            print_json(_describe(alert, deliveries))
        return
    table = lines_table("happened", "kind", "sinks", rest="alert")
    for alert, deliveries in alerts:
        states = ", ".join(f"{delivery.sink} {delivery.state}" for delivery in deliveries)
        happened = f"{alert.happened_at:%Y-%m-%d %H:%M}"
        table.add_row(happened, alert.kind, one_line(states or "none", 26), one_line(alert.title))
    _out.print(table)
    for alert, deliveries in alerts:
        for delivery in deliveries:
            if delivery.error:
                tries = f"{delivery.attempts} attempts"
                _out.print(f"{one_line(alert.title)}: {delivery.state} after {tries}: "
                           f"{delivery.error}")  # fmt: skip


@app.command("check")
def check() -> None:
    """Raise and send what is due now, as flows do at their end; for a cron job.

    Exit 1: no drift check ran for ANTIPHON_ALERT_SILENCE_H hours. Exit 3: a sink took nothing.
    """
    from flows.alerting import retraining_params
    from flows.places import engine
    from infra.settings import settings
    from monitoring.alerts.events import silence_alerts
    from monitoring.alerts.watch import look

    here = settings()
    result = look(engine(), here, retraining_params())
    for alert in result.new:
        echo(f"{alert.kind}: {alert.title}")
    _report(result.delivered)
    silent = list(silence_alerts(engine(), here.alert_silence_h, datetime.now(UTC)))
    for alert_now in silent:
        echo(f"{alert_now.title}. {alert_now.detail}")
    if silent:
        raise typer.Exit(NO)


@app.command("test")
def test() -> None:
    """Send an alert to every sink of the settings, to see that it arrives. Exit 3: it does not."""
    from flows.actor import person
    from flows.places import engine
    from infra.errors import SettingsError
    from infra.settings import settings
    from monitoring.alerts.alert import Alert, AlertKind
    from monitoring.alerts.outbox import deliver, raise_alerts
    from monitoring.alerts.watch import open_sinks

    sinks = open_sinks(settings())
    if not sinks:
        raise SettingsError(
            "no sink is set: ANTIPHON_ALERT_WEBHOOK_URL or ANTIPHON_ALERT_EMAIL_TO expected"
        )
    key, now = f"alerts.test/{uuid.uuid4()}", datetime.now(UTC)
    alert = Alert(key, AlertKind.TEST, "A test of alerts", f"Sent by {person()}", now)
    raise_alerts(engine(), [alert], sinks)
    _report(deliver(engine(), sinks))


@app.command("retry")
def retry() -> None:
    """Try the deliveries again that were given up, and all that is due."""
    from flows.places import engine
    from infra.settings import settings
    from monitoring.alerts.outbox import deliver, revive
    from monitoring.alerts.watch import open_sinks

    echo(f"{revive(engine())} deliveries are tried again")
    _report(deliver(engine(), open_sinks(settings())))


def _report(delivered: Delivered) -> None:
    echo(f"{delivered.sent} sent")
    if delivered.failures:
        complain(f"antiphon: not delivered, tried again later: {'; '.join(delivered.failures)}")
        raise typer.Exit(UNREACHABLE)


def _describe(alert: AlertRow, deliveries: list[AlertDelivery]) -> dict[str, Any]:
    return {
        "id": alert.id,
        "kind": alert.kind,
        "severity": alert.severity,
        "title": alert.title,
        "detail": alert.detail,
        "happened_at": alert.happened_at.isoformat(),
        "deliveries": [
            {
                "sink": delivery.sink,
                "state": delivery.state,
                "attempts": delivery.attempts,
                "error": delivery.error,
            }
            for delivery in deliveries
        ],
    }
