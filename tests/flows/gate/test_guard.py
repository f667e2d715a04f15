from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from flows.gate.leaks import GUARDED, LEAKS, guard
from models.audio.reading import read_audio
from models.augmentations.codec import CODECS
from models.augmentations.processing.coding import through
from models.data.clips import Clips, open_clips, pack_clips
from models.data.dataset import SENTINEL
from models.data.protocols.reading import read_protocol
from models.errors import InputError
from models.files.whole_files import read_rows
from models.params.leakage import LeakageParams
from models.trials import Partition, Trial

RATE = 16_000


def sound(seed: int) -> NDArray[np.float32]:
    """Two seconds of noise bursts that no other seed gives."""
    rng = np.random.default_rng(seed)
    loudness = np.repeat(rng.uniform(0.01, 0.3, 40), RATE // 20)
    noise: NDArray[np.float32] = (loudness * rng.normal(size=loudness.size)).astype(np.float32)
    return noise.clip(-0.99, 0.99)


def pack_partition(folder: Path, partition: str, codec: str | None = None, **seeds: int) -> None:
    """Clips by name; those that begin with `spoof` are spoofs. The seed is what they sound like."""
    trials = [
        Trial(name, Path(name), "A1" if name.startswith("spoof") else None,
              speaker_id="Ann" if name.endswith("ann") else name)
        for name in seeds
    ]  # fmt: skip
    sounds = [transcoded(n, codec) if codec else sound(n) for n in seeds.values()]
    clips = Clips.from_arrays(trials, sounds)
    pack_clips(clips, folder, partition)


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """One clip of train and one of dev are in eval too; one voice is in train and eval."""
    pack_partition(tmp_path, Partition.TRAIN, t1=1, t2_ann=2, t3=3, spoof1=4, spoof2=5)
    pack_partition(tmp_path, Partition.DEV, d1=6, d2=20, spoof3=7)
    pack_partition(tmp_path, Partition.EVAL, e1=8, e2_ann=9, e3=3, spoof4=10, spoof5=20)
    return tmp_path


def transcoded(seed: int, codec: str) -> NDArray[np.float32]:
    """The same sound quieter and cut, through a codec."""
    waveform = through(CODECS[codec], sound(seed), np.random.default_rng(seed))
    return 0.6 * waveform[1_000:]


def names(folder: Path) -> dict[str, tuple[str, ...]]:
    return {part: open_clips(folder, part).utterance_ids for part in Partition}


def test_clips_that_give_away_judged_ones_are_dropped_and_written_down(packed: Path) -> None:
    audio = open_clips(packed, "train").waveform(4)
    guard(packed, LeakageParams())
    assert names(packed) == {
        "train": ("t1", "t2_ann", "spoof1", "spoof2"),
        "dev": ("d1", "spoof3"),
        "eval": ("e1", "e2_ann", "e3", "spoof4", "spoof5"),  # what is judged stays
    }
    assert np.array_equal(open_clips(packed, "train").waveform(3), audio)
    rows = [(row["utterance_id"], row["kind"], row["judged"]) for row in read_rows(packed / LEAKS)]
    assert ("t3", "exact", "e3") in rows
    assert ("d2", "exact", "spoof5") in rows
    assert ("t2_ann", "speaker", "e2_ann") in rows


def test_a_shared_voice_goes_where_that_is_asked_for(packed: Path) -> None:
    guard(packed, LeakageParams(speaker="drop"))
    assert names(packed)["train"] == ("t1", "spoof1", "spoof2")


def test_a_cycle_stops_at_a_leak_where_that_is_asked_for(packed: Path) -> None:
    before = names(packed)
    with pytest.raises(InputError, match=r"d2 leaks spoof5 \(exact: .*`leakage.exact: drop`"):
        guard(packed, LeakageParams(exact="stop"))
    assert names(packed) == before
    assert read_rows(packed / LEAKS)  # what to look at is there


def test_a_partition_that_leaks_alone_is_refused(packed: Path) -> None:
    pack_partition(packed, Partition.DEV, d2=20, spoof3=7)
    with pytest.raises(InputError, match=r"dev: .* found 0 bonafide and 1 spoof"):
        guard(packed, LeakageParams())


def test_without_leaks_nothing_changes(packed: Path) -> None:
    pack_partition(packed, Partition.EVAL, e1=8, spoof4=10)
    before = (packed / "train.npy").stat().st_mtime_ns, names(packed)
    guard(packed, LeakageParams(speaker="stop", source="stop"))
    assert ((packed / "train.npy").stat().st_mtime_ns, names(packed)) == before


def test_copies_of_sentinels_and_of_eval_are_found_through_a_codec_on_either_side(
    packed: Path,
) -> None:
    pack_partition(packed, Partition.TRAIN, "g722", t1=1, t2=30, t3=31, spoof1=4, spoof2=8)
    pack_partition(packed, SENTINEL, "g711_alaw", w1=30, w2=32, spoof6=6, spoof7=33)
    pack_partition(packed, Partition.DEV, d1=6, d2=20, d3=34, spoof3=7)
    guard(packed, LeakageParams())
    remaining = names(packed)
    assert remaining["train"] == ("t1", "t3", "spoof1")  # t2 is the sentinel's w1, spoof2 eval's e1
    assert remaining["dev"] == ("d3", "spoof3")
    assert open_clips(packed, SENTINEL).utterance_ids == ("w1", "w2", "spoof6", "spoof7")
    rows = {row["utterance_id"]: row for row in read_rows(packed / LEAKS)}
    assert (rows["t2"]["kind"], rows["t2"]["judged_in"], rows["t2"]["judged"]) == (
        "near", "sentinel", "w1"
    )  # fmt: skip


def test_what_was_searched_is_written_down_by_what_is_left_of_it(packed: Path) -> None:
    guard(packed, LeakageParams())
    hashes = {name: open_clips(packed, name).trials_hash for name in Partition}
    assert json.loads((packed / GUARDED).read_text()) == hashes


def test_real_speech_through_two_codecs_is_still_found(shared: Path, tmp_path: Path) -> None:
    trials = [
        trial
        for trial in read_protocol("antiphon", shared / "corpus").partition(Partition.EVAL)
        if trial.path.stat().st_size > 60_000
    ][::4]
    waveforms = [read_audio(trial.path)[: 4 * RATE] for trial in trials]
    assert len(trials) > 20

    def put(name: str, codec: str, prefix: str) -> None:
        sounds = [0.5 * through(CODECS[codec], w, np.random.default_rng(1)) for w in waveforms]
        named = [replace(t, utterance_id=prefix + t.utterance_id, parent=None) for t in trials]
        pack_clips(Clips.from_arrays(named, sounds), tmp_path, name)

    put("train", "gsm", "t-")
    put("dev", "mp3", "d-")
    put(SENTINEL, "opus", "s-")
    with pytest.raises(InputError, match=r"dev: .* found"):  # nothing is left of it
        guard(tmp_path, LeakageParams())
    rows = read_rows(tmp_path / LEAKS)
    pairs = {(row["utterance_id"][2:], row["judged"][2:]) for row in rows if row["kind"] == "near"}
    missed = [t.utterance_id for t in trials if (t.utterance_id,) * 2 not in pairs]
    assert missed == []
