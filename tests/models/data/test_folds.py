from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.data.folds import Fold, k_fold, leave_attacks_out, leave_places_out, make_plan
from models.data.protocols.reading import read_protocol
from models.errors import InputError
from models.trials import Partition, Trial

NOWHERE = Path("nowhere")
GROUPS = (
    ("griffinlim_mel80", "festival_hts", "flite_cg"),
    ("world_copy", "hibari", "espeak_ng"),
    ("lpc_vocoder", "svox_pico", "festival_diphone"),
)


def draw_trials(seed: int = 1, speakers: int = 24) -> tuple[Trial, ...]:
    """People with copies of what they said, and synthesisers with voices of their own."""
    rng = np.random.default_rng(seed)
    trials = []
    for number in range(speakers):
        where = list(Partition)[(0, 0, 1, 2)[number % 4]]
        place = {"source": f"source{number % 3}", "language": "cs" if number % 3 else "en"}
        about = {"speaker_id": f"person{number}", "partition": where, **place}
        for utterance in range(int(rng.integers(2, 6))):
            name = f"p{number}-{utterance}"
            trials.append(Trial(name, NOWHERE, None, **about))
            for attack in ("copy1", "copy2"):
                if utterance < 2:
                    copy = Trial(f"{name}-{attack}", NOWHERE, attack, parent=name, **about)
                    trials.append(copy)
        for attack in ("tts1", "tts2"):
            voice = f"{attack}-voice{number % 8}"
            trials.append(
                Trial(
                    f"{attack}-{number}", NOWHERE, attack, speaker_id=voice, partition=where,
                    **place,
                )
            )  # fmt: skip
    return tuple(trials)


TRIALS = draw_trials()
PLANS = {
    "k-fold": {"folds": 4},
    "k-fold, unseen attacks": {"folds": 4, "unseen_attacks": True},
    "attacks": {},
    "sources": {},
    "languages": {},
}


def plan_of(name: str, trials: Sequence[Trial] = TRIALS, seed: int = 5) -> tuple[Fold, ...]:
    return make_plan(name.partition(",")[0], trials, seed=seed, **PLANS[name])  # type: ignore[arg-type]


def assert_nothing_judged_was_heard(trials: Sequence[Trial], fold: Fold) -> None:
    learnt = [trials[row] for row in (*fold.train, *fold.dev)]
    judged = [trials[row] for row in fold.eval]
    assert {t.utterance_id for t in learnt}.isdisjoint(t.utterance_id for t in judged)
    assert {t.speaker_id for t in learnt}.isdisjoint(t.speaker_id for t in judged)
    families = [{t.parent or t.utterance_id for t in side} for side in (learnt, judged)]
    assert families[0].isdisjoint(families[1])
    assert set(fold.train).isdisjoint(fold.dev)


@pytest.mark.parametrize("name", PLANS)
def test_no_speaker_and_no_recording_is_both_heard_and_judged(name: str) -> None:
    for fold in plan_of(name):
        assert_nothing_judged_was_heard(TRIALS, fold)
        for rows in (fold.train, fold.dev, fold.eval):
            assert {TRIALS[row].label for row in rows} == {"bonafide", "spoof"}


@pytest.mark.parametrize("name", PLANS)
def test_the_same_seed_gives_the_same_folds(name: str) -> None:
    for one, other in zip(plan_of(name), plan_of(name), strict=True):
        for part in ("name", "train", "dev", "eval"):
            assert np.array_equal(getattr(one, part), getattr(other, part))


def test_another_seed_deals_other_folds() -> None:
    first, second = (plan_of("k-fold", seed=seed)[0].eval for seed in (1, 2))
    assert not np.array_equal(first, second)


def test_every_trial_is_judged_once_and_dev_once() -> None:
    folds = k_fold(TRIALS, 4, seed=1)
    for part in ("eval", "dev"):
        rows = np.concatenate([getattr(fold, part) for fold in folds])
        assert sorted(rows) == list(range(len(TRIALS)))
    assert all(fold.train.size + fold.dev.size + fold.eval.size == len(TRIALS) for fold in folds)


def test_folds_have_their_share_of_each_class() -> None:
    for fold in k_fold(TRIALS, 4, seed=1):
        for attack in (None, "copy1", "tts1"):
            total = sum(t.attack_id == attack for t in TRIALS)
            share = sum(TRIALS[row].attack_id == attack for row in fold.eval) / total
            assert 0.15 < share < 0.35


def test_folds_do_not_depend_on_the_order_of_groups_alone() -> None:
    sizes = [fold.eval.size for fold in k_fold(draw_trials(speakers=48), 6, seed=1)]
    assert max(sizes) - min(sizes) <= 6


def test_an_attack_with_fewer_trials_than_folds_is_in_some_of_them() -> None:
    rare = Trial("rare", NOWHERE, "rare", speaker_id="rare voice", partition=Partition.TRAIN)
    folds = k_fold((*TRIALS, rare), 4, seed=1)
    assert sum(len(TRIALS) in fold.eval for fold in folds) == 1


def test_with_unseen_attacks_a_fold_hears_nothing_of_those_it_judges() -> None:
    judged = []
    for fold in plan_of("k-fold, unseen attacks"):
        held = {TRIALS[row].attack_id for row in fold.eval} - {None}
        learnt = {TRIALS[row].attack_id for row in (*fold.train, *fold.dev)} - {None}
        assert held.isdisjoint(learnt)
        judged += sorted(held)
    assert sorted(judged) == ["copy1", "copy2", "tts1", "tts2"]


