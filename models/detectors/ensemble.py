"""An ensemble: detectors that hear the same, and a logistic regression over their cm_scores.

The fusion is the linear one of Brümmer and others (doi 10.1109/TASL.2007.902870): weights and an
offset that make the sum of scores a log-likelihood ratio, fitted on dev or on clips of attacks that
the members had not learnt. Parameters: 421,893 with
the default members, `lfcc-gmm` and `aasist`, of which 3 fuse.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.data.left_out import left_out
from models.detectors.building import build_detector, resolve_options
from models.detectors.detector import Detector, cm_score
from models.detectors.fitted import FittedDetector, Fitting, estimated
from models.detectors.fusion import fused, fused_upwards
from models.detectors.options import choice, several
from models.errors import InputError
from models.files.manifest import read_manifest

MOST = 16  # members
_DEFAULT = ({"name": "lfcc-gmm"}, {"name": "aasist"})
_log = logging.getLogger(__name__)


class Ensemble(FittedDetector):
    """Members learn one after the other, each as it would alone; then their scores are fused.

    Its cm_score is a log-likelihood ratio, calibrated where the fusion is fitted; its embedding is
    those of its members side by side. In its folder and its graph are all weights: it needs no
    folder of a member.

    Args (options in params.yaml):
        members: for each a `name` of a detector and its `options`, or the `folder` of a trained
            detector, by its absolute path, whose weights stay as they are. Equal members learn
            under seeds of their own. Where training starts from an ensemble of the same members,
            those with a name go on from their weights, and the fusion is fitted anew.
        fused_on: what the fusion is fitted on. `dev`, or `left_out`: copies of the members are
            fitted on train without some of its attacks and sources, fold by fold, and the fusion on
            their scores of what was left out; then members learn from all of train. For fitted
            members alone, because one that learns by gradient may start from weights that have
            learnt every attack.
    """

    def __init__(
        self, *, members: Sequence[Mapping[str, Any]] = _DEFAULT, fused_on: str = "dev"
    ) -> None:
        super().__init__()
        self.fused_on = choice("fused_on", fused_on, ("dev", "left_out"))
        self.entries = _completed(members)
        self.members = nn.ModuleList(_built(self.entries))
        self.weights = estimated(torch.ones(len(self.entries)))  # of the cm_scores
        self.offset = estimated(torch.zeros(()))
        self.differentiable = all(member.differentiable for member in self.detectors)
        if self.fused_on == "left_out":
            _refuse_what_cannot_forget(self.entries, self.detectors)

    @classmethod
    def completed(cls, options: dict[str, Any]) -> dict[str, Any]:
        """All options, with the name and all options of each member, from a manifest if need be."""
        return {**options, "members": _completed(options["members"])}

    @property
    def detectors(self) -> list[Detector]:
        """The members."""
        return [member for member in self.members if isinstance(member, Detector)]

    @property
    def embedding_dim(self) -> int:
        """Those of the members, together."""
        return sum(member.embedding_dim for member in self.detectors)

    @property
    def hardens(self) -> bool:
        """Where a member that is trained here takes steps."""
        return any(
            "folder" not in entry and (not isinstance(member, FittedDetector) or member.hardens)
            for entry, member in zip(self.entries, self.detectors, strict=True)
        )

    def depth_groups(self) -> Sequence[Sequence[str]]:
        """Each member with everything in it, as they stand beside each other, and the fusion."""
        members = [(f"members.{place}",) for place in range(len(self.entries))]
        return [*members, ("weights", "offset")]

    def analyse(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding (batch, embedding_dim) and logits (batch, 2) of waveforms (batch, samples)."""
        embeddings, logits = zip(*(m.analyse(waveforms) for m in self.detectors), strict=True)
        scores = torch.stack(
            [cm_score(member_logits) for member_logits in logits], dim=1
        )  # (batch, members)
        half = (scores @ self.weights + self.offset) / 2
        return torch.cat(embeddings, dim=1), torch.stack([-half, half], dim=1)

    def fit(self, fitting: Fitting) -> None:
        """Members first, then the fusion; members from a folder keep their weights."""
        scores, bonafide = [], fitting.dev.bonafide
        for place, (entry, member) in enumerate(zip(self.entries, self.detectors, strict=True)):
            if "folder" in entry:
                _take_weights(member, Path(entry["folder"]), fitting)
            else:
                name = f"{place + 1}-{entry['name']}"
                fitting.learn_part(member, name, _copies_before(self.entries, place))
            if self.fused_on == "dev":
                scores.append(fitting.dev_cm_scores(member))
        if self.fused_on == "left_out":
            scores, bonafide = self._left_out_scores(fitting)
            weights, offset = fused_upwards(np.stack(scores, axis=1), bonafide)
        else:
            weights, offset = fused(np.stack(scores, axis=1), bonafide)
        self.weights.copy_(torch.from_numpy(weights))
        self.offset.fill_(offset)

    def _left_out_scores(
        self, fitting: Fitting
    ) -> tuple[list[NDArray[np.float64]], NDArray[np.bool_]]:
        """Scores (clips,) by each member of train clips that it was fitted without, and labels."""
        folds = left_out(fitting.train, fitting.dev)
        scores = []
        for place, (entry, member) in enumerate(zip(self.entries, self.detectors, strict=True)):
            parts = []
            for number, fold in enumerate(folds, 1):
                part = copy.deepcopy(member)
                name = f"{place + 1}-{entry['name']}.left-out-{number}"
                seed_offset = _copies_before(self.entries, place)
                fitting.with_clips(fold.train, fold.dev).learn_part(part, name, seed_offset)
                parts.append(fitting.cm_scores(part, fold.judged))
            scores.append(np.concatenate(parts))
        return scores, np.concatenate([fold.judged.bonafide for fold in folds])


