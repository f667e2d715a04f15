"""What detectors have learnt of the trials that judge them, wherever they were trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flows.gate.leaks import LeakReport, guard, search_leaks
from models.augmentations.codec import CODECS
from models.augmentations.processing.coding import through
from models.data.clips import Clips, open_clips, pack_clips
from models.data.lessons import write_lessons
from models.errors import InputError
from models.params.leakage import LeakageParams
from models.trials import Trial

RATE = 16_000
PARTS = {
    "train": {"base/t1": 1, "base/t2": 2, "base/spoof3": 3},
    "dev": {"base/d1": 4, "base/spoof5": 5},
    "eval": {"base/e1": 6, "base/e2": 7, "base/spoof8": 8},
    "sentinel": {"watch/w1": 9, "watch/spoof10": 10},
}
JUDGED = ("eval", "sentinel")


def sound(seed: int) -> np.ndarray:
    """Two seconds of noise bursts that no other seed gives."""
    rng = np.random.default_rng(seed)
    loudness = np.repeat(rng.uniform(0.01, 0.3, 40), RATE // 20)
    bursts: np.ndarray = (loudness * rng.normal(size=loudness.size)).astype(np.float32)
    return bursts.clip(-0.99, 0.99)


def pack(folder: Path, part: str, seeds: dict[str, int], codec: str | None = None) -> None:
    trials = [Trial(name, Path("-"), "A1" if "spoof" in name else None) for name in seeds]
    sounds = [
        through(CODECS[codec], sound(seed), np.random.default_rng(1)) if codec else sound(seed)
        for seed in seeds.values()
    ]
    pack_clips(Clips.from_arrays(trials, sounds), folder, part)


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """Packed clips as a cycle's `prepare` leaves them."""
    for part, seeds in PARTS.items():
        pack(tmp_path / "prepared", part, seeds)
    guard(tmp_path / "prepared", LeakageParams())
    return tmp_path / "prepared"


def detector(prepared: Path, name: str, *lessons: tuple[str, str | None]) -> Path:
    """A folder that tells these lessons, or those of the cycle's train trials."""
    folder = prepared.parent / name
    folder.mkdir()
    train = open_clips(prepared, "train")
    write_lessons(folder, lessons or zip(train.utterance_ids, train.attack_ids, strict=True))
    return folder


def search(
    prepared: Path,
    params: LeakageParams | None = None,
    training_clips: Path | None = None,
    **detectors: Path,
) -> LeakReport:
    judged = {name: open_clips(prepared, name) for name in JUDGED}
    return search_leaks(detectors, judged, prepared, params or LeakageParams(), training_clips)


def test_of_a_cycles_own_candidate_there_is_nothing_to_say(prepared: Path) -> None:
    report = search(prepared, candidate=detector(prepared, "own"))
    assert report == LeakReport(frozenset(), {"candidate": ()})


def test_trials_that_became_judges_after_the_champion_learnt_them_judge_nobody(
    prepared: Path,
) -> None:
    champion = detector(prepared, "old", ("base/t1", None), ("watch/w1", None), ("base/e2", None))
    report = search(prepared, candidate=detector(prepared, "own"), champion=champion)
    assert report.left_out == {"watch/w1", "base/e2"}
    assert report.notes["candidate"] == ()
    assert report.notes["champion"] == (
        "it was trained on base/e2, which leaks the evaluation trial base/e2 "
        "(exact: a training trial of it), 2 leaks in all",
        "2 evaluation trials are left out, because it was trained on them",
    )


def test_a_trial_is_known_by_its_name_in_another_corpus_folder_too(prepared: Path) -> None:
    pack(prepared, "eval", {"e1": 6, "e2": 7, "spoof8": 8})
    elsewhere = detector(prepared, "elsewhere", ("base/e2", None), ("base/e1", "A9"))
    assert search(prepared, candidate=elsewhere).left_out == {"e2"}  # e1 was another's label


def test_a_leak_that_is_to_stop_stops_the_comparison(prepared: Path) -> None:
    cheat = detector(prepared, "cheat", ("base/e2", None))
    with pytest.raises(InputError, match=r"candidate: base/e2 leaks base/e2 \(exact"):
        search(prepared, LeakageParams(exact="stop"), candidate=cheat)
    report = search(prepared, LeakageParams(exact="report"), candidate=cheat)
    assert report.left_out == frozenset()
    assert "it was trained on base/e2" in report.notes["candidate"][0]


def test_what_could_not_be_looked_at_is_said(prepared: Path, tmp_path: Path) -> None:
    (tmp_path / "silent").mkdir()
    notes = search(prepared, candidate=tmp_path / "silent").notes["candidate"]
    assert [note.partition(":")[0] for note in notes] == [
        "its folder does not list its training trials",
        "its training audio is not available",
    ]
    foreign = detector(prepared, "foreign", ("other/x", None))
    (note,) = search(prepared, candidate=foreign).notes["candidate"]
    assert note.startswith("its training audio is not available")


def test_copies_in_what_a_foreign_candidate_heard_are_found_by_ear(
    prepared: Path, tmp_path: Path
) -> None:
    clips = tmp_path / "clips"
    pack(clips, "train", {"x1": 20, "x2": 7, "spoof-x3": 21}, codec="g711_alaw")
    foreign = detector(prepared, "foreign", ("x1", None), ("x2", None), ("spoof-x3", "A1"))
    report = search(prepared, training_clips=clips, candidate=foreign)
    assert report.left_out == {"base/e2"}
    assert report.notes["candidate"][0].startswith(
        "it was trained on x2, which leaks the evaluation trial base/e2 (near: "
    )
    assert len(report.notes["candidate"]) == 2  # all was looked at
