"""What is refused before and after one detector takes another's place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.errors import InputError
from models.operating_points import miss_rate_threshold
from models.operating_transfer import Transfer, operating_transfer
from models.scores import Scores, read_scores


def scores_of(values: np.ndarray, clusters: list[str], spoofs: int = 0) -> Scores:
    names = tuple(f"u{row}" for row in range(values.size))
    attacks = (*[None] * (values.size - spoofs), *["A1"] * spoofs)
    return Scores(names, attacks, values, tuple(clusters))


def voices(seed: int, people: int, each: int, alike: float) -> Scores:
    """Bona fide trials of people whose scores differ, of unit variance in all."""
    random = np.random.default_rng(seed)
    own = np.repeat(random.normal(size=people), each) * alike**0.5
    values = own + random.normal(size=people * each) * (1 - alike) ** 0.5
    return scores_of(values, [f"p{number}" for number in range(people) for _ in range(each)])


def rows_of(scores: Scores, people: set[str]) -> Scores:
    """The bona fide trials of some people, with every other spoof."""
    rows = [
        row
        for row, name in enumerate(scores.clusters)
        if (name in people if scores.is_bonafide[row] else row % 2)
    ]
    return Scores(
        tuple(scores.utterance_ids[row] for row in rows),
        tuple(scores.attack_ids[row] for row in rows),
        scores.cm_scores[rows],
        tuple(scores.clusters[row] for row in rows),
    )


@pytest.fixture(scope="module")
def published(shared: Path) -> tuple[Scores, Scores]:
    """Two detectors of very different scales on the same real trials, with their speakers."""
    folder = shared / "scores"
    keys = folder / "asvspoof2019-la.protocol.txt.gz"
    names = ("rawgat-st-mul", "lfcc-resnet18-softmax")
    old, new = (read_scores(folder / f"asvspoof2019-la.{name}.txt.gz", keys) for name in names)
    return old, new


def test_between_detectors_of_different_scales_the_share_refused_stays_what_was_set(
    published: tuple[Scores, Scores],
) -> None:
    old, new = published
    assert old.cm_scores.std() > 2 * new.cm_scores.std()
    people = sorted({n for n, b in zip(old.clusters, old.is_bonafide, strict=True) if b})
    held: list[Transfer] = []
    for seed in range(8):
        order = np.random.default_rng(seed).permutation(len(people))
        dev = {people[at] for at in order[: len(people) // 2]}
        heard = [rows_of(scores, dev) for scores in (old, new)]
        thresholds = [miss_rate_threshold(each.bonafide, each.spoof, 0.02) for each in heard]
        unheard = [rows_of(scores, set(people) - dev) for scores in (old, new)]
        held.append(
            operating_transfer(
                unheard[1], thresholds[1], unheard[0], thresholds[0],
                target=0.02, dev_trials=heard[0].bonafide.size,
            )
        )  # fmt: skip
    assert not any(each.above_target for each in held)
    assert all(each.candidate.interval[1] > 0.02 for each in held)
    assert all(each.interval and each.interval[0] < 0 < each.interval[1] for each in held)
    assert np.mean([each.candidate.rate for each in held]) == pytest.approx(0.02, abs=0.006)


def test_a_threshold_that_is_taken_over_as_it_was_is_found_out(
    published: tuple[Scores, Scores],
) -> None:
    old, new = published
    threshold = miss_rate_threshold(old.bonafide, old.spoof, 0.02)
    found = operating_transfer(new, threshold, old, threshold, target=0.02)
    assert found.above_target
    assert found.interval is not None
    assert found.interval[0] > 0.5
    assert "the champion refuses 2.00 %, 2.00 % was set" in found.sentence


def test_intervals_hold_what_they_promise_where_voices_are_alike() -> None:
    threshold = -1.6448536  # 5 % of a standard normal distribution
    held = blind = 0
    for seed in range(200):
        scores = voices(seed, people=40, each=25, alike=0.5)
        low, high = operating_transfer(scores, threshold).candidate.interval
        held += low <= 0.05 <= high
        alone = scores_of(scores.cm_scores, list(scores.utterance_ids))
        low, high = operating_transfer(alone, threshold).candidate.interval
        blind += low <= 0.05 <= high
    assert held >= 184  # 0.95 of 200, less 2 standard deviations
    assert blind < 150  # trials are no speakers


def test_no_refusal_among_few_trials_shows_little() -> None:
    found = operating_transfer(voices(1, people=30, each=1, alike=0.0), -9.0)
    assert found.candidate.interval == (0.0, pytest.approx(1 - 0.025 ** (1 / 30)))
    assert (found.champion, found.difference, found.target) == (None, None, None)
    assert not found.above_target


def test_dev_counts_too_where_it_is_told() -> None:
    scores = voices(2, people=40, each=25, alike=0.2)
    plain, wider = (operating_transfer(scores, -1.6, dev_trials=n) for n in (None, 1000))
    assert plain.candidate.rate == wider.candidate.rate
    spans = [each.candidate.interval[1] - each.candidate.interval[0] for each in (plain, wider)]
    assert spans[1] / spans[0] == pytest.approx(2**0.5, rel=0.1)


def test_the_order_of_two_lists_does_not_matter_but_what_they_hold_does() -> None:
    ours = voices(3, people=20, each=10, alike=0.3)
    turned = rows_of(ours, set(ours.clusters))
    turned = Scores(
        turned.utterance_ids[::-1], turned.attack_ids[::-1], turned.cm_scores[::-1],
        turned.clusters[::-1],
    )  # fmt: skip
    found = operating_transfer(ours, -1.0, turned, -1.0)
    assert found.difference == 0
    with pytest.raises(InputError, match=r"one list of trials expected, candidate \(200\)"):
        operating_transfer(ours, -1.0, rows_of(ours, {"p1"}), -1.0)


def test_without_bona_fide_trials_there_is_nothing_to_refuse() -> None:
    with pytest.raises(InputError, match="bona fide trials expected"):
        operating_transfer(scores_of(np.array([1.0, 2.0]), ["a", "b"], spoofs=2), 0.0)
