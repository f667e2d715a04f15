"""A policy says how sure an answer must be, and `default` never contradicts the threshold."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from models.errors import InputError
from models.evaluation.calibration import Calibration
from models.evaluation.policies import (
    Policies,
    Policy,
    SpeechVerdict,
    place_policies,
    read_policies,
    threshold_alone,
    write_policies,
)
from models.params.calibration import DEFAULT_POLICIES, PolicyParams
from models.params.tree import params_from_mapping

DIRECT = Calibration(2.0, -1.0, 0.4)
BEHIND_CODEC = Calibration(0.5, 0.3, -0.2)  # of the same detector on telephone speech
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


def test_the_default_policies_go_from_the_strictest_to_the_most_lenient() -> None:
    policies = place_policies(DIRECT, {"g711_mulaw": BEHIND_CODEC}, DEFAULT_POLICIES)
    assert set(policies.names) == {"default", "high-security", "low-friction", "telephone"}
    centre = DIRECT.llr_of(DIRECT.threshold)
    strict, lenient = policies.named("high-security"), policies.named("low-friction")
    assert strict.spoof_below == lenient.bonafide_from == pytest.approx(centre)
    assert strict.bonafide_from == pytest.approx(centre + math.log(10))
    assert lenient.spoof_below == pytest.approx(centre - math.log(10))
    default = policies.named("default")
    assert default.spoof_below < centre < default.bonafide_from


def test_a_policy_behind_a_codec_gives_the_verdicts_of_the_calibration_behind_it() -> None:
    odds = {"default": PolicyParams(), "telephone": PolicyParams(3.0, 5.0, "g711_mulaw")}
    policy = place_policies(DIRECT, {"g711_mulaw": BEHIND_CODEC}, odds).named("telephone")
    centre = BEHIND_CODEC.llr_of(BEHIND_CODEC.threshold)
    own = Policy("telephone", centre - math.log(3.0), centre + math.log(5.0))
    for cm_score in np.linspace(-8.0, 8.0, 161):
        verdict = policy.verdict(DIRECT.llr_of(cm_score))
        assert verdict is own.verdict(BEHIND_CODEC.llr_of(cm_score))


@pytest.mark.parametrize(
    ("policies", "reason"),
    [
        ({"strict": {}}, "policies: a policy default without codec expected"),
        ({"default": {"codec": "gsm"}}, "policies: a policy default without codec expected"),
        (
            {"default": {"spoof": 0.5}},
            r"policies\.default\.spoof: 1 to 1000000 expected, found 0\.5",
        ),
        (
            {"default": {"odds": 2.0}},
            "default: no parameter named 'odds'; known: spoof, bonafide, codec",
        ),
        (
            {"default": {}, "phone": {"codec": "fax"}},
            r"phone: codec: one of none, g711_mulaw,.* found 'fax'",
        ),
        ({"default": {}, "No Caps": {}}, "small letters, digits and - expected, found 'No Caps'"),
    ],
)
def test_policies_that_say_nothing_sensible_are_refused_by_key(
    policies: dict[str, dict[str, object]], reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        params_from_mapping({"calibration": {"policies": policies}})
