"""The section of the report about attacks on the detector itself.

Every attacked clip is 16-bit audio again before it is scored. `eer`, `by_attack` and `by_snr` have
the same form for the candidate, for the champion, and for what was made on the champion and scored
by the candidate (`transfer`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import nn

from models.adversarial import BLIND
from models.adversarial.masking import Guard, guard_gradients, own_examples_are_worse
from models.adversarial.robustness import Attack, draw_clips, scores_under
from models.adversarial.universal import learn_universal
from models.compute.memory import retained_memory
from models.compute.memory_format import channels_innermost
from models.data.clips import Clips
from models.detectors.detector import is_differentiable
from models.evaluation.metrics.eer import eer
from models.evaluation.scores import Scores
from models.params.tree import Params
from models.params.window import WindowParams
from models.training.scoring import score_clips

Attacked: TypeAlias = dict[float, dict[str, Scores]]  # SNR in dB -> attack -> scores

UNIVERSAL_STEPS = 40  # in which one perturbation for all clips is learnt, on train
_BLIND = BLIND[0]  # stands for all where none of those that are asked for is blind

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Attacks:
    """The attacks of a report: the same trials, seeds and strengths for every detector."""

    clips: Clips
    train: Clips
    params: Params
    device: str | torch.device
    windows: Mapping[nn.Module, WindowParams]  # of each detector

    @property
    def snrs_db(self) -> tuple[float, ...]:
        """The one that the report's `eer` is given at comes first."""
        first = self.params.evaluation.attack_snr_db
        return (first, *(snr for snr in self.params.robustness.snrs_db if snr != first))

    def clean(self, detector: nn.Module) -> Scores:
        return score_clips(detector, self.clips, self.windows[detector], self.device)

    def attack(self, target: nn.Module, judges: list[nn.Module]) -> list[Attacked]:
        """For each judge, its scores of examples made on `target`."""
        by_judge: list[Attacked] = [{} for _ in judges]
        for snr_db in self.snrs_db:
            for name in self.attacks_on(target):
                _log.info("under %s at %g dB", name, snr_db)
                scores = scores_under(
                    self._prepared(name, snr_db, target),
                    target,
                    judges,
                    self.clips,
                    self.windows[target],
                    self.params.training.seed,
                    judge_windows=[self.windows[judge] for judge in judges],
                    device=self.device,
                )
                for attacked, scores_of_judge in zip(by_judge, scores, strict=True):
                    attacked.setdefault(snr_db, {})[name] = scores_of_judge
        return by_judge

    def attacks_on(self, target: nn.Module) -> tuple[str, ...]:
        """Those asked for; where there is no gradient to follow, the blind ones alone."""
        attacks = self.params.robustness.attacks
        if is_differentiable(target) or not attacks:
            return attacks
        return tuple(name for name in attacks if name in BLIND) or (_BLIND,)

    def guards(self, detector: nn.Module) -> list[Guard]:
        params, robustness = self.params, self.params.robustness
        few = draw_clips(self.clips, robustness.guard_trials, params.training.seed)
        if not is_differentiable(detector) or few.bonafide.all() or not few.bonafide.any():
            return []
        attack = self._plain("pgd", params.evaluation.attack_snr_db)
        seed = params.training.seed
        window = self.windows[detector]
        return guard_gradients(detector, few, window, attack, seed, device=self.device)

    def _plain(self, name: str, snr_db: float) -> Attack:
        robustness = self.params.robustness
        return Attack(name, snr_db, robustness.steps)

    def _prepared(self, name: str, snr_db: float, target: nn.Module) -> Attack:
        """An attack, with the patterns that it has to learn first."""
        if name != "universal":
            return self._plain(name, snr_db)
        params = self.params
        universal = learn_universal(
            target,
            self.train,
            self.windows[target],
            snr_db,
            steps=UNIVERSAL_STEPS,
            seed=params.training.seed,
            device=self.device,
        )
        return Attack(name, snr_db, universal=universal)


def under_attack(
    candidate: nn.Module,
    champion: nn.Module | None,
    clips: Clips,
    train: Clips,
    params: Params,
    device: str | torch.device = "cpu",
    champion_window: WindowParams | None = None,
) -> dict[str, Any]:
    """Figures of both detectors on `evaluation.attacked_trials` of `clips`; EERs are 0–1.

    `train` is what universal perturbations are learnt on. The candidate hears `params.window`, and
    so does a champion whose own is not given. Detectors are left as they were, on `device`.
    """
    windows = {candidate: params.window}
    if champion is not None:
        windows.setdefault(champion, champion_window or params.window)
    drawn = draw_clips(clips, params.evaluation.attacked_trials, params.training.seed)
    attacks = _Attacks(drawn, train, params, device, windows)
    with retained_memory(torch.device(device).type), channels_innermost(list(windows)):
        return _report(candidate, champion, attacks)


def _report(candidate: nn.Module, champion: nn.Module | None, attacks: _Attacks) -> dict[str, Any]:
    limit = attacks.params.evaluation.attacked_trials
    clean = attacks.clean(candidate)
    (own,) = attacks.attack(candidate, [candidate])
    guards = attacks.guards(candidate)
    document = {"trials": limit, "snr_db": attacks.snrs_db[0], **_figures(clean, own)}
    if champion is not None:
        of_champion, transfer = attacks.attack(champion, [champion, candidate])
        document["champion"] = _figures(attacks.clean(champion), of_champion)
        document["transfer"] = _figures(clean, transfer)
        guards += _transfer_guard(own, transfer) if is_differentiable(candidate) else []
    document["guards"] = {guard.name: guard.to_json() for guard in guards}
    document["warnings"] = [
        *_warnings(attacks, candidate), *(guard.warning for guard in guards if not guard.holds)
    ]  # fmt: skip
    for warning in document["warnings"]:
        _log.warning("%s", warning)
    return document


def _figures(clean: Scores, attacked: Attacked) -> dict[str, Any]:
    first = next(iter(attacked.values()), {})
    return {
        "eer": _eers({"clean": clean, **first}),
        "by_attack": {
            attack: {name: eer(scores.bonafide, scores.by_attack()[attack])
                     for name, scores in {"clean": clean, **first}.items()}
            for attack in clean.by_attack()
        },
        "by_snr": {f"{snr_db:g}": _eers(scores) for snr_db, scores in attacked.items()},
    }  # fmt: skip


def _eers(scores: Mapping[str, Scores]) -> dict[str, float]:
    return {name: eer(scored.bonafide, scored.spoof) for name, scored in scores.items()}


def _transfer_guard(own: Attacked, transfer: Attacked) -> list[Guard]:
    first = next(iter(own), None)
    if first is None:
        return []
    own_eers, transfer_eers = _eers(own[first]), _eers(transfer[first])
    both = [
        name for name in own_eers if name in transfer_eers
    ]  # a champion may be attacked otherwise
    if not both:
        return []
    own_shared = {name: own_eers[name] for name in both}
    return [own_examples_are_worse(own_shared, {name: transfer_eers[name] for name in both})]


def _warnings(attacks: _Attacks, candidate: nn.Module) -> list[str]:
    """What figures without gradients cannot say."""
    if is_differentiable(candidate) or not attacks.params.robustness.attacks:
        return []
    return [
        "no gradient of the detector reaches the waveform: attacked by "
        f"{', '.join(attacks.attacks_on(candidate))}, who knows its scores alone; what an attacker "
        "with a detector of their own would reach is not known"
    ]
