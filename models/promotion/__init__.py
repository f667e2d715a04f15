"""The gate: may a candidate take the champion's place?"""

from models.evaluation.metrics.delong import AucDifference
from models.promotion.evidence import SETS, Calibrations, EvaluationSet, Evidence, Pair
from models.promotion.judgement import judge
from models.promotion.sequential import SequentialDecision, SequentialResult, sequential_test
from models.promotion.verdict import (
    Budget,
    Check,
    Comparison,
    Decision,
    Finding,
    Superiority,
    Verdict,
)

__all__ = [
    "SETS",
    "AucDifference",
    "Budget",
    "Calibrations",
    "Check",
    "Comparison",
    "Decision",
    "EvaluationSet",
    "Evidence",
    "Finding",
    "Pair",
    "SequentialDecision",
    "SequentialResult",
    "Superiority",
    "Verdict",
    "judge",
    "sequential_test",
]
