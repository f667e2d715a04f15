"""How good a detector is: one entry a measure, each from bona fide and spoof cm_scores."""

from models.evaluation.metrics.auc import auc
from models.evaluation.metrics.cllr import cllr
from models.evaluation.metrics.conditions import Metric
from models.evaluation.metrics.confusion import accuracy, f1, precision, recall
from models.evaluation.metrics.dcf import act_dcf, min_dcf
from models.evaluation.metrics.eer import eer
from models.evaluation.metrics.tdcf import min_tdcf, min_tdcf_2021

METRICS: dict[str, Metric] = {
    "eer": eer,
    "min_dcf": min_dcf,
    "act_dcf": act_dcf,
    "cllr": cllr,
    "auc": auc,
    "min_tdcf": min_tdcf,
    "min_tdcf_2021": min_tdcf_2021,
    "accuracy": accuracy,
    "precision": precision,
    "recall": recall,
    "f1": f1,
}
