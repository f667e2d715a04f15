"""Plans of folds: trials to train on (train), to stop training by (dev) and to judge by (eval)."""

from models.data.folds.factorial import (
    EvaluationCell,
    FactorialFold,
    factorial_folds,
)
from models.data.folds.fold import Fold, Groups, Rows
from models.data.folds.plans import (
    Plan,
    k_fold,
    leave_attacks_out,
    leave_places_out,
    make_plan,
)

__all__ = [
    "EvaluationCell",
    "FactorialFold",
    "Fold",
    "Groups",
    "Plan",
    "Rows",
    "factorial_folds",
    "k_fold",
    "leave_attacks_out",
    "leave_places_out",
    "make_plan",
]
