"""The commands of dvc.yaml, called in a folder as DVC calls them."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from flows import stages
from flows.candidate.pipeline_folders import CHECKPOINTS, EPOCHS
from models.data.clips import open_clips
from models.data.lessons import LESSONS, read_lessons, write_lessons
from models.detectors import build_detector
from models.errors import InputError
from models.files.manifest import verify
from models.files.whole_files import read_rows
from models.packaging.checkpoint import load_detector, save_detector
from models.params.continual import ContinualParams
from models.params.detector import DetectorParams
from models.params.fine_tuning import FineTuningParams
from models.params.robustness import RobustnessParams
from models.params.training import TrainingParams
from models.params.tree import Params
from models.params.window import WindowParams

NARROW = {"sinc_filters": 12, "sinc_length": 33, "widths": [4], "graph_dims": [8, 8]}
CNN = {"form": "cnn", "widths": [4, 4, 4], "units": 8}  # its graph is written at once
# nothing is learnt, so that the weights that come out are those that went in
PARAMS = Params(
    window=WindowParams(8_000, 8_000),
    detector=DetectorParams("aasist", NARROW),
    training=TrainingParams(
        learning_rate=0.0, final_learning_rate=0.0, weight_decay=0.0, batch_size=2,
        epochs=1, steps_per_epoch=1, crop_samples=8_000,
    ),
    fine_tuning=FineTuningParams(learning_rate=0.0, epochs=1),
)  # fmt: skip


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, tone_corpus: Path) -> Path:
    """A folder after `prepare`."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "data").mkdir()
    (folder / "data" / "base").symlink_to(tone_corpus)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        stages.prepare(PARAMS)
    return folder


