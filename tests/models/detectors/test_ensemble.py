"""Several detectors, one answer: members as they would be alone, fused on dev."""

from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

from models.adversarial.hardening import harden
from models.data.clips import Clips
from models.data.left_out import left_out
from models.detectors import Detector, build_detector, cm_score, resolve_options
from models.detectors.ensemble import Ensemble
from models.detectors.fusion import fused, fused_upwards
from models.errors import InputError
from models.files.manifest import read_manifest
from models.packaging.checkpoint import load_detector, save_detector
from models.packaging.export import write_graph
from models.params.adversarial import AdversarialParams
from models.params.training import TrainingParams
from models.params.tree import Params
from models.params.window import WindowParams
from models.training.scoring import score_clips
from models.training.state import weights_hash
from models.training.train import EpochResult, Execution, seed_everything, train
from models.trials import Trial
from tests.tolerances import assert_equal_but_for_rounding, in_float64

GMM = {
    "name": "lfcc-gmm",
    "options": {"components": 3, "coefficients": 6, "filters": 12, "frames": 300, "iterations": 3},
}
NET = {
    "name": "aasist",
    "options": {"sinc_filters": 12, "sinc_length": 33, "widths": [4], "graph_dims": [8, 8]},
}
PARAMS = Params(
    window=WindowParams(8_000, 8_000),
    training=TrainingParams(
        learning_rate=2e-3, final_learning_rate=1e-3, batch_size=4, epochs=2, steps_per_epoch=2,
        crop_samples=8_000, seed=5,
    ),
)  # fmt: skip

pytestmark = pytest.mark.usefixtures("one_thread")


def noises(seed: int, count: int = 16) -> Clips:
    """Half white noise for people, half lowered noise for an attack."""
    rng, trials, waveforms = np.random.default_rng(seed), [], []
    for number in range(count):
        white = 0.1 * rng.standard_normal(8_500)
        spoof = number % 2 == 1
        trials.append(Trial(f"{seed}-{number}", Path("-"), "low" if spoof else None))
        waveforms.append((white[1:] + 0.5 * spoof * white[:-1]).astype(np.float32))
    return Clips.from_arrays(trials, waveforms)


def built(name: str = "ensemble", **options: Any) -> Detector:
    seed_everything(PARAMS.training.seed)
    return build_detector(name, options)


def of(*members: dict[str, Any]) -> Ensemble:
    detector = built(members=list(members))
    assert isinstance(detector, Ensemble)
    return detector


def fit(detector: Detector, params: Params = PARAMS, **run: Any) -> Any:
    return train(detector, noises(1), noises(2), params, run=Execution(**run))


def member_hash(detector: Ensemble, place: int) -> str:
    return weights_hash(detector.detectors[place].state_dict())