def _refuse_what_cannot_forget(
    entries: Sequence[Mapping[str, Any]], members: Sequence[Detector]
) -> None:
    """Raise InputError for a member that may have learnt what is to be left out."""
    for place, (entry, member) in enumerate(zip(entries, members, strict=True)):
        if "folder" in entry or not isinstance(member, FittedDetector):
            kind = "from a folder" if "folder" in entry else "trained by gradient"
            raise InputError(
                f"option fused_on: dev expected with members[{place}], a {member.name} {kind}; "
                "left_out is for members that are fitted"
            )


def _completed(members: Any) -> list[dict[str, Any]]:
    """Entries with the name and all options of each; raises InputError naming the entry."""
    return [
        _entry(f"members[{place}]", entry)
        for place, entry in enumerate(several("members", members, 1, MOST))
    ]


def _entry(place: str, entry: Any) -> dict[str, Any]:
    """`name`, all `options`, and `folder` where there is one: as a stored ensemble has it."""
    if not _is_entry(entry):
        expected = "name and options, or the folder of a detector,"
        raise InputError(f"option {place}: {expected} expected, found {entry!r}")
    if "name" not in entry:
        manifest = read_manifest(Path(entry["folder"]))
        entry = {**entry, "name": manifest.detector, "options": manifest.options}
    try:
        options = resolve_options(entry["name"], entry.get("options"))
    except InputError as error:
        raise InputError(f"option {place}: {error}") from error
    return {**entry, "options": options}


def _is_entry(entry: Any) -> bool:
    kinds = {"name": str, "options": Mapping, "folder": str}
    return (
        isinstance(entry, Mapping)
        and all(key in kinds and isinstance(value, kinds[key]) for key, value in entry.items())
        and ("name" in entry or set(entry) == {"folder"})
    )


def _built(entries: Sequence[Mapping[str, Any]]) -> list[Detector]:
    """Members with the first weights that each would have alone; of equal ones, with others."""
    start = torch.get_rng_state()
    members = []
    for place, entry in enumerate(entries):
        torch.set_rng_state(start)
        copies = _copies_before(entries, place)
        if copies:
            torch.manual_seed(int(torch.randint(2**62, (copies,))[-1]))
        members.append(build_detector(entry["name"], entry["options"]))
    return members


def _copies_before(entries: Sequence[Mapping[str, Any]], place: int) -> int:
    """How many of the entries before are the same."""
    return sum(entry == entries[place] for entry in entries[:place])


def _take_weights(member: Detector, folder: Path, fitting: Fitting) -> None:
    """Give a member the weights of its folder; raises InputError for another kind of detector."""
    trained = fitting.load_detector(folder)
    if (trained.name, trained.options) != (member.name, member.options):
        raise InputError(
            f"{folder}: {member.name} with the options of the ensemble's member expected, found "
            f"{trained.name} with others"
        )
    before = read_manifest(folder).window.spectral_subtraction
    now = fitting.params.window.spectral_subtraction
    if before != now:
        _log.warning(
            "%s: learnt with window.spectral_subtraction %g, hears with %g now", folder, before, now
        )
    member.load_state_dict(trained.state_dict())
