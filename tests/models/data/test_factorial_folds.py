"""Attacks and sources held out at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.data.folds import EvaluationCell, FactorialFold, factorial_folds
from models.data.folds.dealing import Stock, deal
from models.data.protocols.reading import read_protocol
from models.errors import InputError
from models.trials import Partition, Trial

NOWHERE = Path("nowhere")
ATTACKS = [("tts0", "copy0"), ("tts1",), ("tts2", "copy1")]


def draw_trials() -> tuple[Trial, ...]:
    """Six sources, two of them crowded and two of one speaker; three synthesisers, two vocoders."""
    trials = []
    for source in range(6):
        place = {"source": f"source{source}", "partition": Partition.TRAIN}
        for number in range(72):
            person = "twin" if source in (4, 5) else f"person{source}"
            if source < 2:
                person += f"-{number % 8}"
            name = f"human-{source}-{number}"
            trials.append(Trial(name, NOWHERE, None, speaker_id=person, **place))
            trials += [
                Trial(f"{name}-{copy}", NOWHERE, copy, speaker_id=person, parent=name, **place)
                for copy in ("copy0", "copy1")
                if number % 3 == 0
            ]
        for attack in ("tts0", "tts1", "tts2"):
            trials += [
                Trial(
                    f"{attack}-{source}-{number}", NOWHERE, attack, speaker_id=f"{attack}:voice",
                    **place,
                )
                for number in range(24)
            ]  # fmt: skip
    return tuple(trials)


TRIALS = draw_trials()


def folds_of(trials: Sequence[Trial] = TRIALS, **more: object) -> tuple[FactorialFold, ...]:
    return factorial_folds(trials, **{"folds": 3, "seed": 1, **more})  # type: ignore[arg-type]


FOLDS = folds_of()


def attacks_of(trials: Sequence[Trial], rows: np.ndarray) -> set[str]:
    return {attack for row in rows if (attack := trials[row].attack_id) is not None}


def sources_of(trials: Sequence[Trial], rows: np.ndarray) -> set[str | None]:
    return {trials[row].source for row in rows}


def assert_cells_are_what_they_are_called(
    trials: Sequence[Trial], folds: Sequence[FactorialFold]
) -> None:
    for fold in folds:
        learnt = attacks_of(trials, fold.train), sources_of(trials, fold.train)
        for cell, rows in fold.cells.items():
            attacks, sources = attacks_of(trials, rows), sources_of(trials, rows)
            if cell in (EvaluationCell.BOTH_HEARD, EvaluationCell.SOURCE_NEW):
                assert attacks <= learnt[0], cell
            else:
                assert attacks.isdisjoint(learnt[0]), cell
            if cell in (EvaluationCell.BOTH_HEARD, EvaluationCell.ATTACK_NEW):
                assert sources <= learnt[1], cell
            else:
                assert sources.isdisjoint(learnt[1]), cell


def assert_nothing_is_on_two_sides(
    trials: Sequence[Trial], folds: Sequence[FactorialFold], crowded: Sequence[str]
) -> None:
    for fold in folds:
        learnt = [trials[row] for row in (*fold.train, *fold.dev)]
        judged = [trials[row] for row in fold.eval]
        assert set(fold.train).isdisjoint(fold.dev)
        families = [{t.parent or t.utterance_id for t in side} for side in (learnt, judged)]
        assert families[0].isdisjoint(families[1])
        people = [
            {t.speaker_id for t in side if t.source in crowded and (t.parent or not t.attack_id)}
            for side in (learnt, judged)
        ]
        assert people[0].isdisjoint(people[1])


def test_each_cell_has_the_attacks_and_sources_that_its_name_says() -> None:
    assert_cells_are_what_they_are_called(TRIALS, FOLDS)


def test_no_recording_and_no_speaker_of_a_crowded_source_is_on_two_sides() -> None:
    assert_nothing_is_on_two_sides(TRIALS, FOLDS, ["source0", "source1"])


def test_both_classes_of_a_cell_come_from_the_same_sources() -> None:
    for fold in FOLDS:
        for rows in fold.cells.values():
            human = [row for row in rows if TRIALS[row].attack_id is None]
            spoofs = [row for row in rows if TRIALS[row].attack_id is not None]
            assert sources_of(TRIALS, np.array(human)) == sources_of(TRIALS, np.array(spoofs))


def test_dev_has_neither_an_attack_nor_a_source_of_train_or_of_what_is_held_out() -> None:
    for fold in FOLDS:
        attacks, sources = attacks_of(TRIALS, fold.dev), sources_of(TRIALS, fold.dev)
        assert attacks.isdisjoint(attacks_of(TRIALS, fold.train) | set(fold.attacks))
        assert sources.isdisjoint(sources_of(TRIALS, fold.train) | set(fold.sources))


def test_every_attack_and_every_source_is_held_out_once() -> None:
    assert sorted(name for fold in FOLDS for name in fold.attacks) == [
        "copy0", "copy1", "tts0", "tts1", "tts2",
    ]  # fmt: skip
    assert sorted(name for fold in FOLDS for name in fold.sources) == [
        f"source{number}" for number in range(6)
    ]


def test_sources_that_share_a_speaker_are_held_out_together() -> None:
    for fold in FOLDS:
        assert ("source4" in fold.sources) == ("source5" in fold.sources)


def test_every_fold_keeps_other_speech_of_a_heard_source_from_training() -> None:
    kept: dict[str, list[set[str]]] = {}
    for fold in FOLDS:
        for row in fold.cells[EvaluationCell.BOTH_HEARD]:
            trial = TRIALS[row]
            if trial.attack_id is None:
                parts = kept.setdefault(str(trial.source), [])
                while len(parts) < len(FOLDS):
                    parts.append(set())
                parts[FOLDS.index(fold)].add(trial.utterance_id)
    for parts in kept.values():
        assert all(a.isdisjoint(b) for n, a in enumerate(parts) for b in parts[n + 1 :])


def test_the_same_seed_deals_the_same_folds_and_another_one_others() -> None:
    again = folds_of()
    for one, other in zip(FOLDS, again, strict=True):
        assert one.name == other.name
        assert all(np.array_equal(one.cells[cell], other.cells[cell]) for cell in one.cells)
    others = {fold.name for seed in (2, 3) for fold in folds_of(seed=seed)}
    assert others - {fold.name for fold in FOLDS}


def test_groups_that_are_given_are_held_out_as_they_are() -> None:
    folds = folds_of(attacks=ATTACKS)
    assert [set(fold.attacks) for fold in folds] == [set(group) for group in ATTACKS]
    sources = [("source0", "source2"), ("source1", "source3"), ("source4", "source5")]
    folds = folds_of(attacks=ATTACKS, sources=sources)
    assert [set(fold.sources) for fold in folds] == [set(group) for group in sources]


def test_the_dealing_lets_attacks_meet_the_sources_that_they_are_held_out_with() -> None:
    # most of an attack is in two places of six: one draw in ninety pairs them all
    spoofs = np.kron(20 + 30 * np.eye(3, dtype=np.int64), np.ones((1, 2), dtype=np.int64))
    places = [(f"source{number}",) for number in range(6)]
    stock = Stock(["a", "b", "c"], places, spoofs, 0 * spoofs, np.full(6, 100), 0.25)
    dealing = deal(stock, 3, 1, None, None)
    for attacks, sources in zip(dealing.attacks, dealing.sources, strict=True):
        (attack,) = attacks
        row = ["a", "b", "c"].index(attack)
        assert set(sources) == {f"source{2 * row}", f"source{2 * row + 1}"}


def test_copies_by_the_name_of_an_attack_of_dev_are_not_learnt_from() -> None:
    fold = folds_of(attacks=ATTACKS)[0]  # dev has tts1
    parents = [TRIALS[row].utterance_id for row in fold.train if TRIALS[row].attack_id is None]
    copies = [
        Trial(f"{name}.{attack}", NOWHERE, attack, parent=name)
        for name in parents
        for attack in ("tts0", "tts1", "tts2", "world_copy")
    ]
    added = fold.and_copies(TRIALS, copies).train[fold.train.size :]
    assert {copies[row - len(TRIALS)].attack_id for row in added} == {"tts2", "world_copy"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"folds": 2}, "3 folds or more expected"),
        ({"folds": 6}, "6 folds expected, but the trials have 5 attacks and 5 sources"),
        ({"attacks": [("tts9",)]}, "no attack named 'tts9'"),
        ({"sources": [("source0",), ("source0",)]}, "source 'source0' is in two groups"),
        (
            {"attacks": ATTACKS, "sources": [("source0",), ("source1",)]},
            "as many groups of sources as of attacks expected, found 2 and 3",
        ),
        (
            {"sources": [("source0", "source4"), ("source1", "source5"), ("source2",)]},
            "source4, source5 share a speaker",
        ),
    ],
)
def test_what_cannot_be_dealt_is_said_in_one_sentence(
    arguments: dict[str, object], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint) as error:
        folds_of(**arguments)
    assert "\n" not in str(error.value)


def test_a_cell_with_too_few_trials_is_refused_by_fold_and_cell() -> None:
    trials = [
        trial
        for trial in TRIALS
        if trial.attack_id not in ("tts0", "copy0") or trial.source in ("source4", "source5")
    ]
    sources = [("source0", "source2"), ("source1", "source3"), ("source4", "source5")]
    with pytest.raises(
        InputError,
        match=r"fold 1 \(tts0\+copy0; source0\+source2\): 10 bona fide trials or more expected in "
        "'attack not heard, source heard'|fold 1 .* in 'attack not heard, source not heard'",
    ):
        folds_of(trials, attacks=ATTACKS, sources=sources)


def test_a_corpus_without_sources_says_so() -> None:
    with pytest.raises(InputError, match="the trials name no source"):
        folds_of([replace(trial, source=None) for trial in TRIALS])


def test_real_speech_fills_every_cell_without_a_leak(shared: Path) -> None:
    trials = read_protocol("antiphon", shared / "corpus").trials
    folds = factorial_folds(trials)
    assert_cells_are_what_they_are_called(trials, folds)
    assert_nothing_is_on_two_sides(trials, folds, ["fotaq", "fillets_cs"])
    assert {name for fold in folds for name in fold.attacks} == attacks_of(
        trials, np.arange(len(trials))
    )
    for fold in folds:
        rows = fold.cells[EvaluationCell.BOTH_NEW]
        assert attacks_of(trials, rows) == set(fold.attacks)
        assert sum(trials[row].attack_id is not None for row in rows) >= 40