def some() -> Tensor:
    return torch.from_numpy(np.stack([noises(3).part(i, 0, 8_000) for i in range(4)]))


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a fitted ensemble; not to be changed."""
    folder = tmp_path_factory.mktemp("ensemble") / "detector"
    detector = of(GMM, NET)
    fit(detector)
    save_detector(detector, folder, PARAMS.window)
    return folder


def test_each_member_learns_as_it_would_alone() -> None:
    epochs: list[EpochResult] = []
    ensemble = of(GMM, NET)
    result = fit(ensemble, on_epoch=epochs.append)
    for place, entry in enumerate((GMM, NET)):
        alone = built(entry["name"], **entry["options"])
        fit(alone)
        assert member_hash(ensemble, place) == weights_hash(alone.state_dict())
    assert [epoch.epoch for epoch in epochs] == [1, 2, 3, 4]
    assert result.best_epoch == 4


def test_the_score_is_the_fusion_of_the_members_scores(stored: Path) -> None:
    ensemble = load_detector(stored)
    assert isinstance(ensemble, Ensemble)
    with torch.inference_mode():
        embedding, logits = ensemble.forward_both(some())
        parts = [member.forward_both(some()) for member in ensemble.detectors]
    scores = torch.stack([cm_score(member_logits) for _, member_logits in parts], dim=1)
    fused = scores @ ensemble.weights + ensemble.offset
    torch.testing.assert_close(cm_score(logits), fused)
    assert torch.equal(
        embedding, torch.cat([member_embedding for member_embedding, _ in parts], dim=1)
    )
    assert embedding.shape[1] == ensemble.embedding_dim == 6 + 40


def test_fused_scores_are_log_likelihood_ratios_and_noise_has_no_say() -> None:
    rng = np.random.default_rng(1)
    bonafide = rng.random(6_000) < 0.2  # both classes weigh the same, however many there are
    way = np.where(bonafide, 1.0, -1.0)
    good, fair, noise = 100 + way, -3 + 0.5 * way, np.zeros(6_000)  # means; spread 1
    scores = np.stack([good, fair, noise], axis=1) + rng.standard_normal((6_000, 3))
    weights, offset = fused(scores, bonafide)
    np.testing.assert_allclose(weights, [2.0, 1.0, 0.0], atol=0.15)  # 2 × mean / variance
    assert weights @ [100, -3, 0] + offset == pytest.approx(0, abs=0.15)


def test_a_member_turned_round_on_left_out_attacks_has_no_say() -> None:
    rng = np.random.default_rng(2)
    bonafide = rng.random(2_000) < 0.5
    way = np.where(bonafide, 1.0, -1.0)
    scores = np.stack([way, -way, 0.5 * way], axis=1) + rng.standard_normal((2_000, 3))
    weights, offset = fused_upwards(scores, bonafide)
    assert weights[1] == 0.0
    alone, offset_alone = fused(scores[:, [0, 2]], bonafide)
    np.testing.assert_array_equal(weights[[0, 2]], alone)
    assert offset == offset_alone
    with pytest.raises(InputError, match="no member scores bona fide speech above spoofs"):
        fused_upwards(-scores[:, [0, 2]], bonafide)


def test_a_member_that_says_one_thing_only_breaks_nothing() -> None:
    scores = np.stack([np.arange(10.0), np.full(10, 3.0)], axis=1)
    weights, offset = fused(scores, np.arange(10) >= 5)
    assert np.isfinite([*weights, offset]).all()
    assert weights[0] > 0 == weights[1]


def two_attacks(seed: int) -> Clips:
    """Noises of which every other spoof is of another attack, and people of four sources."""
    clips = noises(seed, count=24)
    trials = [
        replace(trial, source=f"s{row % 8}") if trial.attack_id is None else
        replace(trial, attack_id=f"a{row % 4}")
        for row, trial in enumerate(clips.trials)
    ]  # fmt: skip
    return replace(clips, trials=tuple(trials))


def test_a_fusion_on_left_out_attacks_is_that_of_members_that_had_not_learnt_them() -> None:
    smaller = {**GMM, "options": {**GMM["options"], "coefficients": 3}}
    clips, dev = two_attacks(1), two_attacks(2)
    ensemble = built(members=[GMM, smaller], fused_on="left_out")
    assert isinstance(ensemble, Ensemble)
    train(ensemble, clips, dev, PARAMS)
    columns = []
    for place, entry in enumerate((GMM, smaller)):
        whole = built(entry["name"], **entry["options"])
        train(whole, clips, dev, PARAMS)
        assert member_hash(ensemble, place) == weights_hash(whole.state_dict())
        parts, bonafide = [], []
        for fold in left_out(clips, dev):
            part = built(entry["name"], **entry["options"])
            train(part, fold.train, fold.dev, PARAMS)
            first_windows = fold.judged.beginnings(PARAMS.window.samples)
            parts.append(score_clips(part, first_windows, PARAMS.window).cm_scores)
            bonafide.append(fold.judged.bonafide)
        columns.append(np.concatenate(parts))
    weights, offset = fused_upwards(np.stack(columns, axis=1), np.concatenate(bonafide))
    fitted = ensemble.weights.double().numpy()
    np.testing.assert_allclose(fitted, weights, rtol=1e-4)  # float32
    assert ensemble.offset.item() == pytest.approx(offset, rel=1e-4)
    on_dev = built(members=[GMM, smaller])
    train(on_dev, clips, dev, PARAMS)
    assert not np.allclose(on_dev.weights.double().numpy(), weights, rtol=1e-2)  # type: ignore[union-attr,operator]


@pytest.mark.parametrize("kind", ["a net", "a folder"])
def test_members_that_may_have_learnt_every_attack_are_not_fused_on_left_out_ones(
    kind: str, stored: Path
) -> None:
    member = NET if kind == "a net" else {"folder": str(stored)}
    with pytest.raises(InputError, match=r"fused_on: dev expected with members\[1\]"):
        build_detector("ensemble", {"members": [GMM, member], "fused_on": "left_out"})


def test_an_ensemble_of_earlier_days_is_fused_on_dev(stored: Path) -> None:
    options = dict(read_manifest(stored).options)
    assert options.pop("fused_on") == "dev"
    assert resolve_options("ensemble", options)["fused_on"] == "dev"
    with pytest.raises(InputError, match="option fused_on: one of dev, left_out expected"):
        build_detector("ensemble", {"members": [GMM], "fused_on": "train"})


def test_equal_members_learn_under_seeds_of_their_own() -> None:
    ensemble = of(NET, NET)
    assert member_hash(ensemble, 0) != member_hash(ensemble, 1)
    alone = built("aasist", **NET["options"])
    assert member_hash(ensemble, 0) == weights_hash(alone.state_dict())


def test_a_stored_ensemble_has_its_members_options_and_weights_in_it(stored: Path) -> None:
    manifest = read_manifest(stored)
    options = resolve_options("ensemble", {"members": [GMM, NET]})
    assert manifest.options == options == resolve_options("ensemble", options)
    assert options["members"][1]["options"]["pool_ratios"] == [0.5, 0.7, 0.5]


def test_one_graph_answers_for_all(tmp_path: Path) -> None:
    fewer = {"name": "lfcc-gmm", "options": {**GMM["options"], "components": 2}}
    detector = of(GMM, fewer)
    fit(detector)
    write_graph(detector, tmp_path / "detector.onnx")
    session = onnxruntime.InferenceSession(
        tmp_path / "detector.onnx", providers=["CPUExecutionProvider"]
    )
    for waveforms in (some(), 0.1 * torch.randn(1, 20_001)):
        with torch.inference_mode():
            expected = detector.forward_both(waveforms)
            exact = in_float64(detector).forward_both(waveforms.double())
        answers = session.run(["embedding", "logits"], {"waveforms": waveforms.numpy()})
        for outputs in zip(answers, expected, exact, strict=True):
            assert_equal_but_for_rounding(*outputs)


def test_a_member_from_a_folder_stays_as_it_is_and_the_folder_may_go(tmp_path: Path) -> None:
    member = built("aasist", **NET["options"])
    fit(member)
    folder = tmp_path / "known"
    save_detector(member, folder, PARAMS.window)
    ensemble = of(GMM, {"folder": str(folder)})
    result = fit(ensemble)
    assert member_hash(ensemble, 1) == weights_hash(member.state_dict())
    assert len(result.history) == 2  # of the mixtures, and of the whole
    save_detector(ensemble, tmp_path / "ensemble", PARAMS.window)
    shutil.rmtree(folder)
    again = load_detector(tmp_path / "ensemble")
    with torch.inference_mode():
        assert torch.equal(again(some()), ensemble(some()))
    with pytest.raises(InputError, match=f"^{folder}: not a detector folder"):
        fit(again)


def test_a_folder_that_has_become_another_detector_is_refused(tmp_path: Path) -> None:
    save_detector(built("aasist", **NET["options"]), tmp_path / "known", PARAMS.window)
    ensemble = of(GMM, {"folder": str(tmp_path / "known")})
    save_detector(built("lfcc-gmm", **GMM["options"]), tmp_path / "known", PARAMS.window)
    with pytest.raises(InputError, match=r"known: aasist with the options of .* found lfcc-gmm"):
        fit(ensemble)


def test_a_member_that_learnt_from_cleaned_speech_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    window = replace(PARAMS.window, spectral_subtraction=3.0)
    save_detector(built("lfcc-gmm", **GMM["options"]), tmp_path / "known", window)
    with caplog.at_level(logging.WARNING):
        fit(of({"folder": str(tmp_path / "known")}))
    assert "learnt with window.spectral_subtraction 3, hears with 0 now" in caplog.text


def test_where_it_starts_from_weights_members_go_on_and_the_fusion_is_fitted_anew(
    stored: Path,
) -> None:
    champion = load_detector(stored)
    assert isinstance(champion, Ensemble)
    member, fusion = member_hash(champion, 1), champion.weights.clone()
    held = replace(PARAMS.training, learning_rate=0.0, final_learning_rate=0.0, weight_decay=0.0)
    champion.weights.fill_(7.0)
    fit(champion, replace(PARAMS, training=replace(held, epochs=1)))
    weights = dict(champion.detectors[1].named_parameters())
    before = dict(load_detector(stored).detectors[1].named_parameters())
    assert all(torch.equal(weights[name], value) for name, value in before.items())
    assert member_hash(champion, 1) != member  # batch norm has heard more
    assert not torch.equal(champion.weights, torch.full((2,), 7.0))
    assert champion.weights.shape == fusion.shape


def test_members_that_can_be_are_hardened_and_fused_again(
    stored: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ensemble, before = load_detector(stored), load_detector(stored)
    assert isinstance(ensemble, Ensemble)
    assert isinstance(before, Ensemble)
    params = replace(PARAMS, adversarial=AdversarialParams(epochs=1, steps=1, learning_rate=1e-3))
    assert harden(ensemble, noises(1), noises(2), params) is not None
    assert member_hash(ensemble, 0) == member_hash(before, 0)
    assert member_hash(ensemble, 1) != member_hash(before, 1)
    assert "lfcc-gmm is fitted and takes no steps" in caplog.text
    caplog.clear()
    assert harden(of(GMM), noises(1), noises(2), params) is None
    assert "ensemble is fitted and takes no steps" in caplog.text


def test_what_was_killed_leaves_each_members_checkpoint_beside_the_others(tmp_path: Path) -> None:
    ensemble = of(NET, GMM, NET)
    fit(ensemble, checkpoint=tmp_path / "train.pt")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "train.1-aasist.pt", "train.3-aasist.pt"
    ]  # fmt: skip
    again = of(NET, GMM, NET)
    epochs: list[EpochResult] = []
    fit(again, checkpoint=tmp_path / "train.pt", on_epoch=epochs.append)
    assert [epoch.epoch for epoch in epochs] == [3, 6]  # what steps found is not looked for again
    assert weights_hash(again.state_dict()) == weights_hash(ensemble.state_dict())


def test_an_ensemble_of_an_ensemble_is_one() -> None:
    nested = of({"name": "ensemble", "options": {"members": [GMM]}}, GMM)
    fit(nested)
    scores = score_clips(nested, noises(3), PARAMS.window)
    assert scores.bonafide.mean() > scores.spoof.mean()


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ([], r"option members: a list of 1 to 16 expected, found \[\]"),
        ("aasist", "option members: a list of 1 to 16"),
        (["aasist"], r"option members\[0\]: name and options, or the folder of a detector, exp"),
        ([GMM, {}], r"option members\[1\]: name and options, or the folder"),
        ([{"name": 3}], r"option members\[0\]: name and options"),
        ([{"name": "aasist", "option": {}}], r"option members\[0\]: name and options"),
        ([{"folder": "x", "options": {}}], r"option members\[0\]: name and options"),
        ([{"folder": "absent"}], "^absent: not a detector folder"),
        ([{"name": "asist"}], r"^option members\[0\]: no detector named 'asist'; known"),
        ([{"name": "aasist", "options": {"width": 1}}], r"members\[0\]: aasist: no option named"),
        ([{"name": "aasist", "options": {"widths": 8}}], "option widths: a list"),
    ],
)
def test_what_cannot_be_built_is_refused_by_name(members: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        build_detector("ensemble", {"members": members})
