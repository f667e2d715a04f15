"""How far figures would move if other speakers had been recorded: a paired clustered bootstrap."""

from models.bootstrap.draws import Statistic, TrialList, Weights, draw_weights, resample
from models.bootstrap.eers import ResampledEer
from models.bootstrap.ratios import ClusterMean, ClusterSum

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