def test_an_attack_that_is_left_out_is_judged_with_its_spoofs_of_every_partition() -> None:
    folds = {fold.name: fold for fold in leave_attacks_out(TRIALS)}
    assert sorted(folds) == ["copy1", "copy2", "tts1", "tts2"]
    spoofs = [TRIALS[row] for row in folds["tts1"].eval if TRIALS[row].attack_id]
    assert {trial.attack_id for trial in spoofs} == {"tts1"}
    # its voices speak nothing else, so that all of them are unheard
    assert len(spoofs) == sum(trial.attack_id == "tts1" for trial in TRIALS)
    learnt = (*folds["tts1"].train, *folds["tts1"].dev)
    assert "tts1" not in {TRIALS[row].attack_id for row in learnt}


def test_copies_of_people_who_are_heard_are_not_judged() -> None:
    fold = next(fold for fold in leave_attacks_out(TRIALS) if fold.name == "copy1")
    spoofs = [TRIALS[row] for row in fold.eval if TRIALS[row].attack_id]
    assert spoofs
    assert {trial.partition for trial in spoofs} == {Partition.EVAL}


def test_attacks_may_be_left_out_together() -> None:
    (fold,) = leave_attacks_out(TRIALS, [("copy1", "tts2")])
    assert fold.name == "copy1+tts2"
    assert {TRIALS[row].attack_id for row in fold.eval} == {None, "copy1", "tts2"}
    assert {TRIALS[row].attack_id for row in fold.train} == {None, "copy2", "tts1"}


def test_a_source_that_is_left_out_is_heard_in_neither_class() -> None:
    for fold in leave_places_out(TRIALS, "source"):
        assert fold.name not in {TRIALS[row].source for row in (*fold.train, *fold.dev)}
        assert {TRIALS[row].source for row in fold.eval} == {fold.name}


def test_a_source_without_spoofs_is_judged_against_those_of_eval() -> None:
    trials = tuple(
        replace(t, source="studio") if t.attack_id and t.source == "source1" else t for t in TRIALS
    )
    (fold,) = leave_places_out(trials, "source", [("source1",)])
    spoofs = [trials[row] for row in fold.eval if trials[row].attack_id]
    assert spoofs
    assert {trial.partition for trial in spoofs} == {Partition.EVAL}
    assert_nothing_judged_was_heard(trials, fold)


def test_other_recordings_of_a_speaker_who_is_judged_are_not_heard() -> None:
    moved = replace(TRIALS[0], utterance_id="elsewhere", source="source2", parent=None)
    trials = (*TRIALS, replace(moved, partition=Partition.TRAIN))
    (fold,) = leave_places_out(trials, "source", [("source0",)])
    assert len(TRIALS) not in {*fold.train, *fold.dev, *fold.eval}


def test_copies_go_where_their_parents_are_learnt_from() -> None:
    copies = [
        Trial(f"{t.utterance_id}.world", NOWHERE, name, parent=t.utterance_id)
        for t in TRIALS
        for name in ("world", "tts1")
        if t.attack_id is None
    ]
    (fold,) = leave_attacks_out(TRIALS, [("tts1",)])
    added = set(fold.and_copies(TRIALS, copies).train) - set(fold.train)
    learnt = {TRIALS[row].utterance_id for row in fold.train}
    # one that goes by the name of what is held out would be learnt from by another door
    assert {copies[row - len(TRIALS)].attack_id for row in added} == {"world"}
    assert len(added) == sum(TRIALS[row].attack_id is None for row in fold.train)
    assert {copies[row - len(TRIALS)].parent for row in added} <= learnt


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"plan": "k-fold", "folds": 2}, "3 folds or more expected"),
        ({"plan": "k-fold", "folds": 30}, "bonafide trials come from 24 groups"),
        ({"plan": "k-fold", "folds": 5, "unseen_attacks": True}, "found 4 attacks"),
        ({"plan": "k-fold", "groups": [("tts1",)]}, "not k-fold"),
        ({"plan": "attacks", "unseen_attacks": True}, "the plan k-fold expected, found attacks"),
        ({"plan": "attacks", "groups": [("tts3",)]}, "no attack named 'tts3' in the trials; known"),
        ({"plan": "attacks", "groups": [("tts1",), ("tts1",)]}, "'tts1' is in two groups"),
        (
            {"plan": "attacks", "groups": [("copy1", "copy2", "tts1", "tts2")]},
            "no spoof trial is left for train",
        ),
        ({"plan": "languages", "groups": [("cs", "en")]}, "no bonafide trial is left for train"),
    ],
)
def test_what_cannot_be_planned_is_said_in_one_sentence(
    arguments: dict[str, object], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint) as error:
        make_plan(trials=TRIALS, **arguments)  # type: ignore[arg-type]
    assert "\n" not in str(error.value)


def test_a_corpus_without_sources_says_so() -> None:
    trials = tuple(replace(trial, source=None) for trial in TRIALS)
    with pytest.raises(InputError, match="the trials name no source"):
        make_plan("sources", trials)


def test_real_speech_is_folded_without_a_leak(shared: Path) -> None:
    trials = read_protocol("antiphon", shared / "corpus").trials
    folds = [
        *k_fold(trials, 5, seed=1),
        *k_fold(trials, 3, seed=1, unseen_attacks=True),
        *leave_attacks_out(trials, GROUPS),
        *leave_places_out(trials, "language"),
    ]
    for fold in folds:
        assert_nothing_judged_was_heard(trials, fold)
    sizes = [sum(trials[row].attack_id is None for row in fold.eval) for fold in folds[:5]]
    assert max(sizes) <= 1.05 * np.mean(sizes)
    assert min(sizes) >= 0.95 * np.mean(sizes)
