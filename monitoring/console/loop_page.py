"""Loop: is it healthy, what changed, what must a person do."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine
from starlette.responses import Response

from infra import audit, ledger
from infra.access.approvals import waiting_approval
from infra.access.pauses import begin_pause, current_pause, end_pause
from infra.access.scopes import Scope
from infra.audit import Event
from models.errors import InputError
from models.params.tree import Params
from monitoring.audit_report import AuditReport, audit_reports
from monitoring.console import loop_facts
from monitoring.console.attention import Matter, attention
from monitoring.console.errors import Refusal
from monitoring.console.evidence_views import EVIDENCE_VIEWS
from monitoring.console.keeping import forget, kept
from monitoring.console.page import Action, Page, View
from monitoring.console.params import params_of
from monitoring.console.visit import Visit
from monitoring.error_budgets import SetBudget, error_budgets

PATH = "/"
BUDGETS_S = 30.0
LIVE_S = 60.0  # for which live error rates are kept: their intervals take a while


def show(visit: Visit) -> Response:
    """The page."""
    engine, aliases = visit.engine, loop_facts.aliases(visit)
    champion = aliases.champion
    check, labels = loop_facts.last_check(engine), loop_facts.labels(engine)
    pause, approval = current_pause(engine), waiting_approval(engine)
    params, unreadable = _params(visit)
    return visit.page(
        "loop",
        aliases=aliases,
        champion=champion,
        since=loop_facts.champion_since(engine, champion.version) if champion else None,
        answer=loop_facts.last_answer(engine, champion.version) if champion else None,
        check=check,
        labels=labels,
        pause=pause,
        approval=approval,
        history=loop_facts.history(engine),
        rows=loop_facts.recent_rows(engine),
        budgets=_budgets(visit, params),
        live=_live(visit, champion.version) if champion else None,
        attention=[
            *([Matter("bad", f"No cycle can run: {unreadable}")] if unreadable else []),
            *attention(visit.desk.here, aliases, check, labels, pause, approval),
        ],
        **_now(visit, engine),
    )


def _live(visit: Visit, version: int) -> AuditReport | None:
    """What audited labels say of the champion; None: no call was drawn yet."""

    def report() -> AuditReport | None:
        return next(iter(audit_reports(visit.engine, version)), None)

    return kept(visit.desk, ("live errors", version), LIVE_S, report)


def _budgets(visit: Visit, params: Params | None) -> list[SetBudget]:
    """Of the sets that verdicts have used."""
    if params is None:
        return []

    def budgets() -> list[SetBudget]:
        every_set = error_budgets(visit.engine, params.promotion)
        return [budget for budget in every_set if budget.history is not None]

    return kept(visit.desk, "error budgets", BUDGETS_S, budgets)


def _params(visit: Visit) -> tuple[Params | None, str | None]:
    """params.yaml, or why no cycle could read it."""
    try:
        return params_of(visit), None
    except InputError as error:
        return None, str(error)


def show_now(visit: Visit) -> Response:
    """The part that lives: the cycle that runs, its steps, and what waits."""
    return visit.page("loop_now", **_now(visit, visit.engine))


def show_endpoint(visit: Visit) -> Response:
    """What the endpoint answers with; it may take seconds to say nothing."""
    return visit.page("loop_endpoint", answers=visit.desk.powers.endpoint_says())


def _now(visit: Visit, engine: Engine) -> dict[str, Any]:
    running = ledger.running_cycle(engine)
    requests = ledger.requests_of(engine, [running])[running.id] if running else []
    return {
        "running": running,
        "running_requests": requests,
        "steps": visit.desk.powers.steps(running.id) if running else (),
        "waiting": ledger.waiting_requests(engine),
        "lease_s": visit.desk.here.lease_s,
    }


def ask_for_cycle(visit: Visit) -> Response:
    """Request a cycle, and start it where none runs."""
    reason = _reason(visit)
    forced = visit.text("forced") == "yes"
    return visit.back_to(PATH, visit.desk.powers.ask_for_cycle(reason, forced, visit.actor))


def roll_back(visit: Visit) -> Response:
    """Make the previous champion the champion again."""
    sentence = visit.desk.powers.roll_back(visit.actor)
    forget(visit.desk, "aliases")
    return visit.back_to(PATH, sentence)


def pause(visit: Visit) -> Response:
    """Let every winner wait for a person."""
    reason = _reason(visit)
    begin_pause(visit.engine, visit.actor, reason)
    audit.append(visit.engine, Event.PAUSE, visit.actor, {"reason": reason})
    return visit.back_to(PATH, "Automatic promotion is paused: every winner waits for a person.")


def resume(visit: Visit) -> Response:
    """Let promotions be automatic again."""
    end_pause(visit.engine, visit.actor)
    audit.append(visit.engine, Event.RESUMPTION, visit.actor, {})
    return visit.back_to(PATH, "Promotions are automatic again.")


def approve(visit: Visit) -> Response:
    """Promote the winner that waits."""
    sentence = visit.desk.powers.approve(visit.number("version"), visit.actor)
    forget(visit.desk, "aliases")
    return visit.back_to(PATH, sentence)


def decline(visit: Visit) -> Response:
    """Leave the winner that waits unpromoted."""
    sentence = visit.desk.powers.decline(visit.number("version"), visit.actor)
    return visit.back_to(PATH, sentence)


def _reason(visit: Visit) -> str:
    reason = visit.text("reason", longest=500)
    if not reason:
        raise Refusal(400, "reason: a few words expected, they stand in the audit log")
    return reason


LOOP = Page(
    "Loop",
    views=(
        View(PATH, show),
        View("/loop/now", show_now),
        View("/loop/endpoint", show_endpoint),
        *EVIDENCE_VIEWS,
    ),
    actions=(
        Action("/loop/cycle", ask_for_cycle, Scope.ADMIN),
        Action("/loop/rollback", roll_back, Scope.ADMIN),
        Action("/loop/pause", pause, Scope.ADMIN),
        Action("/loop/resume", resume, Scope.ADMIN),
        Action("/loop/approve", approve, Scope.ADMIN),
        Action("/loop/decline", decline, Scope.ADMIN),
    ),
)
