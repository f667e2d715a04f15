"""Wrong labels of a corpus, by detectors that were trained without the trials they speak of.

OUT/clips/, OUT/runs/   as of `antiphon cross-validate`: what is done is not done again
OUT/suspects.csv        to be listened to, the likeliest first
OUT/label_noise.json    the joint distribution of given and true labels, and the same list
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from flows.lab.cross_validation import CrossValidation, Say, judge_folds
from flows.lab.packed_corpus import read_trials
from models.evaluation.label_noise import LabelNoise, find_label_noise
from models.evaluation.scores import Scores
from models.files.whole_files import write_json, write_rows
from models.params.detector import DetectorParams
from models.params.tree import Params
from models.trials import Trial

SUSPECTS = "suspects.csv"
CONFIGURED = "configured"
QUICK_OPTIONS = {"components": 64, "highest_hz": 8000.0}  # of a small lfcc-gmm
CROP_SAMPLES = 32_000  # of the quick detector, which also scores windows of that length


@dataclass(frozen=True)
class LabelledCorpus:
    """Where trials are read, and where what is found of them is written."""

    protocol: str
    root: Path
    out: Path


def look_for_label_noise(corpus: LabelledCorpus, params: Params, say: Say) -> LabelNoise:
    """Train fold by fold, or read what OUT holds already, and write down who is suspected.

    Raises InputError where the corpus or the params are unusable, before training.
    """
    wanted = params.label_noise
    validation = CrossValidation(
        corpus.protocol, corpus.root, corpus.out,
        folds=wanted.folds, seeds=1, apart=wanted.apart,
    )  # fmt: skip
    judged = judge_folds(validation, _params_of_training(params), say)
    noise = find_label_noise([fold.scores for fold in judged])
    trials = read_trials(corpus.protocol, corpus.root, params)
    write_label_noise(corpus.out, noise, trials)
    return noise


def label_noise_of(scores: Scores, out: Path | None) -> LabelNoise:
    """What scores of trials that their detector has not learnt from say; written where asked."""
    noise = find_label_noise([scores])
    if out is not None:
        write_label_noise(out, noise)
    return noise


def write_label_noise(out: Path, noise: LabelNoise, trials: Iterable[Trial] = ()) -> None:
    """Both files, with the path and speaker of those suspects that are among the trials."""
    by_id = {trial.utterance_id: trial for trial in trials}
    rows = [
        {**asdict(suspect), **_place(by_id.get(suspect.utterance_id))} for suspect in noise.suspects
    ]
    columns = ("utterance_id", "given", "attack_id", "spoof_probability", "margin")
    out.mkdir(parents=True, exist_ok=True)
    write_rows(out / SUSPECTS, rows or [dict.fromkeys(columns, "")])
    write_json(out / "label_noise.json", noise.to_json())


def _place(trial: Trial | None) -> Mapping[str, str]:
    if trial is None:
        return {"speaker_id": "", "path": ""}
    return {"speaker_id": trial.speaker_id or "", "path": str(trial.path)}


def _params_of_training(params: Params) -> Params:
    """Those of the detector that is asked for; the configured one is trained as it always is."""
    wanted = params.label_noise
    if wanted.detector == CONFIGURED:
        return params
    from models.detectors import resolve_options  # torch

    options = QUICK_OPTIONS if wanted.options is None else wanted.options
    resolve_options(wanted.detector, options)  # refuses what cannot be built
    return replace(
        params,
        detector=DetectorParams(wanted.detector, options),
        window=replace(params.window, samples=CROP_SAMPLES, hop=CROP_SAMPLES),
        training=replace(params.training, crop_samples=CROP_SAMPLES),
        adversarial=replace(params.adversarial, epochs=0),
        copy_synthesis={},
        augmentation={},
    )
