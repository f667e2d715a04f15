"""The evidence folder: all that a verdict rests on, readable without a server, signed.

FOLDER/
  index.html                        the page: start here
  model-card.md
  verdict.json  case.json           the answer; who asked, what was compared, revisions, rules
  report.json                       the candidate's evaluation report
  scores/SET.candidate.csv.gz       and SET.champion.csv.gz: every score of every set
  scores/SET.slices.json            slice -> rows of the candidate's scores, where a set has any
  evidence.json                     what else the verdict was made from: calibrations, costs …
  manifest.json  signature          the seal
"""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flows.evidence.case import Case
from flows.evidence.facts import sides_of
from flows.evidence.page import write_page
from flows.evidence.sealing import Seal, seal
from infra.errors import UnreachableError
from infra.signing import SigningKey
from models.evaluation.scores import write_scores
from models.files.whole_files import scratch_beside, write_json
from models.promotion import Evidence, Verdict


def write_folder(
    parent: Path, case: Case, evidence: Evidence, verdict: Verdict, key: SigningKey
) -> tuple[Path, Seal]:
    """Write the folder of a verdict into `parent`, whole or not at all; returns it and its seal.

    Its name is drawn from what the verdict rests on: the same case, evidence and verdict are the
    same folder with the same bytes. Raises UnreachableError where nothing can be written there.
    """
    try:
        with scratch_beside(parent / "evidence", shared=True) as scratch:
            (scratch / "scores").mkdir(parents=True)
            _write_sets(scratch / "scores", evidence)
            write_json(scratch / "verdict.json", verdict.to_json())
            write_json(scratch / "case.json", {**case.to_json(), "report": "report.json"})
            write_json(scratch / "report.json", case.report)
            write_json(scratch / "evidence.json", _rest(evidence))
            write_page(scratch, case, evidence, verdict)
            signed = seal(scratch, verdict.decision.value, case.run_id, key)
            folder = parent / signed.manifest_sha256[:16]
            # the same bytes, or what a crash left of them
            shutil.rmtree(folder, ignore_errors=True)
            scratch.rename(folder)
    except OSError as error:
        reason = error.strerror or error
        raise UnreachableError(f"{parent}: evidence cannot be written ({reason})") from error
    return folder, signed


def _write_sets(folder: Path, evidence: Evidence) -> None:
    for name, pair in evidence.sets.items():
        for side, scores in sides_of(pair).items():
            write_scores(folder / f"{name.value}.{side}.csv.gz", scores)
        if pair.slices:
            rows = {part: where.tolist() for part, where in sorted(pair.slices.items())}
            write_json(folder / f"{name.value}.slices.json", rows)


def _rest(evidence: Evidence) -> dict[str, Any]:
    """What the verdict was made from besides scores."""
    return {
        "versions": {name.value: pair.version for name, pair in evidence.sets.items()},
        "drifted": evidence.drifted,
        "calibrations": evidence.calibrations and asdict(evidence.calibrations),
        "costs": evidence.costs and asdict(evidence.costs),
        "golden": evidence.golden,
        "spent": dict(evidence.spent),
        "evaluation": asdict(evidence.evaluation),
        "miss_rate": evidence.miss_rate,
    }
