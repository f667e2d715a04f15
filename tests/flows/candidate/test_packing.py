"""How trials of a dataset are packed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from flows import stages
from models.data.clips import open_clips
from models.params.tree import Params

PARAMS = Params()


def test_copies_of_bona_fide_trials_are_learnt_from_and_not_judged_by(
    tone_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "base").symlink_to(tone_corpus)
    monkeypatch.chdir(tmp_path)
    stages.prepare(replace(PARAMS, copy_synthesis={"griffin_lim": 0.5}))
    train, *others = (open_clips(stages.PREPARED, name) for name in ("train", "dev", "eval"))
    copies = [trial for trial in train.trials if trial.attack_id == "griffin_lim_copy"]
    assert len(copies) == round(0.5 * train.bonafide.sum())
    assert {copy.parent for copy in copies} < set(train.utterance_ids)
    assert all("griffin_lim_copy" not in clips.attack_ids for clips in others)
