"""Every veto of the gate: losses that no gain makes up for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from models.evaluation.costs import Cost
from models.params.promotion import PromotionParams
from models.promotion.alignment import Aligned
from models.promotion.evidence import EvaluationSet, Evidence
from models.promotion.findings import Measurement, check, measure
from models.promotion.questions import (
    attack_questions,
    calibration_questions,
    miss_question,
    operating_question,
    pooled_question,
    slices_of,
)
from models.promotion.sample import Sample, sample_of
from models.promotion.verdict import Check, Finding

SEPARATE = {
    EvaluationSet.SENTINEL: "sentinel",
    EvaluationSet.ADVERSARIAL: "adversarial",
    EvaluationSet.TRANSFER: "adversarial",
}  # sets that are asked for one EER -> kind of the check


def look(
    main: Sample,
    lists: Mapping[EvaluationSet, Aligned],
    evidence: Evidence,
    params: PromotionParams,
) -> tuple[tuple[Check, ...], tuple[Measurement, ...]]:
    """All checks, and the measurements of attacks among them.

    `main`: frozen and rolling trials together; `lists`: all sets, these too.
    """
    attacks = measure(list(attack_questions(main, params.margins)), main, params)
    checks = [
        *_weighed(attacks, params),
        *_separate(lists, params),
        *_threshold_checks(main, lists, evidence, params),
        *cost_checks(evidence, params),
        golden_check(evidence),
    ]
    return tuple(checks), attacks


def _separate(lists: Mapping[EvaluationSet, Aligned], params: PromotionParams) -> list[Check]:
    margins = {"sentinel": params.margins.sentinel, "adversarial": params.margins.adversarial}
    families = Counter(kind for name, kind in SEPARATE.items() if name in lists)
    checks = []
    for name, kind in SEPARATE.items():
        if name not in lists:
            checks.append(_absent(kind, name.value, f"there is no {name} set"))
            continue
        sample = sample_of({name: lists[name]})
        question = pooled_question(sample, kind, _subject(name), margins[kind])
        (measurement,) = measure([question], sample, params)
        checks.append(check(measurement, families[kind], params))
    return checks


def _subject(name: EvaluationSet) -> str:
    """What a sentence calls the EER of a set."""
    subjects = {
        EvaluationSet.ADVERSARIAL: "the EER under attacks on the detector itself",
        EvaluationSet.TRANSFER: "the EER under attacks on the other detector",
    }
    return subjects.get(name, f"the EER of the {name} set")


def _threshold_checks(
    main: Sample,
    lists: Mapping[EvaluationSet, Aligned],
    evidence: Evidence,
    params: PromotionParams,
) -> list[Check]:
    """Checks of the thresholds and calibrations of both detectors."""
    fitted = evidence.calibrations
    if fitted is None or fitted.champion is None:
        return [
            _absent(kind, name, "no calibration of both detectors is at hand")
            for kind, name in (
                ("bonafide", EvaluationSet.BONAFIDE_HARD.value),
                ("calibration", "cllr"),
                ("calibration", "act_dcf"),
                ("operating-point", "misses"),
            )
        ]
    margins = params.margins
    calibration = list(calibration_questions(main, fitted, margins, evidence.evaluation))
    point = operating_question(main, fitted, margins.operating_point, evidence.miss_rate)
    measurements: list[Measurement] = []
    for name, aligned in lists.items():
        sample = sample_of({name: aligned})
        questions = [
            miss_question(sample, part, rows, fitted, margins.bonafide)
            for part, rows in slices_of(name, aligned.slices)
        ]
        measurements += measure(questions, sample, params)
    bonafide = _weighed(tuple(measurements), params) or [
        _absent("bonafide", EvaluationSet.BONAFIDE_HARD.value, "no slice of bona fide speech")
    ]
    return [
        *bonafide,
        *_weighed(measure(calibration, main, params), params),
        *_weighed(measure([point], main, params), params),
    ]


def _weighed(measurements: tuple[Measurement, ...], params: PromotionParams) -> list[Check]:
    return [check(measurement, len(measurements), params) for measurement in measurements]


def cost_checks(evidence: Evidence, params: PromotionParams) -> list[Check]:
    """Latency and memory of the exported graph, as ratios to the champion's."""
    costs = evidence.costs
    limits = {"latency": params.max_latency_ratio, "memory": params.max_memory_ratio}
    checks = []
    for name, limit in limits.items():
        if limit is None:
            continue
        if costs is None or costs.champion is None:
            checks.append(_absent("cost", name, f"{name} was not measured for both"))
            continue
        before, after, unit = _compared(costs.champion, costs.candidate, name)
        holds = after <= limit * before
        way = "rises" if after > before else "goes"
        sentence = (
            f"{name} {way} from {before:.3g} to {after:.3g} {unit}, {limit:g} times are allowed"
        )
        checks.append(
            Check(
                "cost",
                name,
                Finding.HOLDS if holds else Finding.FAILS,
                sentence,
                before,
                after,
                after - before,
                margin=(limit - 1) * before,
            )
        )
    return checks


def _compared(champion: Cost, candidate: Cost, name: str) -> tuple[float, float, str]:
    """The champion's and the candidate's cost, and the unit.

    Memory where it was measured of both, else the files of both graphs: a process is larger than
    a file, so that one of each would say nothing.
    """
    if name == "latency":
        return champion.latency_ms, candidate.latency_ms, "ms a window"
    if champion.memory_bytes is None or candidate.memory_bytes is None:
        return champion.bytes / 1e6, candidate.bytes / 1e6, "MB (the graphs' files)"
    return champion.memory_bytes / 1e6, candidate.memory_bytes / 1e6, "MB"


def golden_check(evidence: Evidence) -> Check:
    """Whether the candidate's graph gives the scores that were kept with it."""
    if evidence.golden is None:
        return _absent("golden", "golden", "golden vectors were not looked at")
    if evidence.golden:
        return Check("golden", "golden", Finding.HOLDS, "the candidate gives its golden vectors")
    return Check(
        "golden", "golden", Finding.FAILS, "the candidate does not give its golden vectors"
    )


def _absent(kind: str, name: str, sentence: str) -> Check:
    return Check(kind, name, Finding.ABSENT, sentence)
