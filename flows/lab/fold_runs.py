"""One fold with one seed, in a folder: worked off once, and read from there ever after."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any

from flows.candidate.devices import device_here
from flows.candidate.feature_cache import feature_cache
from flows.lab.run_marks import fingerprint, read_mark
from models.data.folds import Fold
from models.evaluation.scores import Scores, read_scores, write_scores
from models.files.manifest import WEIGHTS, file_hash
from models.files.whole_files import write_json
from models.fronts.locating import content_hash
from models.params.tree import Params

if TYPE_CHECKING:
    from models.data.clips import Clips
    from models.detectors.detector import Detector

# sections of params.yaml that scores depend on
SECTIONS = (
    "neural_vocoder", "window", "detector", "training", "augmentation", "augmentation_audio",
    "adversarial",
)  # fmt: skip


@dataclass(frozen=True)
class FoldRun:
    """FOLDER/scores.csv, and FOLDER/run.json once it is whole; checkpoints until then."""

    folder: Path
    fold: Fold
    number: int  # how far its seed is from that of the params
    params: Params

    @property
    def seed(self) -> int:
        """Of its training."""
        return self.params.training.seed_after(self.number)

    def is_finished(self, clips: Clips, weights: Path | None) -> bool:
        """Whether the scores are there, made of the same params, trials and first weights."""
        mark = read_mark(self.folder / "run.json")
        return bool(mark.get("fingerprint") == self._fingerprint(clips, weights))

    def scores(self) -> Scores:
        """Those of a finished run."""
        return read_scores(self.folder / "scores.csv")

    def work(self, clips: Clips, weights: Path | None) -> Scores:
        """Train, or go on with the training that was killed, and score what the fold holds out."""
        from flows.lab.fold import Place, judge_fold, with_seed  # torch

        started = process_time()
        checkpoints = self.folder / "checkpoints"
        scores = judge_fold(
            clips,
            self.fold,
            with_seed(self.params, self.number),
            lambda: first_detector(weights, self.params),
            Place(device_here(), checkpoints, progress=True, features=feature_cache()),
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "run.json").unlink(missing_ok=True)  # it was of other scores
        write_scores(self.folder / "scores.csv", scores)
        about = {**self._about(clips, weights), "processor_s": process_time() - started}
        write_json(self.folder / "run.json", about)
        shutil.rmtree(checkpoints, ignore_errors=True)
        return scores

    def _about(self, clips: Clips, weights: Path | None) -> dict[str, Any]:
        return {
            "fold": self.fold.name,
            "seed": self.seed,
            "recipe": fingerprint(self._recipe(weights)),
            "fingerprint": self._fingerprint(clips, weights),
        }

    def _fingerprint(self, clips: Clips, weights: Path | None) -> str:
        parts = (self.fold.train, self.fold.dev, self.fold.eval)
        document = {
            **self._recipe(weights),
            "seed": self.seed,
            "trials": [clips.take(rows).trials_hash for rows in parts],
        }
        return fingerprint(document)

    def _recipe(self, weights: Path | None) -> dict[str, Any]:
        """What a training goes by, without its trials and seed; files by their content."""
        params = asdict(self.params)
        document: dict[str, Any] = {
            "params": {section: params[section] for section in SECTIONS},
            "weights": file_hash(weights / WEIGHTS) if weights else None,
        }
        if pretrained := content_hash(self.params.pretrained):
            document["pretrained"] = pretrained
        if self.params.copy_synthesis:  # copies are drawn by the seed of partitions
            seed = self.params.data.partition_seed
            document["copies"] = [dict(self.params.copy_synthesis), seed]
        return document


def first_detector(weights: Path | None, params: Params) -> Detector:
    """What a training begins with: a folder's detector, or a new one."""
    from models.detectors.first_weights import new_detector  # torch
    from models.packaging.checkpoint import load_detector

    return load_detector(weights) if weights is not None else new_detector(params)
