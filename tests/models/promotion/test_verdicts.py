"""Promote, reject or shadow: which veto, which set and which budget decides."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.errors import InputError
from models.evaluation.calibration import Calibration
from models.evaluation.costs import Cost, Costs
from models.params.promotion import MarginParams, PromotionParams
from models.promotion import (
    Calibrations,
    Check,
    Decision,
    EvaluationSet,
    Evidence,
    Finding,
    Pair,
    Verdict,
    judge,
)

MakePair = Callable[..., Pair]

PARAMS = PromotionParams(resamples=300)
FROZEN, ROLLING = EvaluationSet.FROZEN, EvaluationSet.ROLLING
FITTED = Calibration(2.0, -3.0, 1.5)  # what the scores of make_pair amount to


def judged(params: PromotionParams = PARAMS, **changes: Any) -> Verdict:
    return judge(Evidence(**changes), params)


def of(verdict: Verdict, kind: str, name: str | None = None) -> Check:
    return next(c for c in verdict.checks if c.kind == kind and name in (None, c.name))


def test_a_gain_beyond_chance_promotes_and_what_was_not_looked_at_is_absent(
    make_pair: MakePair,
) -> None:
    verdict = judged(sets={FROZEN: make_pair(gain=0.8)})
    assert verdict.decision is Decision.PROMOTE
    assert verdict.reason.startswith("the EER falls beyond chance: from")
    shown = verdict.superiority
    assert shown is not None
    assert shown.evaluation_set == "frozen"
    assert (shown.bonafide, shown.spoof, shown.clusters) == (600, 600, 120)
    assert shown.level == pytest.approx(0.03)
    assert shown.difference < shown.bound < 0
    assert shown.share_below == 1.0
    assert shown.auc is not None and shown.auc.difference > 0 and shown.auc.p < 1e-3
    absent = {check.kind for check in verdict.checks if check.finding is Finding.ABSENT}
    assert absent == {
        "sentinel",
        "adversarial",
        "bonafide",
        "calibration",
        "operating-point",
        "cost",
        "golden",
    }
    assert [(c.name, c.finding) for c in verdict.checks if c.kind == "attack"] == [
        ("A1", Finding.HOLDS),
        ("A2", Finding.HOLDS),
    ]


def test_a_gain_that_is_plausible_but_unproven_goes_into_shadow(make_pair: MakePair) -> None:
    verdict = judged(sets={FROZEN: make_pair(gain=0.1, seed=13)})
    shown = verdict.superiority
    assert shown is not None
    assert 0.8 <= shown.share_below < 0.97
    assert verdict.decision is Decision.SHADOW
    assert not verdict.promote
    assert "of the draws lie below zero: live traffic decides" in verdict.reason
    strict = replace(PARAMS, shadow_plausible=0.99)
    assert judged(strict, sets={FROZEN: make_pair(gain=0.1, seed=13)}).decision is Decision.REJECT


def test_where_no_level_is_left_for_live_traffic_nothing_goes_into_shadow(
    make_pair: MakePair,
) -> None:
    direct = replace(PARAMS, shadow_share=0.0)
    assert judged(direct, sets={FROZEN: make_pair(gain=0.1, seed=13)}).decision is Decision.REJECT


def test_a_worn_out_set_promotes_nobody_outright(make_pair: MakePair) -> None:
    pair = replace(make_pair(gain=0.8), version="abc")
    last = judged(sets={FROZEN: pair}, spent={"abc": 0.97})
    assert last.promote
    worn = judged(sets={FROZEN: pair}, spent={"abc": 0.98, "other": 0.0})
    assert worn.decision is Decision.SHADOW
    assert "the frozen set has spent its error budget and a fresh one is needed" in worn.reason
    budget = worn.budgets[FROZEN]
    assert budget.worn_out
    assert (budget.spent, budget.left) == (0.98, pytest.approx(0.02))
    hopeless = judged(sets={FROZEN: make_pair(gain=-0.8)}, spent={"": 5.0})
    assert hopeless.decision is Decision.REJECT


def test_one_attack_may_not_pay_for_the_others_even_where_it_is_known_from_the_field_alone(
    make_pair: MakePair,
) -> None:
    frozen = make_pair(gain=1.5)
    rolling = make_pair(gain=1.5, count=300, prefix="f", hurt={"A2": 3.0})
    renamed = tuple(name and f"F{name}" for name in rolling.candidate.attack_ids)
    assert rolling.champion is not None
    rolling = Pair(
        replace(rolling.candidate, attack_ids=renamed),
        replace(rolling.champion, attack_ids=renamed),
    )
    assert judged(sets={FROZEN: frozen}).promote
    verdict = judged(sets={FROZEN: frozen, ROLLING: rolling})
    assert verdict.decision is Decision.REJECT
    assert [check.name for check in verdict.vetoes] == ["FA2"]
    assert "the EER falls beyond chance" in verdict.reason
    assert "but the EER of attack FA2 rises from" in verdict.reason
    assert list(verdict.by_attack) == ["A1", "A2", "FA1", "FA2"]


def test_a_slice_that_is_too_small_says_so_and_is_not_counted(make_pair: MakePair) -> None:
    pair = make_pair(gain=0.8)
    rare = np.flatnonzero([name == "A2" for name in pair.candidate.attack_ids])[:12]
    attacks = list(pair.candidate.attack_ids)
    for row in rare:
        attacks[row] = "rare"
    assert pair.champion is not None
    few = Pair(
        replace(pair.candidate, attack_ids=tuple(attacks)),
        replace(pair.champion, attack_ids=tuple(attacks)),
    )
    verdict = judged(sets={FROZEN: few})
    assert verdict.promote
    check = of(verdict, "attack", "rare")
    assert check.finding is Finding.UNDECIDED
    assert "600 and 12 trials are too few to decide about 5 points" in check.sentence


def test_few_trials_that_all_go_wrong_still_veto(make_pair: MakePair) -> None:
    pair = make_pair(gain=0.8)
    assert pair.champion is not None
    rare = np.flatnonzero([name == "A2" for name in pair.candidate.attack_ids])[:12]
    attacks = list(pair.candidate.attack_ids)
    scores = pair.candidate.cm_scores.copy()
    for row in rare:
        attacks[row], scores[row] = "rare", 9.0
    broken = replace(pair.candidate, attack_ids=tuple(attacks), cm_scores=scores)
    champion = replace(pair.champion, attack_ids=tuple(attacks))
    assert of(judged(sets={FROZEN: Pair(broken, champion)}), "attack", "rare").finding is (
        Finding.FAILS
    )


@pytest.mark.parametrize(
    ("name", "kind", "sentence"),
    [
        (EvaluationSet.SENTINEL, "sentinel", "of the sentinel set"),
        (EvaluationSet.ADVERSARIAL, "adversarial", "under attacks on the detector itself"),
        (EvaluationSet.TRANSFER, "adversarial", "under attacks on the other detector"),
    ],
)
def test_sentinel_and_attacked_sets_veto(
    make_pair: MakePair, name: EvaluationSet, kind: str, sentence: str
) -> None:
    good, bad = make_pair(gain=0.8, prefix="x"), make_pair(gain=-0.8, prefix="x")
    held = judged(sets={FROZEN: make_pair(gain=0.8), name: good})
    assert held.promote
    assert of(held, kind, name).finding is Finding.HOLDS
    verdict = judged(sets={FROZEN: make_pair(gain=0.8), name: bad})
    assert verdict.decision is Decision.REJECT
    assert f"but the EER {sentence} rises" in verdict.reason


def sliced(pair: Pair, **hurt: float) -> Pair:
    """Bona fide trials by language, by speaker; `hurt` lowers the candidate's scores of one."""
    bonafide = np.flatnonzero(pair.candidate.is_bonafide)
    slices = {
        name: bonafide[bonafide // 10 % 3 == nth] for nth, name in enumerate(("cs", "en", "fr"))
    }
    scores = pair.candidate.cm_scores.copy()
    for name, shift in hurt.items():
        scores[slices[name]] -= shift
    return Pair(
        replace(pair.candidate, cm_scores=scores),
        pair.champion,
        {f"language={name}": rows for name, rows in slices.items()},
    )


def test_bona_fide_speech_of_one_language_may_not_pay_for_the_others(make_pair: MakePair) -> None:
    calibrations = Calibrations(FITTED, FITTED)
    fair = sliced(make_pair(gain=0.8))
    verdict = judged(sets={FROZEN: fair}, calibrations=calibrations)
    assert verdict.promote
    check = of(verdict, "bonafide", "language=fr (frozen)")
    assert (check.finding, check.trials) == (Finding.HOLDS, 200)
    hard = sliced(make_pair(prefix="h"), fr=1.5)
    sets = {FROZEN: fair, EvaluationSet.BONAFIDE_HARD: hard}
    vetoed = judged(sets=sets, calibrations=calibrations)
    assert [check.name for check in vetoed.vetoes] == ["language=fr"]
    assert "the share of language=fr refused rises from" in vetoed.reason
    unknown = judged(sets=sets)
    assert of(unknown, "bonafide").finding is Finding.ABSENT


def test_a_set_of_bona_fide_speech_alone_needs_no_spoofs(make_pair: MakePair) -> None:
    pair = make_pair(prefix="h")
    rows = np.flatnonzero(pair.candidate.is_bonafide)
    assert pair.champion is not None

    def kept(side: Any) -> Any:
        return replace(
            side,
            utterance_ids=tuple(side.utterance_ids[row] for row in rows),
            attack_ids=(None,) * rows.size,
            cm_scores=side.cm_scores[rows],
            clusters=tuple(side.clusters[row] for row in rows),
        )

    hard = Pair(kept(pair.candidate), kept(pair.champion), {"codec=gsm": np.arange(rows.size)})
    verdict = judged(
        sets={FROZEN: make_pair(gain=0.8), EvaluationSet.BONAFIDE_HARD: hard},
        calibrations=Calibrations(FITTED, FITTED),
    )
    assert of(verdict, "bonafide", "codec=gsm").finding is Finding.HOLDS


def test_calibration_vetoes_where_the_order_of_scores_is_better(make_pair: MakePair) -> None:
    pair = make_pair(gain=0.8)
    off = Calibration(0.2, 4.0, 1.5)  # every score becomes "bona fide"
    verdict = judged(sets={FROZEN: pair}, calibrations=Calibrations(off, FITTED))
    assert verdict.decision is Decision.REJECT
    assert {check.name for check in verdict.vetoes} == {"cllr", "act_dcf"}
    held = judged(sets={FROZEN: pair}, calibrations=Calibrations(FITTED, FITTED))
    cllr = of(held, "calibration", "cllr")
    assert cllr.finding is Finding.HOLDS
    assert cllr.candidate is not None and cllr.champion is not None
    assert 0 < cllr.candidate < cllr.champion < 1


def test_a_threshold_that_refuses_more_bona_fide_speech_vetoes(make_pair: MakePair) -> None:
    pair = make_pair(gain=0.8)
    high = Calibration(2.0, -3.0, 3.0)
    verdict = judged(sets={FROZEN: pair}, calibrations=Calibrations(high, FITTED))
    assert [check.kind for check in verdict.vetoes] == ["operating-point"]
    assert "the share of bona fide speech refused rises from" in verdict.reason
    lax = judged(sets={FROZEN: pair}, calibrations=Calibrations(high, FITTED), miss_rate=0.30)
    check = of(lax, "operating-point", "target")
    assert (check.finding, check.champion) == (Finding.HOLDS, pytest.approx(0.30))
    strict = judged(
        sets={FROZEN: pair}, calibrations=Calibrations(FITTED, high), miss_rate=0.001,
        params=replace(PARAMS, margins=MarginParams(operating_point=0.002)),
    )  # fmt: skip
    assert of(strict, "operating-point", "target").finding is Finding.FAILS


def test_latency_memory_and_golden_vectors_veto(make_pair: MakePair) -> None:
    sets = {FROZEN: make_pair(gain=0.8)}
    champion = Cost(10.0, 1_000_000)
    slow = judged(sets=sets, costs=Costs(Cost(21.0, 1_000_000), champion))
    assert [check.name for check in slow.vetoes] == ["latency"]
    assert "latency rises from 10 to 21 ms a window, 2 times are allowed" in slow.reason
    large = judged(
        sets=sets, costs=Costs(Cost(10.0, 1_000_000, 900), replace(champion, memory_bytes=400))
    )
    assert [check.name for check in large.vetoes] == ["memory"]
    for several in (
        Costs(Cost(10.0, 3_000_000, 90_000_000), champion),  # of the champion there is the file
        Costs(Cost(10.0, 3_000_000), replace(champion, memory_bytes=90_000_000)),
    ):
        files = judged(sets=sets, costs=several)
        assert [check.name for check in files.vetoes] == ["memory"]
        assert "memory rises from 1 to 3 MB (the graphs' files)" in files.reason
    process = Costs(Cost(10.0, 1_000_000, 90_000_000), champion)
    assert judged(sets=sets, costs=process).promote
    free = replace(PARAMS, max_latency_ratio=None)
    assert judged(free, sets=sets, costs=Costs(Cost(99.0, 1_000_000), champion)).promote
    golden = judged(sets=sets, golden=False)
    assert golden.decision is Decision.REJECT
    assert "but the candidate does not give its golden vectors" in golden.reason
    assert judged(sets=sets, golden=True).promote


def test_the_first_champion_must_give_its_golden_vectors(make_pair: MakePair) -> None:
    sets = {FROZEN: replace(make_pair(), champion=None)}
    assert judged(sets=sets, golden=True).promote
    refused = judged(sets=sets, golden=False)
    assert refused.decision is Decision.REJECT
    assert refused.reason.startswith("there is no champion yet, but the candidate does not give")


def test_where_drift_asked_the_newest_trials_decide(make_pair: MakePair) -> None:
    sets = {FROZEN: make_pair(gain=0.8), ROLLING: make_pair(gain=-0.1, prefix="f", count=600)}
    assert judged(sets=sets).promote
    drifted = judged(sets=sets, drifted=True)
    assert drifted.superiority is not None
    assert drifted.superiority.evaluation_set == "rolling"
    assert drifted.decision is Decision.REJECT
    assert drifted.budgets[ROLLING].spends == pytest.approx(0.03)
    assert drifted.budgets[FROZEN].spends == 0.0


def test_a_rolling_set_that_is_small_decides_together_with_the_frozen_one(
    make_pair: MakePair,
) -> None:
    small = make_pair(prefix="f", count=80)
    verdict = judged(sets={FROZEN: make_pair(gain=0.8), ROLLING: small}, drifted=True)
    assert verdict.superiority is not None
    assert verdict.superiority.evaluation_set == "frozen and rolling"
    assert verdict.superiority.spoof == 640
    assert {name for name, budget in verdict.budgets.items() if budget.spends} == {FROZEN, ROLLING}
    assert "the rolling set is small: 40 bona fide trials and 40 spoofs" in verdict.warnings[-1]
    assert not any("speakers or sources only" in warning for warning in verdict.warnings)
    alone = judged(sets={FROZEN: make_pair(gain=0.8)}, drifted=True)
    assert "there is no rolling set" in alone.warnings[-1]


def test_a_frozen_set_may_be_missing_where_there_is_a_rolling_one(make_pair: MakePair) -> None:
    verdict = judged(sets={ROLLING: make_pair(gain=0.8)})
    assert verdict.superiority is not None
    assert verdict.superiority.evaluation_set == "rolling"
    with pytest.raises(InputError, match="a frozen or a rolling set expected, there is none"):
        judged(sets={EvaluationSet.SENTINEL: make_pair()})


def test_what_cannot_be_compared_is_refused_in_one_sentence(make_pair: MakePair) -> None:
    pair = make_pair()
    assert pair.champion is not None
    constant = replace(pair.candidate, cm_scores=np.full(1_200, 0.5))
    with pytest.raises(
        InputError, match=r"candidate on frozen: scores that differ .* 1,200 are 0.5"
    ):
        judged(sets={FROZEN: Pair(constant, pair.champion)})
    with pytest.raises(InputError, match="champion on sentinel: scores that differ"):
        judged(sets={FROZEN: pair, EvaluationSet.SENTINEL: Pair(pair.champion, constant)})
    one_class = replace(pair.candidate, attack_ids=("A1",) * 1_200)
    with pytest.raises(InputError, match=r"candidate on adversarial: .* none of the 1,200 is bona"):
        judged(sets={FROZEN: pair, EvaluationSet.ADVERSARIAL: Pair(one_class, one_class)})
    with pytest.raises(InputError, match=r"sentinel: champion and candidate must be scored on the"):
        judged(sets={FROZEN: pair, EvaluationSet.SENTINEL: Pair(pair.candidate, one_class)})
    with pytest.raises(InputError, match=r"frozen and rolling: sets without a trial in common"):
        judged(sets={FROZEN: pair, ROLLING: pair})
    other = replace(pair.champion, clusters=pair.champion.clusters[::-1])
    with pytest.raises(InputError, match="u0 is us119's for the champion and us0's for"):
        judged(sets={FROZEN: Pair(pair.candidate, other)})
    with pytest.raises(InputError, match="sentinel: scores of the champion expected"):
        judged(sets={FROZEN: pair, EvaluationSet.SENTINEL: Pair(pair.candidate, None)})
    with pytest.raises(InputError, match="slice fr: rows of bona fide trials expected"):
        judged(sets={FROZEN: replace(pair, slices={"fr": np.array([0, 1])})})
    with pytest.raises(InputError, match="a finite cm_score expected, found nan for u7"):
        replace(pair.candidate, cm_scores=np.where(np.arange(1_200) == 7, np.nan, 1.0))


def test_every_verdict_is_a_plain_document(make_pair: MakePair) -> None:
    sets = {FROZEN: sliced(make_pair(gain=0.8)), ROLLING: make_pair(prefix="f", count=100)}
    verdict = judged(
        sets=sets,
        calibrations=Calibrations(FITTED, FITTED),
        costs=Costs(Cost(1.0, 10), Cost(1.0, 10)),
        golden=True,
        drifted=True,
    )
    document = json.loads(json.dumps(verdict.to_json(), allow_nan=False))
    assert document["verdict"] == verdict.decision.value
    assert document["superiority"]["bound"] < 0
    assert document["budgets"]["rolling"]["worn_out"] is False
    findings = {(check["kind"], check["name"]): check["finding"] for check in document["checks"]}
    assert findings["golden", "golden"] == "holds"
    assert findings["sentinel", "sentinel"] == "absent"
