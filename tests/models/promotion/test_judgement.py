"""The gate: better beyond chance, no attack pays for the others, nothing is compared unlike."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.errors import InputError
from models.evaluation.scores import Scores, read_scores
from models.params.promotion import PromotionParams
from models.promotion import Evidence, judge
from tests.rates import at_most

PARAMS = PromotionParams(resamples=200, min_trials=10)
SPEAKERS, EACH = 30, 12


def drawn(seed: int, gain: float = 2.0, attacks: tuple[str, ...] = ("A1", "A2")) -> Scores:
    """Scores of one detector on the same trials: noise of speakers and trials is shared."""
    trials = np.random.default_rng(7)
    count = SPEAKERS * EACH
    speakers = np.repeat(np.arange(SPEAKERS), EACH)
    bonafide = np.tile(np.arange(EACH) < EACH // 2, SPEAKERS)
    shared = trials.normal(size=SPEAKERS)[speakers] * 0.5 + trials.normal(size=count) * 0.8
    own = np.random.default_rng(seed).normal(size=count) * 0.5
    names = tuple(f"u{row}" for row in range(count))
    attack = tuple(
        None if real else attacks[row % len(attacks)] for row, real in enumerate(bonafide)
    )
    clusters = tuple(f"s{speaker}" for speaker in speakers)
    return Scores(names, attack, gain * bonafide + shared + own, clusters)


def shuffled(scores: Scores, seed: int = 0) -> Scores:
    order = np.random.default_rng(seed).permutation(len(scores.utterance_ids))
    return Scores(
        tuple(scores.utterance_ids[row] for row in order),
        tuple(scores.attack_ids[row] for row in order),
        scores.cm_scores[order],
        tuple(scores.clusters[row] for row in order),
    )


def test_a_clearly_better_candidate_is_promoted_and_the_reverse_rejected() -> None:
    worse, better = drawn(1), drawn(2, gain=3.5)
    verdict = judge(Evidence.of_scores(worse, better), PARAMS)
    assert verdict.promote
    assert verdict.interval is not None and verdict.interval[1] < 0
    shown = verdict.superiority
    assert shown is not None
    assert shown.difference == shown.eer_candidate - shown.eer_champion
    assert not judge(Evidence.of_scores(better, worse), PARAMS).promote


def test_the_same_scores_are_never_promoted() -> None:
    for scores in (drawn(1), drawn(2, gain=0.0), drawn(3, gain=9.0)):
        verdict = judge(Evidence.of_scores(scores, shuffled(scores)), PARAMS)
        assert not verdict.promote
        assert verdict.interval == (0, 0)


def test_swapping_the_roles_flips_every_sign() -> None:
    one, two = drawn(1), drawn(2, gain=2.4)
    there, back = (
        judge(Evidence.of_scores(one, two), PARAMS),
        judge(Evidence.of_scores(two, one), PARAMS),
    )
    assert there.difference == -(back.difference or 0)
    assert there.interval is not None and back.interval is not None
    assert there.interval == pytest.approx((-back.interval[1], -back.interval[0]))


def test_the_same_seed_gives_the_same_interval_whatever_the_order_of_trials() -> None:
    evidence = Evidence.of_scores(drawn(1), drawn(2))
    mixed = Evidence.of_scores(shuffled(drawn(1), 4), shuffled(drawn(2), 5))
    verdict = judge(evidence, PARAMS)
    assert verdict.interval == judge(mixed, PARAMS).interval
    assert verdict.interval != judge(evidence, replace(PARAMS, seed=1)).interval


def test_one_attack_may_not_pay_for_the_others() -> None:
    champion, candidate = drawn(1), drawn(2, gain=5.0)
    hurt = np.arange(SPEAKERS * EACH) % (2 * EACH) == EACH - 1  # one spoof of every other speaker
    attacks = tuple("A9" if h else a for h, a in zip(hurt, champion.attack_ids, strict=True))
    champion = replace(champion, attack_ids=attacks)
    failing = np.where(hurt, 5.0, candidate.cm_scores)
    candidate = replace(candidate, attack_ids=attacks, cm_scores=failing)
    verdict = judge(Evidence.of_scores(champion, candidate), PARAMS)
    assert verdict.interval is not None and verdict.interval[1] < 0
    assert [check.name for check in verdict.vetoes] == ["A9"]
    assert not verdict.promote
    assert "but the EER of attack A9 rises from" in verdict.reason
    assert verdict.to_json()["by_attack"]["A9"]["veto"] is True


def test_equal_detectors_are_promoted_rarely() -> None:
    pairs, level = 320, PARAMS.direct_level
    promoted = sum(
        judge(Evidence.of_scores(drawn(seed), drawn(seed + 1000)), PARAMS).promote
        for seed in range(pairs)
    )
    assert promoted <= at_most(level, pairs, wrong=3 * level)


def test_the_first_champion_must_stay_below_its_bound() -> None:
    good, bad = drawn(1, gain=4.0), drawn(1, gain=0.2)
    first = judge(Evidence.of_scores(None, good), PARAMS)
    assert first.promote
    assert first.to_json()["eer_champion"] is None
    assert first.to_json()["interval"] is None
    refused = judge(Evidence.of_scores(None, bad), PARAMS)
    assert not refused.promote
    assert "not below the bound of 30.00 %" in refused.reason


def test_unlike_trials_are_never_compared() -> None:
    champion = drawn(1)
    fewer = Scores(
        champion.utterance_ids[:-3],
        champion.attack_ids[:-3],
        champion.cm_scores[:-3],
        champion.clusters[:-3],
    )
    with pytest.raises(InputError, match=r"same trials .* 3 of 360 .* 0 of 357"):
        judge(Evidence.of_scores(champion, fewer), PARAMS)
    renamed = replace(champion, attack_ids=tuple(a and "B9" for a in champion.attack_ids))
    with pytest.raises(ValueError, match="same trials"):
        judge(Evidence.of_scores(champion, renamed), PARAMS)


def test_speakers_known_on_one_side_count_for_both() -> None:
    champion, candidate = drawn(1), drawn(2)
    unknown = replace(champion, clusters=champion.utterance_ids)
    expected = judge(Evidence.of_scores(champion, candidate), PARAMS).interval
    assert judge(Evidence.of_scores(unknown, candidate), PARAMS).interval == expected
    others = replace(champion, clusters=tuple(f"x{c}" for c in champion.clusters[::-1]))
    with pytest.raises(InputError, match="same speakers"):
        judge(Evidence.of_scores(others, candidate), PARAMS)


def test_few_speakers_are_said_and_a_single_one_still_shows_chance() -> None:
    champion, candidate = drawn(1), drawn(2)
    alone = tuple("one" for _ in champion.clusters)
    verdict = judge(
        Evidence.of_scores(replace(champion, clusters=alone), replace(candidate, clusters=alone)),
        PARAMS,
    )
    assert verdict.interval is not None and verdict.interval[0] < verdict.interval[1]
    assert len(verdict.warnings) == 2
    assert "bonafide trials come from 1 speakers" in verdict.warnings[0]


def test_scores_that_run_the_wrong_way_round_are_named_with_their_side() -> None:
    champion = replace(drawn(1), cm_scores=-drawn(1).cm_scores)
    verdict = judge(Evidence.of_scores(champion, drawn(2)), PARAMS)
    assert verdict.warnings[0].startswith("champion: the scores run the wrong way round")


def test_the_verdict_is_a_plain_document() -> None:
    document = json.loads(
        json.dumps(judge(Evidence.of_scores(drawn(1), drawn(2)), PARAMS).to_json())
    )
    assert {
        "verdict",
        "reason",
        "eer_champion",
        "eer_candidate",
        "difference",
        "interval",
        "by_attack",
    } <= set(document)
    assert document["verdict"] in ("promote", "reject")
    assert len(document["interval"]) == 2


def test_attacks_that_a_draw_leaves_out_do_not_stop_the_gate() -> None:
    champion, candidate = drawn(1), drawn(2)
    attacks = tuple(
        "rare" if row == 11 else attack for row, attack in enumerate(champion.attack_ids)
    )
    evidence = Evidence.of_scores(
        replace(champion, attack_ids=attacks), replace(candidate, attack_ids=attacks)
    )
    rare = judge(evidence, PARAMS).by_attack["rare"]
    assert rare.trials == 1
    assert np.isfinite(rare.interval).all()


def test_the_real_rawgat_st_takes_the_place_of_lfcc_resnet_and_not_the_reverse(
    shared: Path,
) -> None:
    folder = shared / "scores"
    keys = folder / "asvspoof2019-la.protocol.txt.gz"
    rawgat = read_scores(folder / "asvspoof2019-la.rawgat-st-mul.txt.gz", keys)
    lfcc = read_scores(folder / "asvspoof2019-la.lfcc-resnet18-softmax.txt.gz", keys)
    forward = judge(Evidence.of_scores(lfcc, rawgat), PARAMS)
    assert forward.promote
    assert forward.difference == pytest.approx(0.01060135 - 0.05057773, abs=1e-7)
    reverse = judge(Evidence.of_scores(rawgat, lfcc), PARAMS)
    assert not reverse.promote
    assert "A17" in {check.name for check in reverse.vetoes}
