from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from models.augmentations import AUGMENTATIONS, build_augmentations
from models.augmentations.processing.recordings import describe_audio, open_recordings
from models.compute import memory
from models.errors import InputError
from models.params.augmentation import AugmentationAudioParams
from models.params.tree import Params, params_from_mapping
from tests.tolerances import rounding

Waveform = NDArray[np.float32]


def write(folder: Path, **waveforms: Waveform) -> str:
    folder.mkdir(exist_ok=True)
    for name, waveform in waveforms.items():
        soundfile.write(folder / f"{name}.wav", waveform, 16_000, subtype="FLOAT")
    return str(folder)


def test_recorded_noise_is_what_is_heard_behind(tmp_path: Path, tone: Waveform) -> None:
    hum = (0.2 * np.sin(2 * np.pi * 3000 * np.arange(80_000) / 16_000)).astype(np.float32)
    audio = AugmentationAudioParams(noise=write(tmp_path / "noise", hum=hum))
    behind = build_augmentations(["background"], audio)["background"]
    for seed in range(8):
        noise = behind(tone, np.random.default_rng(seed)) - tone
        assert np.argmax(np.abs(np.fft.rfft(noise))) == 2 * 3000
        snr_db = 10 * np.log10(np.square(tone).mean() / np.square(noise).mean())
        drawn = np.random.default_rng(seed).uniform(5.0, 30.0)
        assert snr_db == pytest.approx(drawn, abs=0.5)


def test_a_short_recording_goes_on_from_its_start(tmp_path: Path, tone: Waveform) -> None:
    short = np.random.default_rng(0).standard_normal(4_000).astype(np.float32) / 10
    audio = AugmentationAudioParams(noise=write(tmp_path / "noise", short=short))
    noise = build_augmentations(["background"], audio)["background"](tone, np.random.default_rng(0))
    turns = (noise - tone).reshape(-1, 4_000)
    loudest = float(np.abs(turns).max() + np.abs(tone).max())
    np.testing.assert_allclose(
        turns, np.tile(turns[0], (len(turns), 1)), rtol=0, atol=rounding(2, loudest)
    )


def test_a_measured_room_takes_the_place_of_simulated_ones(tmp_path: Path, voice: Waveform) -> None:
    response = np.zeros(1_600, np.float32)
    response[[100, 900]] = 0.8, 0.4  # an echo after 50 ms
    audio = AugmentationAudioParams(impulse_responses=write(tmp_path / "rooms", one=response))
    reverberated = build_augmentations(["room"], audio)["room"](voice, np.random.default_rng(0))
    echoed = voice + 0.5 * np.concatenate([np.zeros(800, np.float32), voice[:-800]])
    assert np.corrcoef(reverberated, echoed)[0, 1] > 0.9999
    assert not np.allclose(reverberated, AUGMENTATIONS["room"](voice, np.random.default_rng(0)))


def test_every_recording_is_drawn(tmp_path: Path) -> None:
    tones = {
        f"n{k}": np.full(2_000, 0.1, np.float32) * np.arange(2_000) % (k + 2) for k in range(5)
    }
    folder = tmp_path / "noise"
    write(folder, **tones)
    (folder / "more").mkdir()
    (folder / "n4.wav").rename(folder / "more" / "n4.WAV")
    (folder / "LICENCE.txt").write_text("free")
    recordings = open_recordings(str(folder), "augmentation_audio.noise")
    rng = np.random.default_rng(0)
    assert len({recordings.draw(rng).tobytes() for _ in range(60)}) == 5


@pytest.mark.parametrize(
    ("key", "effect"), [("noise", "background"), ("impulse_responses", "room")]
)
def test_a_missing_or_empty_folder_is_refused_by_the_name_of_its_key(
    key: str, effect: str, tmp_path: Path
) -> None:
    for folder, complaint in ((tmp_path / "none", "found none at"), (tmp_path, "found none")):
        audio = AugmentationAudioParams(**{key: str(folder)})
        with pytest.raises(InputError, match=f"augmentation_audio.{key}: .*{complaint}"):
            build_augmentations([effect], audio)


def test_a_damaged_recording_is_refused_by_name(tmp_path: Path, tone: Waveform) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF, or so it says")
    effects = build_augmentations(["background"], AugmentationAudioParams(noise=str(tmp_path)))
    with pytest.raises(InputError, match=r"broken\.wav"):
        effects["background"](tone, np.random.default_rng(0))


def test_params_may_name_a_folder_or_nothing() -> None:
    assert params_from_mapping({"augmentation_audio": {"noise": None}}) == Params()
    named = params_from_mapping({"augmentation_audio": {"noise": "/data/noise"}})
    assert named.augmentation_audio.noise == "/data/noise"
    with pytest.raises(InputError, match="augmentation_audio: noise: str expected, found 3"):
        params_from_mapping({"augmentation_audio": {"noise": 3}})


def test_what_is_heard_is_described_by_recordings_and_not_by_where_they_lie(
    tmp_path: Path, tone: Waveform
) -> None:
    here = AugmentationAudioParams(noise=write(tmp_path / "here", a=tone))
    there = AugmentationAudioParams(noise=write(tmp_path / "there", a=tone))
    assert describe_audio(here) == describe_audio(there)
    write(tmp_path / "there", b=tone)
    assert describe_audio(here) != describe_audio(there)


def test_recordings_are_kept_until_memory_is_short(
    tmp_path: Path, tone: Waveform, monkeypatch: pytest.MonkeyPatch
) -> None:
    recordings = open_recordings(write(tmp_path / "noise", a=tone, b=tone, c=tone), "noise")
    first, second, third = recordings.files
    assert recordings.read(first) is recordings.read(first)
    monkeypatch.setattr(memory, "SCARCE", 1.1)  # so much is never free
    assert recordings.read(second) is not recordings.read(second)
    monkeypatch.undo()
    again = recordings.read(first)
    assert again is recordings.read(first)
    assert np.array_equal(again, recordings.read(third))
