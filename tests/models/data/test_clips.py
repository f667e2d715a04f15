from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from models.audio.reading import read_audio
from models.data.clips import Clips, open_clips, pack, to_int16
from models.data.protocols.reading import read_protocol
from models.errors import InputError
from models.trials import Partition, Trial

TRIALS = (
    Trial("one", Path("one.flac"), None, Partition.TRAIN, speaker_id="ann", extra={"text": "a, b"}),
    Trial("two", Path("two.flac"), "A07", Partition.TRAIN, source="field", parent="one"),
)
AUDIO = {
    Path("one.flac"): np.array([0.0, 0.5, -1.0, 1.0], np.float32),
    Path("two.flac"): np.array([0.25, -0.25], np.float32),
}


def test_what_was_packed_comes_back_with_its_keys(tmp_path: Path) -> None:
    pack(TRIALS, AUDIO.__getitem__, tmp_path, "train")
    clips = open_clips(tmp_path, "train")
    assert clips.utterance_ids == ("one", "two")
    assert clips.attack_ids == (None, "A07")
    assert clips.clusters == ("ann", "field")
    assert clips.trials[0].extra == {"text": "a, b"}
    assert clips.trials[1].parent == "one"
    assert clips.trials[0].partition is Partition.TRAIN
    assert clips.waveform(1).tolist() == [0.25, -0.25]
    assert clips.waveform(0).dtype == np.float32
    assert clips.trials_hash == Clips.from_arrays(TRIALS, list(AUDIO.values())).trials_hash


def test_sixteen_bit_audio_survives_packing_bit_for_bit() -> None:
    every = np.arange(-32768, 32768, dtype=np.int16)
    assert np.array_equal(to_int16(every.astype(np.float32) / 32768, "all"), every)


def test_samples_beyond_full_scale_are_clipped_not_wrapped() -> None:
    packed = to_int16(np.array([1.7, 1.0, -1.7, 0.4 / 32768, 0.6 / 32768], np.float32), "loud")
    assert packed.tolist() == [32767, 32767, -32768, 0, 1]


def test_the_same_audio_packs_to_the_same_bytes_wherever_it_lies(tmp_path: Path) -> None:
    pack(TRIALS, AUDIO.__getitem__, tmp_path, "a")
    moved = [Trial(t.utterance_id, tmp_path / t.path, t.attack_id, t.partition, t.speaker_id,
                   source=t.source, parent=t.parent, extra=t.extra) for t in TRIALS]  # fmt: skip
    pack(moved, lambda path: AUDIO[Path(path.name)], tmp_path, "b")
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


@pytest.mark.parametrize("processes", [1, 3])
def test_processes_pack_to_the_same_bytes(shared: Path, tmp_path: Path, processes: int) -> None:
    corpus = shared / "corpus"
    trials = read_protocol(
        "antiphon", corpus, partition_seed=1, train_share=0.6, dev_share=0.2
    ).trials[::100]
    pack(trials, read_audio, tmp_path, "here")
    pack(trials, read_audio, tmp_path, "there", processes=processes)
    assert len(open_clips(tmp_path, "there")) == len(trials)
    for suffix in ("npy", "csv"):
        here, there = (tmp_path / f"{name}.{suffix}" for name in ("here", "there"))
        assert here.read_bytes() == there.read_bytes()


def test_processes_name_the_first_file_that_cannot_be_read(tmp_path: Path) -> None:
    names = ("good", "bad", "worse", "good", "bad", "good")
    trials = [Trial(f"{i}", tmp_path / f"{name}.wav", None) for i, name in enumerate(names)]
    soundfile.write(tmp_path / "good.wav", 0.1 * np.sin(np.arange(160_000)), 16_000)
    (tmp_path / "bad.wav").write_bytes((tmp_path / "good.wav").read_bytes()[:50_000])
    with pytest.raises(InputError, match=r"^\S+bad\.wav: truncated"):
        pack(trials, read_audio, tmp_path, "train", processes=2)
    assert not (tmp_path / "train.npy").exists()


def test_a_file_that_cannot_be_read_leaves_no_half_pack(tmp_path: Path) -> None:
    def read(path: Path) -> np.ndarray:
        if path.name == "two.flac":
            raise InputError(f"{path}: truncated")
        return AUDIO[path]

    with pytest.raises(InputError, match=r"two\.flac: truncated"):
        pack(TRIALS, read, tmp_path, "train")
    with pytest.raises(InputError, match=r"train\.csv: not found"):
        open_clips(tmp_path, "train")


@pytest.mark.parametrize("waveform", [np.empty(0), np.zeros((2, 3)), np.array([0.0, np.nan])])
def test_audio_that_is_no_waveform_is_refused_by_name(waveform: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"^clip-9: "):
        to_int16(waveform, "clip-9")


def test_a_table_that_disagrees_with_its_audio_is_refused(tmp_path: Path) -> None:
    pack(TRIALS, AUDIO.__getitem__, tmp_path, "train")
    pack(TRIALS[:1], AUDIO.__getitem__, tmp_path, "other")
    (tmp_path / "other.npy").replace(tmp_path / "train.npy")
    with pytest.raises(InputError, match=r"int16 of 6 samples expected by train\.csv"):
        open_clips(tmp_path, "train")


def test_an_empty_list_packs_to_no_clips(tmp_path: Path) -> None:
    pack((), AUDIO.__getitem__, tmp_path, "eval")
    assert len(open_clips(tmp_path, "eval")) == 0


def test_beginnings_leave_short_clips_whole() -> None:
    short = Clips.from_arrays(TRIALS, list(AUDIO.values())).beginnings(3)
    assert short.waveform(0).tolist() == [0.0, 0.5, -1.0]
    assert short.waveform(1).tolist() == [0.25, -0.25]


def test_taken_clips_keep_their_own_audio(tmp_path: Path) -> None:
    pack(TRIALS, AUDIO.__getitem__, tmp_path, "train")
    part = open_clips(tmp_path, "train").take([1])
    assert part.utterance_ids == ("two",)
    assert part.waveform(0).tolist() == [0.25, -0.25]
    assert part.bonafide.tolist() == [False]
