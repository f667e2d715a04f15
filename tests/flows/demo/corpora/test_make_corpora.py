"""Corpora appear whole, with a protocol that can be read."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
import soundfile

from flows.demo.corpora.demo import fetch_demo
from flows.demo.corpora.orders import CorpusSize
from flows.demo.corpora.own_folders import build_from_folders
from flows.demo.corpora.synthesisers.voices import Part
from infra.errors import UnreachableError
from models.audio.reading import SAMPLE_RATE, read_audio
from models.data.protocols.reading import read_protocol
from models.errors import InputError
from models.trials import Label, Partition, Protocol

ROOT = Path(__file__).resolve().parents[4]
TINY = CorpusSize(
    bonafide={Part.TRAIN: 6, Part.DEV: 6, Part.EVAL: 6, Part.TRAFFIC: 6},
    attack={Part.TRAIN: 2, Part.DEV: 2, Part.EVAL: 2, Part.TRAFFIC: 2},
    unheard={Part.TRAIN: 2, Part.DEV: 2, Part.EVAL: 2},
)


def read(folder: Path) -> Protocol:
    return read_protocol("antiphon", folder, partition_seed=1, train_share=0.6, dev_share=0.2)


def digest(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    whole = hashlib.sha256()
    for path in files:
        whole.update(f"{path.relative_to(folder)}".encode() + path.read_bytes())
    return whole.hexdigest()


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recordings: those of this checkout's state folder, else downloaded once."""
    state = ROOT / ".antiphon" / "downloads"
    return state if state.is_dir() else tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="session")
