from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from torch import nn

from models.data.clips import Clips, open_clips, pack
from models.errors import InputError
from models.params.augmentation import AugmentationAudioParams
from models.params.training import TrainingParams
from models.params.tree import Params, params_from_mapping
from models.params.window import WindowParams
from models.training import loading
from models.training.loading import batches_ahead, loader_processes, room
from models.training.sampling import Sampler
from models.training.state import weights_hash
from models.training.train import Execution, LearningRule, train
from tests.models.training.test_sampling import voices_of_many_lengths

HEAVY = {"room": 0.5, "background": 0.5, "codec": 0.5, "speed": 0.5, "time_mask": 0.5}


@pytest.fixture(scope="module")
def packed(train_clips: Clips, tmp_path_factory: pytest.TempPathFactory) -> Clips:
    """The train clips, read through a memory map."""
    folder = tmp_path_factory.mktemp("packed")
    waveforms = {Path(str(i)): train_clips.waveform(i) for i in range(len(train_clips))}
    trials = [replace(trial, path=Path(str(i))) for i, trial in enumerate(train_clips.trials)]
    pack(trials, waveforms.__getitem__, folder, "train")
    return open_clips(folder, "train")


def same(batch: tuple[np.ndarray, ...], other: tuple[np.ndarray, ...]) -> bool:
    return all(np.array_equal(one, two) for one, two in zip(batch, other, strict=True))


@pytest.mark.parametrize("processes", [1, 3])
@pytest.mark.parametrize(("balanced", "rows"), [(True, None), (False, None), (True, [1, 3, 7])])
def test_batches_are_the_same_bit_for_bit_whoever_makes_them(
    processes: int, balanced: bool, rows: list[int] | None, packed: Clips, tiny_params: Params
) -> None:
    training = replace(tiny_params.training, balanced=balanced)
    sampler = Sampler(packed, training, HEAVY, rows=rows)
    with batches_ahead(sampler, processes, 4) as batches:  # as after a resume
        order = [4, 5, 5, 0, 6, 7, 2, *range(8, 15), 14]
        assert all(same(batches(step), sampler.batch(step)) for step in order)


def test_batches_of_many_lengths_are_the_same_whoever_makes_them(
    tiny_params: Params, tmp_path: Path
) -> None:
    clips = voices_of_many_lengths()
    audio = {Path(str(i)): clips.waveform(i) for i in range(len(clips))}
    trials = [replace(trial, path=Path(str(i))) for i, trial in enumerate(clips.trials)]
    pack(trials, audio.__getitem__, tmp_path, "train")
    training = replace(tiny_params.training, crop_samples=20_000)
    own = WindowParams(samples=20_000, short="own")
    sampler = Sampler(open_clips(tmp_path, "train"), training, {"gain": 0.5}, window=own)
    with batches_ahead(sampler, 2, 0) as batches:
        ahead = [batches(step) for step in range(15)]
    assert all(same(batch, sampler.batch(step)) for step, batch in enumerate(ahead))
    assert len({waveforms.shape[1] for waveforms, _ in ahead}) > 5


def test_a_batch_stays_as_it_is_when_others_are_made(packed: Clips, tiny_params: Params) -> None:
    sampler = Sampler(packed, tiny_params.training, {"white_noise": 1.0})
    with batches_ahead(sampler, 1, 0) as batches:
        kept = [batches(step) for step in range(12)]
    assert all(same(batch, sampler.batch(step)) for step, batch in enumerate(kept))


