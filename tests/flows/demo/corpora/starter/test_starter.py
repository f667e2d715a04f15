"""A starter corpus appears whole, and goes on where it was interrupted."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from flows.demo.corpora.find_recordings import Recording
from flows.demo.corpora.starter.materials import Materials
from flows.demo.corpora.starter.plan import StarterSize
from flows.demo.corpora.starter.starter import build_starter, fetch_starter
from flows.demo.corpora.synthesisers.voices import Part
from flows.demo.corpora.tables import Summary
from infra.errors import UnreachableError
from models.audio.reading import SAMPLE_RATE, read_audio
from models.data.protocols.reading import read_protocol
from models.errors import InputError
from models.trials import Label, Partition

SIZE = StarterSize(9, {Part.TRAIN: 2, Part.DEV: 2, Part.EVAL: 2})
SOURCES = {"asterisk_en": "anna", "asterisk_it": "carlo", "asterisk_ru": "ivan"}
STATE = Path(__file__).resolve().parents[5] / ".antiphon" / "downloads"


def talk(path: Path, pitch: float, seconds: float, seed: int) -> None:
    """Harmonics of a moving pitch in syllables, with a little noise: speech by its numbers."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    phase = 2 * np.pi * np.cumsum(pitch + 20 * np.sin(5 * time)) / SAMPLE_RATE
    vowel = sum(np.sin(number * phase) / number for number in range(1, 25))
    syllables = np.clip(np.sin(2 * np.pi * 4 * time), 0, None)
    hiss = 0.01 * np.random.default_rng(seed).standard_normal(time.size)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.2 * vowel * syllables + hiss, SAMPLE_RATE)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> list[Recording]:
    folder = tmp_path_factory.mktemp("recordings")
    spoken = []
    for number, (source, speaker) in enumerate(SOURCES.items()):
        for n in range(10):
            path = folder / source / f"{n}.wav"
            talk(path, 100.0 + 40 * number, 1.0 + 0.1 * n, n)
            language = source[-2:]
            spoken.append(
                Recording(f"{source}-{n}", path, speaker, language, source, "unknown", "CC0-1.0")
            )
    return spoken


def build(
    out: Path, recordings: list[Recording], advance: Callable[[int, int], None] | None = None
) -> Summary:
    def materials() -> Materials:
        return Materials(
            recordings=list(recordings),
            synthesisers={"espeak_ng": None},
            copies=["lpc_vocoder", "phase_vocoder"],
            missing=["no recordings of x: apt does not know the package"],
        )

    pytest.importorskip("espeakng_loader", reason="needs the extra demo")
    options = {} if advance is None else {"advance": advance}
    return build_starter(out, materials, SIZE, 7, processes=1, **options)


@pytest.fixture(scope="module")
def corpus(recordings: list[Recording], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("corpora") / "starter"
    build(out, recordings)
    return out


def digests(folder: Path) -> dict[str, str]:
    return {
        f"{path.relative_to(folder)}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_protocol_reads_people_copies_and_voices(corpus: Path) -> None:
    trials = read_protocol("antiphon", corpus).trials
    people = {trial.utterance_id: trial for trial in trials if trial.label is Label.BONAFIDE}
    assert {trial.partition for trial in trials} == set(Partition)
    assert len(people) == 3 * SIZE.source
    for attack_id in ("espeak_ng", "lpc_vocoder", "phase_vocoder"):
        assert sum(trial.attack_id == attack_id for trial in trials) == 6
    copies = [trial for trial in trials if trial.parent]
    assert {trial.attack_id for trial in copies} == {"lpc_vocoder", "phase_vocoder"}
    for copy in copies:
        parent = people[copy.parent]
        assert (copy.speaker_id, copy.partition) == (parent.speaker_id, parent.partition)


def test_both_classes_have_one_level_and_copies_the_length_of_their_parents(corpus: Path) -> None:
    trials = {trial.utterance_id: trial for trial in read_protocol("antiphon", corpus).trials}
    levels = [np.square(read_audio(trial.path)).mean() for trial in trials.values()]
    assert max(levels) < 3 * min(levels)
    for trial in trials.values():
        if trial.parent:
            lengths = [read_audio(one.path).size for one in (trial, trials[trial.parent])]
            assert abs(lengths[0] - lengths[1]) < 0.3 * SAMPLE_RATE


def test_sources_licences_and_what_is_missing_stand_beside_the_audio(corpus: Path) -> None:
    readme = (corpus / "README.md").read_text(encoding="utf-8")
    assert "- no recordings of x: apt does not know the package" in readme
    assert "| asterisk_en | en | train | 1 | 9 |" in readme
    assert "| human | asterisk_it | CC0-1.0 | 9 |" in readme


def test_an_interrupted_build_goes_on_and_ends_the_same(
    recordings: list[Recording], corpus: Path, tmp_path: Path
) -> None:
    def interrupt(done: int, _total: int) -> None:
        if done >= 25:  # in the third source
            raise KeyboardInterrupt

    out = tmp_path / "starter"
    with pytest.raises(KeyboardInterrupt):
        build(out, recordings, interrupt)
    assert not out.exists()
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("asterisk_en/*.flac")}
    assert len(kept) == SIZE.source
    build(out, recordings)
    assert digests(out) == digests(corpus)
    finished = {path.name: path.stat().st_mtime_ns for path in out.rglob("asterisk_en/*.flac")}
    assert finished == {path.name: time for path, time in kept.items()}
    assert [path.name for path in tmp_path.iterdir()] == ["starter"]


def test_a_second_call_leaves_a_whole_corpus_as_it_is(
    recordings: list[Recording], corpus: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in corpus.rglob("*")}
    assert sum(build(corpus, recordings).counts["."].values()) == 45
    assert {path: path.stat().st_mtime_ns for path in corpus.rglob("*")} == before


def test_a_folder_of_another_request_is_not_touched(corpus: Path) -> None:
    with pytest.raises(InputError, match="other arguments or versions"):
        build_starter(corpus, Materials, SIZE, 8)


def test_sounds_that_are_no_speech_are_no_source(
    recordings: list[Recording], tmp_path: Path
) -> None:
    noise = tmp_path / "noise.wav"
    rng = np.random.default_rng(0)
    soundfile.write(noise, 0.1 * rng.standard_normal(2 * SAMPLE_RATE), SAMPLE_RATE)
    hissing = [
        Recording(f"hiss-{n}", noise, "hiss", "fr", "asterisk_fr", "unknown", "CC0-1.0")
        for n in range(10)
    ]
    sentences: list[str] = []
    stock = Materials(recordings=[*recordings, *hissing])
    build_starter(tmp_path / "starter", lambda: stock, SIZE, 7, tell=sentences.append, processes=1)
    assert sentences == [
        "no human-asterisk_fr-train: none of 10 utterances was usable",
    ]
    assert not list(tmp_path.rglob("hiss*.flac"))


@pytest.mark.slow
def test_the_real_packages_give_at_least_twenty_sources(tmp_path: Path) -> None:
    if not (STATE / "packages" / "warzone2100-data").is_dir():
        pytest.skip("needs the packages that `antiphon corpus fetch starter` downloads (760 MB)")
    size = StarterSize(10, {Part.TRAIN: 2, Part.DEV: 1, Part.EVAL: 1})
    try:
        fetch_starter(tmp_path / "starter", STATE, size, 1)
    except UnreachableError as error:
        pytest.skip(f"needs the Debian package servers: {error}")
    trials = read_protocol("antiphon", tmp_path / "starter").trials
    assert len({trial.source for trial in trials if trial.label is Label.BONAFIDE}) >= 20
