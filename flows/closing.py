"""A cycle is closed in the ledger with what came of it."""

from __future__ import annotations

import logging
from typing import cast

from flows.cycle import CycleOutcome
from flows.places import engine
from infra import ledger
from infra.ledger import RunningCycle

log = logging.getLogger("antiphon.cycle")


def close(cycle: RunningCycle, outcome: CycleOutcome) -> CycleOutcome:
    """Write in the ledger what became of a cycle, and say it."""
    summary = outcome.model_dump(mode="json")
    ledger.finish(engine(), cycle, cast("ledger.Outcome", outcome.outcome), summary)
    log.info("cycle %s: %s, %s", cycle.id, outcome.outcome, outcome.reason)
    return outcome