def test_what_waits_is_bounded_by_bytes_and_gives_way(
    packed: Clips, tiny_params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampler = Sampler(packed, tiny_params.training, {})
    size = 4 * 8 * 600
    with batches_ahead(sampler, 2, 0) as batches:
        loader = batches.__self__  # type: ignore[attr-defined]
        batches(0)
        assert loader.crew.waiting == loader.shared.count == 4
        monkeypatch.setattr(loading, "free_memory", lambda: 25 * size)  # of which a tenth
        batches(1)
        batches(2)
        assert loader.crew.waiting == 2
        monkeypatch.setattr(loading, "free_memory", lambda: 0)
        assert all(same(batches(step), sampler.batch(step)) for step in range(3, 15))
        assert loader.crew.waiting == 0
    assert room((24, 64_600), 8) == 1  # and never none
    monkeypatch.setattr(loading, "free_memory", lambda: None)
    assert room((4096, 64_600), 99) == loading.MOST_BYTES // (4 * 4096 * 64_600) == 2


def test_an_error_reaches_the_trainer_in_its_own_words(
    packed: Clips, tiny_params: Params, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "hum.wav", 0.1 * np.ones(16_000), 16_000)
    audio = AugmentationAudioParams(noise=str(tmp_path))
    sampler = Sampler(packed, tiny_params.training, {"background": 1.0}, audio)
    (tmp_path / "hum.wav").write_text("no audio any more")
    sentences = []
    for processes in (0, 1):
        with (
            batches_ahead(sampler, processes, 0) as batches,
            pytest.raises(InputError, match=r"hum\.wav: not audio that can be read") as caught,
        ):
            batches(0)
        sentences.append(str(caught.value))
    assert sentences[0] == sentences[1]


def test_training_goes_on_without_processes_that_were_killed(
    packed: Clips, tiny_params: Params, caplog: pytest.LogCaptureFixture
) -> None:
    sampler = Sampler(packed, tiny_params.training, {"white_noise": 1.0})
    with batches_ahead(sampler, 2, 0) as batches:
        for process in batches.__self__.crew.processes:  # type: ignore[attr-defined]
            os.kill(process, signal.SIGKILL)
        assert all(same(batches(step), sampler.batch(step)) for step in range(15))
    assert "ended with status -9; 0 go on" in caplog.text


def test_clips_in_memory_are_not_copied_to_processes(
    train_clips: Clips, tiny_params: Params, caplog: pytest.LogCaptureFixture
) -> None:
    sampler = Sampler(train_clips, tiny_params.training, {})
    with batches_ahead(sampler, 2, 0) as batches, caplog.at_level(logging.WARNING):
        assert same(batches(0), sampler.batch(0))
    assert "the clips lie in memory, batches are made here" in caplog.text


@pytest.mark.usefixtures("one_thread")
def test_a_resume_with_other_processes_ends_at_the_same_weights(
    packed: Clips, dev_clips: Clips, tiny_params: Params, tmp_path: Path,
    tiny_detector: Callable[[], nn.Module], caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    class Killed(BaseException): ...

    class Bomb:
        left = -1

        def __repr__(self) -> str:
            return "Bomb()"

        def __call__(self, _d: nn.Module, waveforms: object, *_: object) -> object:
            if self.left == 0:
                raise Killed
            self.left -= 1
            return waveforms

    def run(processes: int, bomb: Bomb, place: Path | None) -> tuple[object, str]:
        detector = tiny_detector()
        training = replace(tiny_params.training, loader_workers=processes)
        params = replace(tiny_params, training=training)
        done = train(
            detector,
            packed,
            dev_clips,
            params,
            rule=LearningRule(transform=bomb),
            run=Execution(checkpoint=place, checkpoint_every_s=0.0),
        )
        return done, weights_hash(detector.state_dict())

    expected, cut = run(0, Bomb(), None), Bomb()
    cut.left = 7
    with pytest.raises(Killed):
        run(2, cut, tmp_path / "train.pt")
    with caplog.at_level(logging.INFO):
        assert run(1, Bomb(), tmp_path / "train.pt") == expected
    assert "training goes on from step 7" in caplog.text
    assert run(2, Bomb(), None) == expected


def test_the_number_of_processes_follows_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    by_itself = TrainingParams()
    assert loader_processes(by_itself, "cpu") == 0
    assert loader_processes(replace(by_itself, loader_workers=3), "cpu") == 3
    for cores, trainers, expected in ((1, 1, 0), (4, 1, 3), (64, 1, 16), (16, 4, 3), (4, 8, 0)):
        monkeypatch.setattr(loading, "usable_cores", lambda cores=cores: cores)
        monkeypatch.setenv("LOCAL_WORLD_SIZE", str(trainers))
        assert loader_processes(by_itself, "cuda") == expected
    assert loader_processes(replace(by_itself, loader_workers=0), "cuda") == 0


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("many", "training: loader_workers: auto or int expected, found 'many'"),
        (-1, "training.loader_workers: 0 to 1024 expected, found -1"),
        (True, "training: loader_workers: int expected, found True"),
        (None, "training: loader_workers: int expected, found None"),
        (2.5, "training: loader_workers: int expected, found 2.5"),
    ],
)
def test_another_number_is_refused_by_name(value: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        params_from_mapping({"training": {"loader_workers": value}})
