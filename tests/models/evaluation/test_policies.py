"""A policy says how sure an answer must be, and `default` never contradicts the threshold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.errors import InputError
from models.evaluation.calibration import Calibration
from models.evaluation.policies import (
    Policies,
    Policy,
    SpeechVerdict,
    read_policies,
    threshold_alone,
    write_policies,
)

CAREFUL = Policy("careful", -1.5, 2.0)


@pytest.mark.parametrize(
    ("llr", "verdict"),
    [
        (-1.6, SpeechVerdict.SPOOF),
        (-1.5, SpeechVerdict.UNCERTAIN),
        (1.99, SpeechVerdict.UNCERTAIN),
        (2.0, SpeechVerdict.BONAFIDE),
    ],
)
def test_between_the_two_ratios_of_a_policy_nothing_is_claimed(
    llr: float, verdict: SpeechVerdict
) -> None:
    assert CAREFUL.verdict(llr) is verdict


def test_a_version_without_policies_answers_as_its_threshold_does() -> None:
    rng = np.random.default_rng(1)
    for slope, intercept, threshold in rng.normal(size=(50, 3)):
        calibration = Calibration(abs(slope) + 0.01, intercept, threshold)
        policy = threshold_alone(calibration).named("default")
        for cm_score in (threshold, *rng.normal(threshold, 1.0, 20)):
            llr = float(calibration.llr(np.array(cm_score)))
            assert policy.verdict(llr) == calibration.verdict(cm_score).value


def test_policies_come_back_from_their_file_as_they_were(tmp_path: Path) -> None:
    policies = Policies({"careful": CAREFUL, "default": Policy("default", 0.1, 0.1)})
    write_policies(tmp_path, policies)
    assert read_policies(tmp_path) == policies
    assert policies.names == ("default", "careful")


def test_an_unknown_policy_is_refused_with_the_names_that_there_are() -> None:
    policies = Policies({"careful": CAREFUL, "default": Policy("default", 0.0, 0.0)})
    with pytest.raises(InputError, match="no policy named 'lax'; known: default, careful"):
        policies.named("lax")


@pytest.mark.parametrize("bounds", [(1.0, 0.9), (float("nan"), 0.0), (0.0, float("inf"))])
def test_a_policy_that_gives_no_answer_or_two_is_refused(bounds: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="policy odd: a finite spoof_below at or below"):
        Policy("odd", *bounds)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{}", "a policy named 'default' expected"),
        ("[]", "not a table of policies"),
        ("{", "not a table of policies"),
        ('{"default": {"spoof_below": 1, "bonafide_from": 0}}', "at or below bonafide_from"),
        ('{"default": {"spoof_below": "low", "bonafide_from": 0}}', "not a table of policies"),
        ('{"default": {"spoof_below": 0}}', "not a table of policies"),
    ],
)
def test_a_damaged_file_of_policies_is_refused_by_name(
    tmp_path: Path, text: str, reason: str
) -> None:
    (tmp_path / "policies.json").write_text(text)
    with pytest.raises(InputError, match=rf"policies\.json: .*{reason}"):
        read_policies(tmp_path)
    (tmp_path / "policies.json").unlink()
    with pytest.raises(InputError, match="cannot be read"):
        read_policies(tmp_path)
