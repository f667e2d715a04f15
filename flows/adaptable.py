"""Which champions a fast cycle can adapt, and which requests are for one."""

from __future__ import annotations

from collections.abc import Set

from flows.cycle import Champion
from flows.places import fetch_champion
from infra.ledger import Trigger
from models.errors import InputError
from models.files.manifest import GRAPH, read_manifest
from models.packaging.last_layer import lacks_last_layer, read_backbone
from models.params.retraining import RetrainingParams

TRIGGERS: tuple[Trigger, ...] = ("labels",)  # what a fast cycle takes; others wait for a full one


def why_not_adaptable(champion: Champion | None) -> str | None:
    """Why there is no last layer to refit, in a sentence; None where there is one."""
    if champion is None:
        return "there is no champion yet: `antiphon retrain` trains the first"
    manifest = read_manifest(champion.folder)
    if GRAPH not in manifest.files or read_backbone(champion.folder) is None:
        reason = lacks_last_layer(manifest)
        return f"version {champion.version} cannot be adapted: {reason}; `antiphon retrain` trains"
    return None


def is_fast(triggers: Set[str], champion: Champion | None, params: RetrainingParams) -> bool:
    """Whether requests by these triggers are for a fast cycle, which this champion allows."""
    return params.fast and triggers <= set(TRIGGERS) and why_not_adaptable(champion) is None


def require_adaptable() -> None:
    """Raise InputError, before a request is taken, where there is no champion with a last layer."""
    reason = why_not_adaptable(fetch_champion())
    if reason is not None:
        raise InputError(reason)
