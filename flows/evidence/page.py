"""The page and the model card: one file each, from values alone; nothing is fetched when read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.evidence import printing
from flows.evidence.card import card_lines
from flows.evidence.case import Case
from flows.evidence.facts import (
    MEASURES,
    SIDES,
    absent_sets,
    calibration_of,
    has_both_classes,
    set_facts,
    sides_of,
    slice_facts,
)
from flows.evidence.pictures import det_picture, histogram_picture, reliability_picture
from models.promotion import SETS, Check, Evidence, Finding, Verdict

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = Path(__file__).with_name("templates")
_BAR = 3  # times what is allowed
_FIRST = (Finding.FAILS, Finding.UNDECIDED, Finding.ABSENT, Finding.HOLDS)


@dataclass(frozen=True)
class Pictures:
    """Data URIs of one set's curves; reliability: None where no calibration is known."""

    det: str
    histogram: str
    reliability: str | None


def write_page(folder: Path, case: Case, evidence: Evidence, verdict: Verdict) -> None:
    """Write index.html and model-card.md; the same values give the same bytes."""
    values = _values(case, evidence, verdict)
    for name, template in (("index.html", _page()), ("model-card.md", _card())):
        text = template.get_template(f"{name}.jinja").render(values)
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def _values(case: Case, evidence: Evidence, verdict: Verdict) -> dict[str, Any]:
    checks = sorted(verdict.checks, key=lambda check: _FIRST.index(check.finding))
    return {
        "case": case,
        "verdict": verdict,
        "evidence": evidence,
        "checks": checks,
        "found": {finding: _count(checks, finding) for finding in _FIRST},
        "attack_checks": {check.name: check for check in checks if check.kind == "attack"},
        "bonafide_checks": {check.name: check for check in checks if check.kind == "bonafide"},
        "scale": _scale(verdict),
        "sets": set_facts(evidence),
        "absent": absent_sets(evidence),
        "slices": slice_facts(evidence),
        "pictures": _pictures(evidence),
        "calibrations": {side: calibration_of(evidence, side) for side in SIDES},
        "measures": MEASURES,
        "sides": [side for side in SIDES if side == "candidate" or case.champion],
        "card": card_lines(case, evidence, verdict),
        "forgetting": _forgetting(case.report),
        "under_attack": case.report.get("under_attack") or {},
    }


def _count(checks: list[Check], finding: Finding) -> int:
    return sum(check.finding is finding for check in checks)


def _scale(verdict: Verdict) -> float:
    """The largest difference that a bar of the table of attacks shows; longer ones end there."""
    ends = [abs(end) for comparison in verdict.by_attack.values() for end in comparison.interval]
    margins = [check.margin for check in verdict.checks if check.kind == "attack" and check.margin]
    longest = 1.05 * max([*ends, 0.001])
    return min(longest, _BAR * max(margins)) if margins else longest


def _pictures(evidence: Evidence) -> dict[str, Pictures]:
    """Of every set that has both classes."""
    drawn = {}
    for name in SETS:
        pair = evidence.sets.get(name)
        if pair is None or not has_both_classes(pair):
            continue
        scores = sides_of(pair)
        calibrations = {side: calibration_of(evidence, side) for side in scores}
        fitted = {
            side: calibration
            for side, calibration in calibrations.items()
            if calibration is not None
        }
        drawn[name.value] = Pictures(
            det_picture(scores),
            histogram_picture(
                scores, {side: calibration.threshold for side, calibration in fitted.items()}
            ),
            reliability_picture({side: scores[side] for side in fitted}, fitted)
            if fitted
            else None,
        )
    return drawn


def _forgetting(report: Mapping[str, Any]) -> Mapping[str, Any]:
    """The report's matrix with its attacks in the order they were learnt from."""
    table = report.get("forgetting") or {}
    if not table:
        return {}
    last, first_stages = len(table["stages"]), table["learnt"]
    names = {name for row in table["eer"] for name in row}
    ordered = sorted(names, key=lambda name: (first_stages.get(name, last), name))
    return {**table, "attacks": ordered}


@cache
def _page() -> Environment:
    """HTML: every value is escaped, and shows what it holds, also where that turns text around."""
    return _environment(autoescape=True, finalize=printing.shown)


@cache
def _card() -> Environment:
    """Markdown: every value is escaped by its own rules, HTML's signs among them."""
    return _environment(autoescape=False, finalize=printing.markdown)


def _environment(**options: Any) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **options,
    )
    environment.filters |= {
        "percent": printing.percent,
        "points": printing.points,
        "number": printing.number,
        "size": printing.size,
        "short": printing.short,
        "moment": printing.moment,
        "told": printing.told,
    }
    environment.globals |= {
        "of_check": printing.of_check,
        "place": printing.place,
        "KINDS": printing.KINDS,
        "FINDINGS": printing.FINDINGS,
        "NOTHING": printing.NOTHING,
    }
    return environment