@pytest.fixture
def project(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own for each test, with the prepared clips in it."""
    (tmp_path / "pipeline").mkdir()
    (tmp_path / stages.PREPARED).symlink_to(prepared / stages.PREPARED)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANTIPHON_DEVICE", "cpu")
    return tmp_path


def put_detector(folder: Path, seed: int, **options: object) -> dict[str, Tensor]:
    """Save a detector with weights of its own; returns what is learnt of them."""
    torch.manual_seed(seed)
    detector = build_detector("aasist", {**NARROW, **options})
    save_detector(detector, folder, PARAMS.window)
    return dict(detector.named_parameters())


def trained_from(weights: dict[str, Tensor]) -> bool:
    """Whether the train stage began, and here ended, with these weights."""
    trained = dict(load_detector(stages.TRAINED / "detector").named_parameters())
    return trained.keys() == weights.keys() and all(
        torch.equal(trained[name], value) for name, value in weights.items()
    )


def scratch() -> dict[str, Tensor]:
    torch.manual_seed(PARAMS.training.seed)
    return dict(build_detector("aasist", NARROW).named_parameters())


def starting(initial: str) -> Params:
    return replace(PARAMS, training=replace(PARAMS.training, initial=initial))


def test_training_starts_from_the_champion(project: Path) -> None:
    champion = put_detector(project / stages.CHAMPION, seed=1)
    stages.train(PARAMS)
    assert trained_from(champion)


def test_without_a_champion_training_starts_from_scratch(project: Path) -> None:
    assert project
    stages.train(PARAMS)
    assert trained_from(scratch())


def test_a_champion_of_another_kind_is_not_started_from(project: Path) -> None:
    put_detector(project / stages.CHAMPION, seed=1, graph_dims=[8, 16])
    stages.train(PARAMS)
    assert trained_from(scratch())


def test_a_champion_can_be_left_aside(project: Path) -> None:
    put_detector(project / stages.CHAMPION, seed=1)
    stages.train(starting("scratch"))
    assert trained_from(scratch())


def test_training_can_start_from_given_weights(project: Path) -> None:
    put_detector(project / stages.CHAMPION, seed=1)
    weights = put_detector(project / "given", seed=2)
    stages.train(starting("given"))
    assert trained_from(weights)


@pytest.mark.parametrize(
    ("options", "kind"), [({"graph_dims": [8, 16]}, "other options"), (None, "aasist-l")]
)
def test_given_weights_of_another_detector_are_refused_in_one_sentence(
    options: dict[str, Any] | None, kind: str, project: Path
) -> None:
    name = "aasist" if options else "aasist-l"
    another = build_detector(name, {**NARROW, **(options or {})})
    save_detector(another, project / "given", PARAMS.window)
    sentence = (
        "^training.initial: weights of aasist with the options of params.yaml expected, "
        f"given holds those of {kind}$"
    )
    with pytest.raises(InputError, match=sentence):
        stages.train(starting("given"))


def test_training_on_sees_new_spoofs_and_a_memory_of_old_ones(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put_detector(project / stages.CHAMPION, seed=1)
    clips = open_clips(stages.PREPARED, "train")
    keys = list(zip(clips.utterance_ids, clips.attack_ids, strict=True))
    spoofs = [key for key in keys if key[1]]
    write_lessons(project / stages.CHAMPION, [key for key in keys if key not in spoofs[:1]])
    with caplog.at_level(logging.INFO):
        stages.train(replace(PARAMS, continual=ContinualParams("replay", memory_clips=1)))
    old = len(spoofs) - 1
    assert f"1 new spoofs, {min(1, old)} of {old} old ones again" in caplog.text


@pytest.mark.slow
def test_a_detector_folder_tells_what_it_has_learnt_from(project: Path) -> None:
    hardened = project / stages.HARDENED / "detector"
    save_detector(build_detector("cnn-lstm", CNN), hardened, PARAMS.window)
    stages.export(PARAMS)
    clips = open_clips(stages.PREPARED, "train")
    lessons = read_lessons(stages.DETECTOR)
    assert lessons == set(zip(clips.utterance_ids, clips.attack_ids, strict=True))
    assert LESSONS in verify(stages.DETECTOR).files


def test_a_finished_training_leaves_its_story_and_no_checkpoint(project: Path) -> None:
    stages.train(PARAMS)
    (epoch,) = read_rows(project / stages.TRAINED / EPOCHS)
    assert epoch["epoch"] == "1"
    assert list((project / CHECKPOINTS).iterdir()) == []


def test_zero_adversarial_epochs_pass_the_detector_through(project: Path) -> None:
    weights = put_detector(project / stages.TRAINED / "detector", seed=3)
    stages.adversarial(replace(PARAMS, adversarial=replace(PARAMS.adversarial, epochs=0)))
    hardened = dict(load_detector(stages.HARDENED / "detector").named_parameters())
    assert all(torch.equal(hardened[name], value) for name, value in weights.items())


@pytest.mark.parametrize("wanted", [True, False])
def test_the_champion_is_attacked_beside_the_candidate(
    wanted: bool, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.adversarial.under_attack.UNIVERSAL_STEPS", 1)
    put_detector(project / stages.DETECTOR, seed=1)
    put_detector(project / stages.CHAMPION, seed=2)
    params = replace(
        PARAMS,
        evaluation=replace(PARAMS.evaluation, attacked_trials=4),
        robustness=RobustnessParams(
            attacks=("fgsm", "universal"), champion=wanted, guard_trials=2,
        ),
    )  # fmt: skip
    report = stages._under_attack(params, open_clips(stages.PREPARED, "eval"))
    assert list(report["eer"]) == ["clean", "fgsm", "universal"]
    assert ("champion" in report) is ("transfer" in report) is wanted
    if wanted:
        assert report["champion"]["eer"].keys() == report["eer"].keys()
    assert "unbounded_attack_succeeds" in report["guards"]


@pytest.mark.slow
def test_what_is_fitted_goes_through_the_stages_like_any_detector(project: Path) -> None:
    mixtures = {"components": 3, "coefficients": 6, "filters": 12, "frames": 300}
    members = [
        {"name": "lfcc-gmm", "options": mixtures},
        {"name": "cnn-lstm", "options": CNN},
    ]
    params = replace(
        PARAMS,
        detector=DetectorParams("ensemble", {"members": members}),
        training=replace(
            PARAMS.training,
            learning_rate=5e-3,
            final_learning_rate=1e-3,
            batch_size=8,
            steps_per_epoch=20,
        ),
        adversarial=replace(PARAMS.adversarial, steps=1),
        evaluation=replace(PARAMS.evaluation, attacked_trials=4),
        robustness=RobustnessParams(attacks=("fgsm",), guard_trials=0),
    )
    stages.train(params)
    rows = read_rows(project / stages.TRAINED / EPOCHS)
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]  # of both members, and of the whole
    assert list((project / CHECKPOINTS).iterdir()) == []
    stages.adversarial(params)
    stages.export(params)
    stages.evaluate(params)
    manifest = verify(stages.DETECTOR)
    assert manifest.detector == "ensemble"
    assert [member["name"] for member in manifest.options["members"]] == ["lfcc-gmm", "cnn-lstm"]
    report = json.loads((stages.EVALUATION / "report.json").read_text())
    assert report["pooled"]["eer"] <= 0.1  # humming and noise
    assert set(report["under_attack"]["eer"]) == {"clean", "fgsm"}
    shutil.copytree(stages.DETECTOR, stages.CHAMPION)
    stages.train(params)  # from the champion
    assert verify(stages.TRAINED / "detector").options == manifest.options


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU")
def test_a_gpu_that_is_asked_for_and_not_there_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert project
    monkeypatch.setenv("ANTIPHON_DEVICE", "cuda")
    with pytest.raises(stages.InputError, match="ANTIPHON_DEVICE: cuda is set"):
        stages.train(PARAMS)
    monkeypatch.delenv("ANTIPHON_DEVICE")
    Path(".env").write_text("ANTIPHON_DEVICE=cuda\n")  # as where `dvc repro` is typed
    with pytest.raises(stages.InputError, match="ANTIPHON_DEVICE: cuda is set"):
        stages.train(PARAMS)
