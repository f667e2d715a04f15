"""What happens to versions of the registry, as rows of the audit log."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from flows.actor import person
from flows.places import engine
from infra import audit, registry
from infra.audit import Event
from infra.errors import ConflictError, SettingsError, UnreachableError
from infra.model_versions import ModelVersion
from infra.swaps import swaps
from models.files.manifest import MANIFEST, file_hash

log = logging.getLogger("antiphon.audit")

SETTLE_S = 2.0  # between two looks at the alias: whoever moves it writes the row a moment later


def registered(version: ModelVersion, folder: Path, actor: str) -> None:
    """A detector folder became a version; once for each version."""
    document = {
        "version": version.version,
        "run": version.run_id,
        "manifest_sha256": file_hash(folder / MANIFEST),
    }
    audit.append(engine(), Event.REGISTRATION, actor, document, once=True)


def promoted(version: int, champion: int | None, actor: str) -> None:
    """The alias moved from `champion` to `version`."""
    document = {"version": version, "champion_before": champion}
    audit.append(engine(), Event.PROMOTION, actor, document)


def rolled_out(version: int, sentence: str, actor: str) -> None:
    """The endpoint answers with a version, or none runs."""
    audit.append(engine(), Event.ROLL_OUT, actor, {"version": version, "endpoint": sentence})


def refused(version: int, champion: int | None, sentence: str, actor: str) -> None:
    """The endpoint did not take a version; `champion` is the champion again, if there was one."""
    document = {"version": version, "champion_again": champion, "endpoint": sentence}
    audit.append(engine(), Event.REFUSAL, actor, document)


def shadow_started(version: int, champion: int, sentence: str, actor: str) -> None:
    """A version runs in shadow of the champion that it was compared with."""
    document = {"version": version, "champion": champion, "terms": sentence}
    audit.append(engine(), Event.SHADOW_START, actor, document)


def shadow_ended(version: int, verdict: str, reason: str, actor: str) -> None:
    """A version runs in shadow no more: it was promoted or dropped."""
    document = {"version": version, "verdict": verdict, "reason": reason}
    audit.append(engine(), Event.SHADOW_END, actor, document, once=True)


def rolled_back(version: int, champion: int | None, actor: str) -> None:
    """A person made `version` the champion again in the place of `champion`."""
    document = {"version": version, "champion_before": champion}
    audit.append(engine(), Event.ROLLBACK, actor, document)


def approval_wanted(version: int, champion: int | None, why: str, actor: str) -> None:
    """A winner waits for a person."""
    document = {"version": version, "champion": champion, "why": why}
    audit.append(engine(), Event.APPROVAL_WANTED, actor, document)


def approved(version: int, champion: int | None, actor: str) -> None:
    """A person promotes a winner in the place of `champion`."""
    audit.append(engine(), Event.APPROVAL, actor, {"version": version, "champion": champion})


def declined(version: int, champion: int | None, actor: str) -> None:
    """A person leaves a winner unpromoted."""
    audit.append(engine(), Event.DECLINE, actor, {"version": version, "champion": champion})


def look_for_foreign_moves() -> None:
    """Write a row where the alias points elsewhere than the log's last row about it says.

    By whom it was moved is not known: past antiphon, as anybody may in MLflow's page, or by an
    antiphon that was killed before it wrote its row. The row's actor is who found it. Where the log
    was never told of a champion, nothing is foreign; what cannot be written now is found again by
    the next look.
    """
    if not _foreign_move():
        return
    time.sleep(SETTLE_S)
    move = _foreign_move()
    if not move:
        return
    log.warning("the alias champion was moved, and the audit log has no row of it: %s", move)
    try:
        audit.append(engine(), Event.ALIAS_MOVED, person(), move)
    except (ConflictError, SettingsError, UnreachableError) as error:
        log.warning("the audit log has no row for it yet: %s", error)


def _foreign_move() -> dict[str, int | None]:
    """Whom the alias points at and whom the log names; empty where that is the same."""
    recorded = next((swap.version for swap in swaps(engine()) if swap.version), None)
    champion = registry.champion()
    current = champion.version if champion else None
    return {} if recorded in (None, current) else {"version": current, "champion_before": recorded}
