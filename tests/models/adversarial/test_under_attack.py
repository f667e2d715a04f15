from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from torch import nn

from models.adversarial.under_attack import under_attack
from models.data.clips import Clips
from models.params.evaluation import EvaluationParams
from models.params.robustness import RobustnessParams
from models.params.tree import Params

ATTACKS = ("fgsm", "pgd", "square", "universal")


def report(
    detector: nn.Module,
    champion: nn.Module | None,
    clips: Clips,
    train: Clips,
    params: Params,
    **changes: Any,
) -> dict[str, Any]:
    robustness = RobustnessParams(
        attacks=ATTACKS, snrs_db=(20.0, 35.0), steps=3, guard_trials=12,
    )  # fmt: skip
    params = replace(
        params,
        evaluation=EvaluationParams(attacked_trials=20, attack_snr_db=20.0),
        robustness=replace(robustness, **changes),
    )
    return json.loads(json.dumps(under_attack(detector, champion, clips, train, params)))


@pytest.fixture
def figures(
    trained_detector: nn.Module,
    tiny_detector: Callable[[], nn.Module],
    dev_clips: Clips,
    train_clips: Clips,
    tiny_params: Params,
) -> dict[str, Any]:
    champion = tiny_detector()
    return report(trained_detector, champion, dev_clips, train_clips, tiny_params)


def test_the_report_has_every_attack_attack_id_and_snr_of_both_detectors(
    figures: dict[str, Any],
) -> None:
    assert (figures["trials"], figures["snr_db"]) == (20, 20.0)
    for part in (figures, figures["champion"], figures["transfer"]):
        assert list(part["eer"]) == ["clean", *ATTACKS]
        assert list(part["by_attack"]) == ["A1", "A2"]
        assert all(list(eers) == ["clean", *ATTACKS] for eers in part["by_attack"].values())
        assert list(part["by_snr"]) == ["20", "35"]
        assert all(list(eers) == list(ATTACKS) for eers in part["by_snr"].values())
        assert part["by_snr"]["20"] == {name: part["eer"][name] for name in ATTACKS}
        assert all(0 <= rate <= 1 for rate in part["eer"].values())


def test_attacks_hurt_and_quieter_ones_less(figures: dict[str, Any]) -> None:
    assert figures["eer"]["pgd"] > figures["eer"]["clean"]
    assert figures["by_snr"]["35"]["pgd"] <= figures["by_snr"]["20"]["pgd"]


def test_what_was_made_on_the_champion_is_scored_by_the_candidate(figures: dict[str, Any]) -> None:
    assert figures["transfer"]["eer"]["clean"] == figures["eer"]["clean"]
    assert figures["transfer"]["eer"]["pgd"] <= figures["eer"]["pgd"]
    assert figures["transfer"] != figures["champion"]


def test_guards_come_with_figures_and_warn_where_they_fail(figures: dict[str, Any]) -> None:
    assert list(figures["guards"]) == [
        "white_box_is_stronger",
        "more_steps_are_stronger",
        "unbounded_attack_succeeds",
        "own_examples_are_worse",
    ]
    failed = [name for name, guard in figures["guards"].items() if not guard["holds"]]
    assert len(figures["warnings"]) == len(failed)
    assert figures["guards"]["white_box_is_stronger"]["push_white_box"] > 0


def test_a_detector_is_its_own_champions_equal(
    trained_detector: nn.Module, dev_clips: Clips, train_clips: Clips, tiny_params: Params
) -> None:
    document = report(trained_detector, trained_detector, dev_clips, train_clips, tiny_params)
    assert document["champion"]["eer"] == document["transfer"]["eer"] == document["eer"]


def test_without_champion_and_guards_there_is_what_there_was(
    trained_detector: nn.Module, dev_clips: Clips, train_clips: Clips, tiny_params: Params
) -> None:
    document = report(
        trained_detector, None, dev_clips, train_clips, tiny_params,
        attacks=("fgsm", "pgd"), snrs_db=(), guard_trials=0,
    )  # fmt: skip
    assert set(document) == {"trials", "snr_db", "eer", "by_attack", "by_snr", "guards", "warnings"}
    assert list(document["eer"]) == ["clean", "fgsm", "pgd"]
    assert document["guards"] == {}
    assert document["warnings"] == []


def test_the_champion_hears_windows_of_its_own(
    trained_detector: nn.Module,
    tiny_detector: Callable[[], nn.Module],
    dev_clips: Clips,
    train_clips: Clips,
    tiny_params: Params,
) -> None:
    champion, lengths = tiny_detector(), {"candidate": set[int](), "champion": set[int]()}
    for name, detector in (("candidate", trained_detector), ("champion", champion)):
        detector.register_forward_pre_hook(
            lambda _, inputs, name=name: lengths[name].add(inputs[0].shape[1])
        )
    params = replace(
        tiny_params,
        evaluation=EvaluationParams(attacked_trials=8, attack_snr_db=20.0),
        robustness=RobustnessParams(attacks=("fgsm",), snrs_db=(), guard_trials=0),
    )
    own = replace(params.window, samples=params.window.samples + 100)
    document = under_attack(
        trained_detector, champion, dev_clips, train_clips, params, champion_window=own
    )
    assert lengths == {"candidate": {params.window.samples}, "champion": {own.samples}}
    assert set(document["transfer"]["eer"]) == {"clean", "fgsm"}
