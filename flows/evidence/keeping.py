"""Where evidence is kept: in the state folder, among the run's artifacts, and in the audit log."""

from __future__ import annotations

import logging
from pathlib import Path

from flows.evidence.case import Case
from flows.evidence.folder import write_folder
from flows.places import engine
from infra import audit, tracking
from infra.errors import AbsentError, ConflictError, SettingsError, UnreachableError
from infra.settings import settings
from infra.signing import signing_key
from models.errors import InputError
from models.promotion import Decision, Evidence, Verdict

ARTIFACT = "evidence"  # the folder among a run's artifacts, and the tag that names the newest
NOT_KEPT = (UnreachableError, ConflictError, SettingsError, AbsentError, InputError)
log = logging.getLogger("antiphon.cycle")


def keep_evidence(case: Case, evidence: Evidence, verdict: Verdict) -> Path | None:
    """Keep all that a verdict rests on; returns the folder in the state folder.

    No evidence, no promotion, and no shadow: where it cannot be kept, the same error is raised
    again. A rejection moves nothing and stands without; None then, and the log says why. Keeping
    the same once more changes nothing.
    """
    try:
        return _keep(case, evidence, verdict)
    except NOT_KEPT as error:
        if verdict.decision is not Decision.REJECT:
            raise type(error)(
                f"no evidence, no promotion: {error} (the verdict was {verdict.decision.value}: "
                f"{verdict.reason})"
            ) from error
        log.error("run %s is rejected, and its evidence could not be kept: %s", case.run_id, error)
        return None


def _keep(case: Case, evidence: Evidence, verdict: Verdict) -> Path:
    here = settings()
    folder, seal = write_folder(
        here.state_dir / ARTIFACT, case, evidence, verdict, signing_key(here)
    )
    place = f"{ARTIFACT}/{folder.name}"
    tracking.log_artifacts(case.run_id, folder, place)
    tracking.set_tags(case.run_id, {ARTIFACT: place})
    document = {
        "verdict": verdict.decision.value,
        "reason": verdict.reason,
        "run": case.run_id,
        "cycle": case.cycle_id,
        "champion": case.champion.version if case.champion else None,
        "evidence": place,
        "manifest_sha256": seal.manifest_sha256,
    }
    audit.append(engine(), audit.Event.VERDICT, case.actor, document, once=True)
    log.info("evidence: %s", folder / "index.html")
    return folder
