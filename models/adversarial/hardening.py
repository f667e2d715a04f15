"""Adversarial fine-tuning: a trained detector learns on with some of each batch attacked."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from models.adversarial import BLIND
from models.adversarial.attacked_clips import AttackedClips
from models.adversarial.free import FreeReplay
from models.adversarial.trades import Pairs, TradesLoss
from models.compute.distributed import ALONE, World
from models.data.clips import Clips
from models.detectors.detector import is_differentiable
from models.detectors.fitted import FittedDetector
from models.params.adversarial import AdversarialParams
from models.params.learning import GrowthParams, TransferParams
from models.params.training import TrainingParams
from models.params.tree import Params
from models.training.execution import Execution
from models.training.fitting import FittingRun, fit_detector
from models.training.losses import build_loss
from models.training.rule import LearningRule
from models.training.train import TrainingResult
from models.training.train import train as learn

_RUN = Execution()
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AttackedShare(AttackedClips):
    """A batch transform: `share` of the clips are attacked as the detector now stands."""

    world: World = field(default=ALONE, repr=False)

    def __call__(
        self, detector: nn.Module, waveforms: Tensor, labels: Tensor, generator: torch.Generator
    ) -> Tensor:
        """Waveforms (b, samples), some of them perturbed; the others are the clean examples."""
        count = self.count(len(waveforms))
        if count == 0:
            return waveforms
        chosen = torch.randperm(len(waveforms), generator=generator)[:count].to(waveforms.device)
        attacked = self.attacked(detector, waveforms[chosen], labels[chosen], generator, self.world)
        return waveforms.index_copy(0, chosen, attacked)


def harden(
    detector: nn.Module,
    train: Clips,
    dev: Clips,
    params: Params,
    *,
    run: Execution = _RUN,
) -> TrainingResult | None:
    """Train on with `params.adversarial`; None where its epochs are 0, the detector untouched.

    Untouched, with a warning, is also a detector that cannot learn from attacked clips. Of one that
    is fitted from others, those that can are hardened, each by itself, and it is fitted anew.

    With `trades_beta` the detector learns from clean clips and from the agreement of its answers
    to clean and attacked ones, else from attacked clips as they are labelled; with the attack
    `free`, from each batch `steps` times, the perturbation moving meanwhile. The best of the
    hardened epochs by clean dev EER stays in the detector. The checkpoint of `run` is another file
    than that of the training before.
    """
    adversarial = params.adversarial
    if adversarial.epochs == 0:
        return None
    if hindrance := _hindrance(detector, adversarial.attack):
        _log.warning("%s: it is not hardened", hindrance)
        return None
    if isinstance(detector, FittedDetector):
        return fit_detector(detector, FittingRun(train, dev, params, harden, run))
    params = replace(params, training=_training(params))
    rule = _rule(adversarial, params.training, run.world)
    return learn(detector, train, dev, params, rule=rule, run=run)


def _training(params: Params) -> TrainingParams:
    """Of the hardened epochs: the whole detector learns from all clips, each attacked or not."""
    return replace(
        # no average with weights that were not hardened
        params.training.from_scratch(pretrained=False),
        epochs=params.adversarial.epochs,
        learning_rate=params.adversarial.learning_rate,
        seed=params.training.seed_after(1),  # other batches than the training began with
        transfer=TransferParams(),
        growth=GrowthParams(),
        objective=replace(params.training.objective, mixup=0.0),
    )


def _rule(adversarial: AdversarialParams, training: TrainingParams, world: World) -> LearningRule:
    """How the clips of a batch are attacked, and what is learnt from them."""
    snr_db, steps, share = adversarial.snr_db, adversarial.steps, adversarial.share
    if adversarial.attack == "free":
        return LearningRule(replay=FreeReplay(snr_db, steps, share))
    attack, beta = (adversarial.attack, snr_db, steps, share), adversarial.trades_beta
    if beta:
        loss = TradesLoss.around(build_loss(training), beta)
        return LearningRule(transform=Pairs(*attack, beta, world), loss=loss)
    return LearningRule(transform=AttackedShare(*attack, world))


def _hindrance(detector: nn.Module, attack: str) -> str | None:
    """Why a detector cannot learn from clips under an attack, if it cannot."""
    if isinstance(detector, FittedDetector) and not detector.hardens:
        return f"{detector.name} is fitted and takes no steps along a gradient"
    if attack not in BLIND and not is_differentiable(detector):
        return (
            f"the gradient of {detector.name} does not reach the waveform, adversarial.attack "
            f"{attack} needs it ({' and '.join(BLIND)} do not)"
        )
    return None