def demo(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("corpora") / "demo"
    try:
        fetch_demo(out, cache, TINY, seed=3, processes=2)
    except UnreachableError as error:
        pytest.skip(f"needs the Debian package servers: {error}")
    except InputError as error:
        if "apt" not in str(error):
            raise
        pytest.skip(f"needs apt: {error}")
    return out


@pytest.mark.slow
def test_the_demo_corpus_holds_what_was_asked_for(demo: Path) -> None:
    base, traffic = read(demo / "base"), read(demo / "traffic")
    kinds = Counter(trial.attack_id for trial in base.trials)
    assert kinds == {None: 18, "espeak_ng": 6, "svox_pico": 6, "world_copy": 6}
    kinds = Counter(trial.attack_id for trial in traffic.trials)
    assert kinds == {None: 6, "espeak_ng": 2, "svox_pico": 2, "world_copy": 2, "hibari": 6}
    for partition in Partition:
        labels = {trial.label for trial in base.partition(partition)}
        assert labels == {Label.BONAFIDE, Label.SPOOF}


@pytest.mark.slow
def test_every_file_of_the_demo_corpus_has_the_one_format(demo: Path) -> None:
    trials = [*read(demo / "base").trials, *read(demo / "traffic").trials]
    assert len(list(demo.rglob("*.flac"))) == len(trials)
    for trial in trials:
        header = soundfile.info(trial.path)
        assert (header.samplerate, header.channels, header.subtype) == (16_000, 1, "PCM_16")
        waveform = read_audio(trial.path)
        assert 0.7 < len(waveform) / SAMPLE_RATE < 12.1
        assert 10 * np.log10(np.mean(waveform**2)) == pytest.approx(-27, abs=2.5)
        assert float(trial.extra["duration_s"]) == pytest.approx(len(waveform) / 16_000, abs=1e-3)


@pytest.mark.slow
def test_no_speaker_of_the_demo_corpus_is_in_two_partitions(demo: Path) -> None:
    partitions: dict[str, set[str]] = defaultdict(set)
    for trial in (*read(demo / "base").trials, *read(demo / "traffic").trials):
        assert trial.partition is not None and trial.speaker_id is not None
        partitions[trial.speaker_id].add(trial.partition)
    assert all(len(names) == 1 for names in partitions.values())


@pytest.mark.slow
def test_the_same_seed_builds_the_same_bytes_in_any_number_of_processes(
    demo: Path, cache: Path, tmp_path: Path
) -> None:
    again = tmp_path / "demo"
    fetch_demo(again, cache, TINY, seed=3, processes=1)
    assert digest(again) == digest(demo)


@pytest.mark.slow
def test_what_is_there_already_is_not_built_again(demo: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "no downloads"
    before = digest(demo)
    summary = fetch_demo(demo, nowhere, TINY, seed=3)
    assert summary.counts["traffic"]["hibari"] == 6
    assert digest(demo) == before
    with pytest.raises(InputError, match="other arguments or versions"):
        fetch_demo(demo, nowhere, TINY, seed=4)


def recording(path: Path, seed: int, seconds: float = 1.5) -> Path:
    """A file of noise that swells like syllables."""
    draw = np.random.default_rng(seed)
    time = np.arange(round(seconds * 22_050)) / 22_050
    syllables = np.clip(np.sin(2 * np.pi * 4 * time), 0.01, None)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * syllables * draw.standard_normal(len(time)), 22_050)
    return path


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """bonafide/ of six speakers, spoof/ of three attacks by four voices each."""
    for speaker in range(6):
        for take in range(2):
            recording(tmp_path / f"bonafide/s{speaker}/{take}.wav", 10 * speaker + take)
    for attack_id in ("griffin", "melgan", "vits"):
        for voice in range(4):
            recording(tmp_path / f"spoof/{attack_id}/{attack_id}{voice}/x.wav", 100 + voice)
    return tmp_path


def test_a_persons_folders_become_base_and_traffic(own: Path) -> None:
    summary = build_from_folders(
        own / "out", own / "bonafide", own / "spoof", None, seed=1, processes=1
    )
    base, traffic = read(own / "out/base"), read(own / "out/traffic")
    assert {trial.attack_id for trial in base.trials} == {None, "griffin", "melgan"}
    assert {trial.attack_id for trial in traffic.trials} == {None, "griffin", "melgan", "vits"}
    assert sum(sum(counts.values()) for counts in summary.counts.values()) == 12 + 12
    for partition in Partition:
        assert {trial.label for trial in base.partition(partition)} == set(Label)
    partitions: dict[str | None, set[Partition | None]] = defaultdict(set)
    for trial in (*base.trials, *traffic.trials):
        partitions[trial.speaker_id].add(trial.partition)
    assert all(len(names) == 1 for names in partitions.values())


def test_a_person_names_the_attack_that_stays_unheard(own: Path) -> None:
    build_from_folders(own / "out", own / "bonafide", own / "spoof", "melgan", 1, processes=1)
    assert {t.attack_id for t in read(own / "out/base").trials} == {None, "griffin", "vits"}
    with pytest.raises(
        InputError, match=r"no attack named 'vall-e' .*found: griffin, melgan, vits"
    ):
        build_from_folders(own / "b", own / "bonafide", own / "spoof", "vall-e", 1, processes=1)


def test_a_build_that_fails_leaves_no_folder(own: Path) -> None:
    for take in own.glob("spoof/vits/*/x.wav"):
        recording(take, 1, seconds=0.5)
    with pytest.raises(InputError, match="1 utterances of vits expected, 0 of"):
        build_from_folders(own / "out", own / "bonafide", own / "spoof", None, 1, processes=1)
    assert not (own / "out").exists()


def test_a_folder_of_something_else_is_never_overwritten(own: Path) -> None:
    (own / "out").mkdir()
    with pytest.raises(InputError, match="exists and is no corpus built here"):
        build_from_folders(own / "out", own / "bonafide", own / "spoof", None, 1, processes=1)


def test_too_few_speakers_are_told_so(own: Path) -> None:
    for speaker in range(3, 6):
        for take in range(2):
            (own / f"bonafide/s{speaker}/{take}.wav").unlink()
    with pytest.raises(InputError, match=r"bona fide: at least 4 speakers .* 3 found"):
        build_from_folders(own / "out", own / "bonafide", own / "spoof", None, 1, processes=1)
