"""Ways to say why a detector scores as it does: name -> function(what was heard) -> explanation."""

from __future__ import annotations

from collections.abc import Callable

from models.explanations.acoustic_shapley import acoustic_shapley
from models.explanations.explanation import Explanation
from models.explanations.grad_cam import grad_cam
from models.explanations.heard import Heard
from models.explanations.integrated_gradients import integrated_gradients
from models.explanations.node_attention import node_attention
from models.explanations.occlusion import occlusion
from models.explanations.smoothgrad import smoothgrad

EXPLANATIONS: dict[str, Callable[[Heard], Explanation]] = {
    "integrated-gradients": integrated_gradients,
    "smoothgrad": smoothgrad,
    "grad-cam": grad_cam,
    "occlusion": occlusion,
    "acoustic-shapley": acoustic_shapley,
    "node-attention": node_attention,
}
