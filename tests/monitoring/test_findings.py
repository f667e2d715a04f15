"""Which kind of drift a sentence speaks of, and what it names."""

from __future__ import annotations

import pytest

from monitoring.findings import Kind, SignalFinding, kinds_of, sentences
from monitoring.signals import BY_NAME


def moved(*names: str, value: float = 1.2) -> tuple[SignalFinding, ...]:
    return tuple(SignalFinding(BY_NAME[name], value, 0.8, 200, 2) for name in names)


@pytest.mark.parametrize(
    ("names", "explained", "kinds"),
    [
        (("bandwidth_hz",), False, (Kind.COVARIATE,)),
        (("mmd", "cm_score"), False, (Kind.COVARIATE,)),
        (("mmd", "spoof_share"), False, (Kind.COVARIATE,)),
        (("mmd", "spoof_share"), True, (Kind.LABEL,)),
        (("spoof_share", "cm_score"), False, (Kind.LABEL,)),
        (("known_false_alarms",), False, (Kind.CONCEPT,)),
        (("known_misses", "mmd"), False, (Kind.COVARIATE,)),
        (("known_misses", "spoof_share"), False, (Kind.LABEL, Kind.CONCEPT)),
        (("cm_score",), False, (Kind.SCORE,)),
        ((), False, ()),
    ],
)
def test_the_kind_follows_from_what_moved(
    names: tuple[str, ...], explained: bool, kinds: tuple[Kind, ...]
) -> None:
    assert kinds_of(moved(*names), explained) == kinds


def test_a_sentence_names_signals_values_limits_and_requests() -> None:
    (sentence,) = sentences(moved("bandwidth_hz", "domain_auc"), [Kind.COVARIATE])
    assert sentence == (
        "covariate drift: inputs and embeddings moved: domain_auc 1.20, limit 0.80, 200 requests; "
        "bandwidth_hz 1.20 standard deviations, limit 0.80, 200 requests"
    )


def test_labels_that_contradict_verdicts_are_named_beside_inputs_that_moved() -> None:
    (sentence,) = sentences(moved("mmd", "known_false_alarms"), [Kind.COVARIATE])
    assert sentence.endswith(
        "reviewed labels contradict verdicts: known_false_alarms 1.20, limit 0.80, 200 requests"
    )


def test_the_farthest_over_their_limits_come_first_and_the_rest_is_counted() -> None:
    names = ("level_dbfs", "snr_db", "f0_hz", "crest_db", "dc_offset")
    findings = [*moved(*names), *moved("duration_s", value=9.0)]
    (sentence,) = sentences(findings, [Kind.COVARIATE])
    assert "moved: duration_s 9.00" in sentence and sentence.endswith("; 2 more")
