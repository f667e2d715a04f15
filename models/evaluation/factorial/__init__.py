"""EERs of attacks and sources that training had or had not: figures, intervals, differences."""

from models.evaluation.factorial.design import Design, FoldCells
from models.evaluation.factorial.report import (
    CellDifference,
    CellReport,
    FactorialReport,
    RecipeScores,
    build_factorial_report,
)

__all__ = [
    "CellDifference",
    "CellReport",
    "Design",
    "FactorialReport",
    "FoldCells",
    "RecipeScores",
    "build_factorial_report",
]
