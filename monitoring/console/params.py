"""params.yaml as it is now."""

from __future__ import annotations

from models.params.tree import Params, read_params
from monitoring.console.keeping import kept
from monitoring.console.visit import Visit

KEPT_S = 30.0


def params_of(visit: Visit) -> Params:
    """All of params.yaml; raises InputError where it cannot be read."""
    path = visit.desk.here.params_file
    return kept(visit.desk, "params", KEPT_S, lambda: read_params(path))
