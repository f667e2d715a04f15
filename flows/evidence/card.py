"""The model card of a candidate, as titled lines for the page and for Markdown."""

from __future__ import annotations

from flows.evidence.case import Case
from flows.evidence.facts import absent_sets
from flows.evidence.printing import number, percent, told
from models.promotion import Evidence, Finding, Verdict

WORST = 3  # attacks named
PURPOSE = (
    "Tells synthetic speech from human speech in one utterance: a cm_score, higher where it sounds "
    "more bona fide. It does not say who speaks or what is said."
)
LIMITS = (
    "Figures are those of the attacks, speakers and channels named here; an attack that is in none "
    "of the sets may fool it more often than any of them."
)


def card_lines(case: Case, evidence: Evidence, verdict: Verdict) -> list[tuple[str, str]]:
    """Title and text of each line, in reading order."""
    candidate = case.candidate
    seconds = candidate.window_samples / candidate.sample_rate
    lines = [
        ("Purpose", PURPOSE),
        ("Detector", f"{candidate.detector}: {told(candidate.options)}"),
        ("Hears", f"{seconds:.2f} s windows at {candidate.sample_rate:,} Hz, one channel"),
        ("Made from", f"dataset {case.dataset}, run {case.run_id}"),
        ("Threshold", _threshold(evidence)),
        ("EER", _eers(verdict)),
        ("Hardest attacks", _hardest(case, verdict)),
        ("Not decided", ", ".join(_named(verdict, Finding.UNDECIDED)) or "nothing"),
        ("Not looked at", _absent(evidence, verdict)),
        ("Limits", LIMITS),
    ]
    if candidate.compression:
        lines.insert(2, ("Compressed", candidate.compression))
    return lines


def _threshold(evidence: Evidence) -> str:
    if evidence.calibrations is None:
        return "not known here"
    threshold = number(evidence.calibrations.candidate.threshold)
    return f"bona fide at a cm_score of {threshold} or above, fitted on dev"


def _eers(verdict: Verdict) -> str:
    candidate = f"{percent(verdict.eer_candidate)} %"
    shown = verdict.superiority
    if shown is None:
        return f"{candidate}; there was no champion"
    return f"{candidate} on {shown.evaluation_set}, champion {percent(shown.eer_champion)} %"


def _hardest(case: Case, verdict: Verdict) -> str:
    eers = {name: comparison.eer_candidate for name, comparison in verdict.by_attack.items()}
    if not eers:  # no champion: the gate compared nothing
        eers = {name: figures["eer"] for name, figures in case.report.get("by_attack", {}).items()}
    worst = sorted(eers.items(), key=lambda item: (-item[1], item[0]))[:WORST]
    return ", ".join(f"{name} ({percent(rate)} %)" for name, rate in worst) or "not known here"


def _absent(evidence: Evidence, verdict: Verdict) -> str:
    missing = absent_sets(evidence)
    sets = [f"set {name}" for name in missing]
    others = [name for name in _named(verdict, Finding.ABSENT) if name.split()[-1] not in missing]
    return ", ".join([*sets, *others]) or "nothing"


def _named(verdict: Verdict, finding: Finding) -> list[str]:
    return [f"{check.kind} {check.name}" for check in verdict.checks if check.finding is finding]
