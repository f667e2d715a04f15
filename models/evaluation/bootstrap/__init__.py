"""How far figures would move if other speakers had been recorded: a paired clustered bootstrap."""

from models.evaluation.bootstrap.draws import Statistic, TrialList, Weights, draw_weights, resample
from models.evaluation.bootstrap.eers import ResampledEer
from models.evaluation.bootstrap.ratios import ClusterMean, ClusterSum

__all__ = [
    "ClusterMean",
    "ClusterSum",
    "ResampledEer",
    "Statistic",
    "TrialList",
    "Weights",
    "draw_weights",
    "resample",
]
