"""The rule of the review, as params.yaml has it now."""

from __future__ import annotations

from models.params.retraining import ReviewParams
from models.params.tree import read_params
from monitoring.console.keeping import kept
from monitoring.console.visit import Visit

KEPT_S = 30.0


def rule_of(visit: Visit) -> ReviewParams:
    """`review` of params.yaml; raises InputError where it cannot be read."""
    path = visit.desk.here.params_file
    return kept(visit.desk, "params", KEPT_S, lambda: read_params(path)).review
