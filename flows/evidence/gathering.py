"""The case of a cycle's candidate, and that of a detector folder in hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.actor import person
from flows.candidate.evaluate import REPORT
from flows.cycle import Candidate, Champion
from flows.evidence.case import AnsweredRequest, Case, Contestant, revisions
from infra import registry
from infra.ledger import RunningCycle
from infra.settings import settings
from models.params.promotion import PromotionParams

if TYPE_CHECKING:
    from models.params.tree import Params


def case_of_cycle(
    cycle: RunningCycle, candidate: Candidate, champion: Champion | None, rules: PromotionParams
) -> Case:
    """What a cycle puts before the gate; raises UnreachableError where the registry is away."""
    workspace = candidate.pipeline.parent
    return Case(
        run_id=candidate.run_id,
        candidate=Contestant.of(candidate.pipeline / "detector", run_id=candidate.run_id),
        champion=_champion(champion),
        dataset=candidate.dataset,
        requests=tuple(
            AnsweredRequest(request.trigger, request.reason, request.requested_at.isoformat())
            for request in cycle.requests
        ),
        began=cycle.started_at.isoformat(),
        actor=cycle.actor,
        cycle_id=cycle.id,
        revisions=revisions(*(workspace / name for name in ("params.yaml", "dvc.lock"))),
        rules=asdict(rules),
        report=_report(candidate.pipeline / "evaluation" / REPORT),
    )


def case_of_folder(
    champion: Champion | None,
    *,
    folder: Path,
    run_id: str,
    named: Path,
    trials: str,
    params: Params,
    began: datetime,
) -> Case:
    """What `antiphon register` puts before the gate: `folder`, made ready from the one `named`."""
    actor = person()
    request = AnsweredRequest("register", f"{named.absolute()}, by {actor}", began.isoformat())
    return Case(
        run_id=run_id,
        candidate=Contestant.of(folder, run_id=run_id),
        champion=_champion(champion),
        dataset=trials,
        requests=(request,),
        began=began.isoformat(),
        actor=actor,
        revisions=revisions(settings().params_file),
        rules=asdict(params.promotion),
        report=_report(folder / REPORT),
    )


def _champion(champion: Champion | None) -> Contestant | None:
    if champion is None:
        return None
    run_id = registry.version(champion.version).run_id
    return Contestant.of(champion.folder, champion.version, run_id)


def _report(path: Path) -> Mapping[str, Any]:
    report: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return report
