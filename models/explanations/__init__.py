"""The methods that explain a score: name -> function of a scored stretch -> explanation."""

from __future__ import annotations

from collections.abc import Callable

from models.explanations.acoustic_shapley import acoustic_shapley
from models.explanations.explanation import Explanation
from models.explanations.grad_cam import grad_cam
from models.explanations.integrated_gradients import integrated_gradients
from models.explanations.node_attention import node_attention
from models.explanations.occlusion import occlusion
from models.explanations.smoothgrad import smoothgrad
from models.explanations.stretch import ScoredStretch

EXPLANATIONS: dict[str, Callable[[ScoredStretch], Explanation]] = {
    "integrated-gradients": integrated_gradients,
    "smoothgrad": smoothgrad,
    "grad-cam": grad_cam,
    "occlusion": occlusion,
    "acoustic-shapley": acoustic_shapley,
    "node-attention": node_attention,
}
