"""A verdict with every kind of finding, on sets whose names mean harm."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
from numpy.typing import NDArray

from flows.evidence.case import AnsweredRequest, Case, Contestant
from models.evaluation.calibration import Calibration
from models.evaluation.costs import Cost, Costs
from models.evaluation.scores import Scores
from models.params.promotion import PromotionParams
from models.promotion import (
    AucDifference,
    Budget,
    Calibrations,
    Check,
    Comparison,
    Decision,
    EvaluationSet,
    Evidence,
    Finding,
    Pair,
    Superiority,
    Verdict,
)

SCRIPT = "<script>document.title='stolen'</script>"
BROKEN_OUT = '"><img src=x onerror="document.title=\'stolen\'">'
FOREIGN = "合成 $\\frac{1}{ {{ case }} | \x1b[31m \u202e `x`"
HOSTILE = (SCRIPT, BROKEN_OUT, FOREIGN)
ATTACKS = ("A07", *HOSTILE)


def scores(gain: float, seed: int) -> Scores:
    """80 bona fide trials of 8 speakers, 20 spoofs of each attack."""
    random = np.random.default_rng(seed)
    attacks = [None] * 80 + [attack for attack in ATTACKS for _ in range(20)]
    real = np.array([attack is None for attack in attacks])
    return Scores(
        tuple(f"u{row}{SCRIPT if row == 3 else ''}" for row in range(real.size)),
        tuple(attacks),
        gain * real + random.normal(size=real.size),
        tuple(f"s{row % 8}" for row in range(real.size)),
    )


def evidence_of(candidate: Scores, champion: Scores | None) -> Evidence:
    """Two sets, slices, calibrations and costs."""
    rows: NDArray[np.int64] = np.arange(20)
    bonafide = Scores(("b1", "b2"), (None, None), np.array([1.0, 2.0]), ("s1", "s2"))
    return Evidence(
        {
            EvaluationSet.FROZEN: Pair(
                candidate, champion, {"language=fr": rows, f"codec={SCRIPT}": rows + 20}, "f" * 64
            ),
            EvaluationSet.BONAFIDE_HARD: Pair(bonafide, champion and bonafide, version="b" * 64),
        },
        calibrations=Calibrations(Calibration(1.5, -2, 1.0), Calibration(1.0, -1, 0.8)),
        costs=Costs(Cost(21.3, 1_340_000, 120_000_000), Cost(25.0, 2_100_000)),
        golden=True,
    )


def verdict_of(decision: Decision = Decision.REJECT) -> Verdict:
    """Written by hand: every finding, warnings, a worn out set."""
    compared = Comparison(0.1, 0.2, 0.1, (0.02, 0.18), 20)
    return Verdict(
        decision,
        f"the EER falls from 9.00 % to 7.00 %, but attack {SCRIPT} rises",
        Superiority(
            evaluation_set="frozen", eer_champion=0.09, eer_candidate=0.07, difference=-0.02,
            level=0.03, bound=-0.005, interval=(-0.04, -0.001), confidence=0.95, share_below=0.97,
            bonafide=80, spoof=80, clusters=8, auc=AucDifference(0.95, 0.97, 0.02, 0.008, 0.013),
        ),
        (
            Check("attack", "A07", Finding.HOLDS, "A07 holds", 0.1, 0.1, 0.0, 0.02, 0.05, 20),
            Check("attack", SCRIPT, Finding.FAILS, "it rises", 0.1, 0.2, 0.1, 0.18, 0.05, 20),
            Check("bonafide", "language=fr (frozen)", Finding.UNDECIDED, "20 trials are too few"),
            Check("sentinel", "sentinel", Finding.ABSENT, "no sentinel corpus is named"),
            Check("calibration", "cllr", Finding.HOLDS, "", 0.31, 0.28, -0.03, -0.01, 0.05),
        ),
        {attack: compared for attack in ATTACKS},
        {EvaluationSet.FROZEN: Budget("f" * 64, 0.99, 0.03, 1.0)},
        (f"spoof trials come from 3 speakers {BROKEN_OUT}",),
        Costs(Cost(21.3, 1_340_000, 120_000_000), Cost(25.0, 2_100_000)),
    )  # fmt: skip


def case_of(champion: bool = True) -> Case:
    """A cycle that drift and a person asked for."""
    candidate = Contestant(
        "aasist", {"widths": [4, 8], "note": SCRIPT}, 64_600, 16_000, "a" * 64,
        {"detector.onnx": "b" * 64, f"{BROKEN_OUT}.npz": "c" * 64}, run_id="r" * 32,
    )  # fmt: skip
    eers = {attack: 0.1 for attack in ATTACKS}
    figures = {"clean": 0.08, "pgd": 0.41, SCRIPT: 0.2}
    return Case(
        run_id="r" * 32,
        candidate=candidate,
        champion=replace(candidate, version=3, run_id="q" * 32) if champion else None,
        dataset="d" * 40,
        requests=(
            AnsweredRequest("drift", "cm_score has moved", "2026-11-20T03:00:00+00:00"),
            AnsweredRequest("manual", f"because {SCRIPT}", "2026-11-20T04:00:00+00:00"),
        ),
        began="2026-11-20T05:00:00+00:00",
        actor="cycle 1",
        cycle_id="0b7d8c0e-1111-2222-3333-444455556666",
        revisions={"code": "e" * 40, "requirements.lock": "1" * 64},
        rules=asdict(PromotionParams()),
        report={
            "forgetting": {
                "stages": ["champion", "candidate"], "eer": [eers, eers], "learnt": {SCRIPT: 0},
                "mean_eer": 0.1, "average_forgetting": None, "backward_transfer": 0.01,
                "forward_transfer": None,
            },
            "under_attack": {
                "trials": 64, "snr_db": 40.0, "eer": figures, "by_snr": {"40": figures},
                "champion": {"eer": {"clean": 0.1}}, "transfer": {"eer": {"clean": 0.1}},
                "guards": {}, "warnings": [BROKEN_OUT],
            },
        },
    )  # fmt: skip
