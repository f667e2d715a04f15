"""What happens to versions of the registry, as rows of the audit log."""

from __future__ import annotations

from pathlib import Path

from flows.places import engine
from infra import audit
from infra.audit import Event
from infra.model_versions import ModelVersion
from models.manifest import MANIFEST, file_hash


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
