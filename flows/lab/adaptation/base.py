"""The detector of before an attack's release, and what it becomes with labels of that attack."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from flows.candidate.devices import device_here
from flows.candidate.feature_cache import feature_cache
from flows.lab.run_marks import read_mark
from models.data.releases import LEAST, NewAttack
from models.errors import InputError
from models.evaluation.adaptation import AdaptationPoint
from models.evaluation.metrics.eer import eer
from models.files.whole_files import write_json, written_beside
from models.params.tree import Params

if TYPE_CHECKING:
    from models.data.clips import Clips
    from models.detectors.detector import Detector

Rows = NDArray[np.int64]
Scores = NDArray[np.float64]


EMBEDDINGS = "embeddings.npy"


@dataclass(frozen=True, eq=False)
class Base:
    """FOLDER/detector and FOLDER/embeddings.npy, made once for all attacks of a release.

    FOLDER/base.json says what they were made of; where that has changed they are made anew.
    """

    folder: Path
    made_of: str  # a hash of params, weights and clips
    clips: Clips
    attack: NewAttack
    params: Params
    weights: Path | None
    seed: int  # from 0

    def adapted(self, path: str, count: int) -> AdaptationPoint:
        """The point of the curve after `count` labels, drawn by the seed; more labels add to fewer.

        Without labels it is the detector as it is, on both paths.
        """
        order = np.random.default_rng(self.seed).permutation(self.attack.labelled)
        labelled = order[:count]
        if path == "full" and count:
            scores, seconds = self._trained_on(labelled)
        else:
            scores, seconds = self._refitted(labelled)
        attacks = np.array([name or "" for name in self.clips.attack_ids])
        speech, others = scores[self.attack.others], attacks[self.attack.others]
        return AdaptationPoint(
            attack=self.attack.attack,
            path=path,
            labels=count,
            seed=self.seed,
            eer=eer(scores[self.attack.bonafide], scores[self.attack.judged]),
            others={
                known: eer(speech[others == ""], speech[others == known])
                for known in self.attack.known
                if (others == known).sum() >= LEAST
            },
            seconds=seconds,
        )

    def _refitted(self, labelled: Rows) -> tuple[Scores, float]:
        """cm_scores (clips,) by the last layer alone, refitted; seconds for the new clips."""
        from models.packaging.last_layer import LastLayer  # onnx
        from models.training.refit.labelled import LabelledEmbeddings
        from models.training.refit.probing import Probing
        from models.training.refit.refitting import refit

        detector, embeddings = self._detector, self._embeddings
        linear = detector.last_layer
        if linear is None:
            raise InputError(
                f"{self.params.detector.name}: a detector with one last layer expected for the "
                "fast path; --paths full trains any"
            )
        layer = LastLayer(linear.weight.detach().numpy(), linear.bias.detach().numpy())
        if not labelled.size:
            return layer.cm_scores(embeddings), 0.0

        def of(rows: Rows) -> LabelledEmbeddings:
            return LabelledEmbeddings.of(embeddings[rows], self.clips.take(rows))

        began = time.monotonic()
        _embedded(
            detector, self.clips.take(labelled), self.params, cached=False
        )  # as a loop has to
        result = refit(layer, of(self.attack.train), of(labelled), Probing.of(detector))
        return result.layer.cm_scores(embeddings), time.monotonic() - began

    def _trained_on(self, labelled: Rows) -> tuple[Scores, float]:
        """cm_scores (clips,), nan where nothing is judged, of a training with the labels."""
        from flows.lab.fold import Place, learnt_detector, with_seed  # torch
        from flows.lab.fold_runs import first_detector
        from models.detectors.fitted import FittedDetector
        from models.packaging.checkpoint import load_detector
        from models.training.scoring import score_clips

        anew = isinstance(self._detector, FittedDetector)  # estimated from everything, each time
        clips = self.clips
        params = with_seed(self.params, self.seed)
        began = time.monotonic()
        detector = learnt_detector(
            clips.take(np.concatenate([self.attack.train, labelled])),
            clips.take(self.attack.dev),
            params.starting(from_weights=not anew),
            lambda: first_detector(self.weights, params) if anew else load_detector(self._place),
            Place(device_here(), None, progress=True, features=feature_cache()),
        )
        seconds = time.monotonic() - began
        scores = np.full(len(clips), np.nan)
        rows = np.unique(
            np.concatenate([self.attack.judged, self.attack.bonafide, self.attack.others])
        )
        judged = score_clips(
            detector, clips.take(rows), params.window, device_here(), cache=feature_cache()
        )
        scores[rows] = judged.cm_scores
        return scores, seconds

    @property
    def _place(self) -> Path:
        return self.folder / "detector"

    @cached_property
    def _detector(self) -> Detector:
        """Trained on speech and the attacks of before, or read where that was done."""
        from models.packaging.checkpoint import load_detector

        mark = self.folder / "base.json"
        if read_mark(mark) != {"made_of": self.made_of}:
            mark.unlink(missing_ok=True)
            (self.folder / EMBEDDINGS).unlink(missing_ok=True)
            self._learn()
            write_json(mark, {"made_of": self.made_of})
        return load_detector(self._place)

    def _learn(self) -> None:
        from flows.lab.fold import Place, learnt_detector, with_seed  # torch
        from flows.lab.fold_runs import first_detector
        from models.packaging.checkpoint import save_detector

        checkpoints = self.folder / "checkpoints"
        detector = learnt_detector(
            self.clips.take(self.attack.train),
            self.clips.take(self.attack.dev),
            with_seed(self.params, self.seed),
            lambda: first_detector(self.weights, self.params),
            Place(device_here(), checkpoints, progress=True, features=feature_cache()),
        )
        save_detector(detector, self._place, self.params.window)
        shutil.rmtree(checkpoints, ignore_errors=True)

    @cached_property
    def _embeddings(self) -> NDArray[np.float32]:
        path, detector = self.folder / EMBEDDINGS, self._detector
        if path.is_file():
            stored: NDArray[np.float32] = np.load(path, allow_pickle=False)
            return stored
        embeddings = _embedded(detector, self.clips, self.params, progress=True)
        with written_beside(path) as new, new.open("wb") as stream:
            np.save(stream, embeddings)
        return embeddings


def _embedded(
    detector: Detector, clips: Clips, params: Params, *, cached: bool = True, progress: bool = False
) -> NDArray[Any]:
    """Embeddings (clips, d), of each clip the mean over its windows."""
    import torch

    from models.compute.eval_mode import evaluation_mode
    from models.compute.progress import progress_bar
    from models.training.features import cached_embeddings
    from models.training.scoring import window_batches

    device = torch.device(device_here())
    detector.to(device)
    embed = cached_embeddings(detector, device, feature_cache() if cached else None)
    sums = np.zeros((len(clips), detector.embedding_dim), np.float32)
    counts = np.zeros(len(clips), np.int64)
    with evaluation_mode(detector), progress_bar(len(clips), "hear", progress) as bar:
        for windows, owners in window_batches(clips, params.window, 8):
            with torch.inference_mode():
                batch = embed(torch.from_numpy(windows).to(device)).float().cpu().numpy()
            bar.update(int((counts[np.unique(owners)] == 0).sum()))
            np.add.at(sums, owners, batch)
            np.add.at(counts, owners, 1)
    detector.to("cpu")
    return sums / counts[:, None].astype(np.float32)
