"""What each corpus tells about its utterances, and the layouts that are its own."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from models.data.protocols.asvspoof2019_la import asvspoof2019_la
from models.data.protocols.reading import read_protocol
from models.errors import InputError
from models.trials import UNKNOWN_ATTACK, Label, Partition, Trial

Unpack = Callable[[str], Path]
PUBLISHED_2019 = "asvspoof2019-la.protocol.txt.gz"


def by_id(name: str, root: Path) -> dict[str, Trial]:
    return {trial.utterance_id: trial for trial in read_protocol(name, root).trials}


def move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    source.rename(target)


def test_asvspoof_2019_tells_speaker_attack_and_partition(unpack: Unpack) -> None:
    trial = by_id("asvspoof2019-la", unpack("asvspoof2019-la"))["LA_D_1105538"]
    assert (trial.speaker_id, trial.attack_id, trial.partition) == ("LA_0070", "A04", Partition.DEV)


def test_asvspoof_2019_names_each_protocol_file_that_is_missing(unpack: Unpack) -> None:
    root = unpack("asvspoof2019-la")
    for path in root.rglob("ASVspoof2019.LA.cm.*.trl.txt"):
        path.unlink()
    expected = "ASVspoof2019.LA.cm.dev.trl.txt, ASVspoof2019.LA.cm.eval.trl.txt are missing under"
    with pytest.raises(InputError, match=expected):
        read_protocol("asvspoof2019-la", root)


def test_audio_converted_to_wav_in_one_flat_folder_is_found(unpack: Unpack) -> None:
    root = unpack("asvspoof2019-la")
    for path in list(root.rglob("*.flac")):
        move(path, root / "wav" / f"{path.stem}.wav")
    assert {t.path.parent.name for t in by_id("asvspoof2019-la", root).values()} == {"wav"}


def test_the_same_utterance_name_in_another_corpus_is_not_taken(unpack: Unpack) -> None:
    root = unpack("asvspoof2021-la")
    (root / "ASVspoof2019_LA_eval").mkdir()
    (root / "ASVspoof2019_LA_eval/LA_E_9332881.flac").touch()
    path = by_id("asvspoof2021-la", root)["LA_E_9332881"].path
    assert path.parent == root / "ASVspoof2021_LA_eval/flac"
    path.unlink()
    with pytest.raises(InputError, match="1 of 4 audio files are missing"):
        read_protocol("asvspoof2021-la", root)


def test_asvspoof_2021_la_tells_codec_transmission_trim_and_phase(unpack: Unpack) -> None:
    trials = by_id("asvspoof2021-la", unpack("asvspoof2021-la"))
    trial = trials["LA_E_9332881"]
    assert (trial.codec, trial.attack_id) == ("alaw", "A07")
    assert trial.extra == {"transmission": "ita_tx", "trim": "notrim", "phase": "eval"}
    assert trials["LA_E_7294490"].label is Label.BONAFIDE


def test_the_published_eval_protocol_of_2019_is_read_whole(unpack: Unpack, shared: Path) -> None:
    root = unpack("asvspoof2019-la")
    [path] = root.rglob("ASVspoof2019.LA.cm.eval.trl.txt")
    path.write_bytes(gzip.decompress((shared / "scores" / PUBLISHED_2019).read_bytes()))
    eval_trials = [t for t in asvspoof2019_la(root) if t.partition is Partition.EVAL]
    labels = Counter(trial.label for trial in eval_trials)
    assert labels == {Label.BONAFIDE: 7355, Label.SPOOF: 63882}  # the evaluation plan's counts
    assert {t.attack_id for t in eval_trials} == {None, *(f"A{n:02}" for n in range(7, 20))}


def test_only_the_progress_phase_unpacked_draws_no_eval_from_it(unpack: Unpack) -> None:
    root = unpack("asvspoof2021-la")
    for name in ("LA_E_9332881", "LA_E_7294490"):
        (root / f"ASVspoof2021_LA_eval/flac/{name}.flac").unlink()
    trials = read_protocol("asvspoof2021-la", root, allow_missing=True).trials
    assert [trial.partition for trial in trials] == [None, None]


@pytest.mark.parametrize("name", ["asvspoof2021-la", "asvspoof2021-df"])
def test_only_the_phase_that_figures_are_published_on_is_the_eval_partition(
    unpack: Unpack, name: str
) -> None:
    for trial in by_id(name, unpack(name)).values():
        expected = Partition.EVAL if trial.extra["phase"] == "eval" else None
        assert trial.partition is expected


@pytest.mark.parametrize(
    "home", ["LA-keys-stage-1/keys/CM", "ASVspoof2021_LA_eval", "LA-keys-full/keys/LA/CM", "."]
)
def test_asvspoof_2021_keys_are_found_wherever_people_put_them(unpack: Unpack, home: str) -> None:
    root = unpack("asvspoof2021-la")
    move(root / "keys/LA/CM/trial_metadata.txt", root / home / "trial_metadata.txt")
    other = root / "DF-keys-full/keys/DF/CM/trial_metadata.txt"
    if home != ".":
        other.parent.mkdir(parents=True)
        other.write_text("LA_0043 DF_E_2000026 - asvspoof - bonafide - eval\n")
    assert len(by_id("asvspoof2021-la", root)) == 4


def test_the_masked_keys_of_stage_1_are_read(unpack: Unpack) -> None:
    root = unpack("asvspoof2021-df")
    path = root / "DF-keys-full/keys/DF/CM/trial_metadata.txt"
    path.write_text(
        "- DF_E_2000011 - - - spoof - progress\n"
        "- DF_E_2000013 - - - spoof - eval\n"
        "- DF_E_2000026 - - - bonafide - eval\n"
        "- DF_E_2000027 - - - spoof - hidden_track\n"
    )
    trial = by_id("asvspoof2021-df", root)["DF_E_2000013"]
    assert (trial.attack_id, trial.speaker_id, trial.codec) == (UNKNOWN_ATTACK, None, None)


def test_the_keys_of_another_track_are_refused(unpack: Unpack) -> None:
    root = unpack("asvspoof2021-la")
    (root / "keys/LA/CM/trial_metadata.txt").write_text(
        "LA_0043 DF_E_2000026 mp3m4a asvspoof - bonafide notrim eval\n"
    )
    with pytest.raises(InputError, match="LA_E_… expected, found 'DF_E_2000026'"):
        read_protocol("asvspoof2021-la", root)


def test_asvspoof_2021_df_tells_source_vocoder_and_the_conversion_challenge(
    unpack: Unpack,
) -> None:
    trial = by_id("asvspoof2021-df", unpack("asvspoof2021-df"))["DF_E_2000013"]
    assert (trial.source, trial.codec, trial.attack_id) == ("vcc2020", "low_m4a", "Task1-team20")
    assert trial.extra["vocoder"] == "neural_vocoder_nonautoregressive"
    assert (trial.extra["team"], trial.extra["vcc_language"]) == ("team20", "E")


def test_asvspoof_5_tells_codec_quality_seed_and_adaptation(unpack: Unpack) -> None:
    trials = by_id("asvspoof5", unpack("asvspoof5"))
    trial = trials["E_0009538969"]
    assert (trial.codec, trial.attack_id, trial.speaker_id) == ("C07", "A24", "E_1607")
    assert trial.extra == {
        "gender": "F",
        "codec_q": "3",
        "codec_seed": "E_0006660231",
        "attack_tag": "AC2",
    }
    assert trials["T_0000000001"].codec is None


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("LA_0079 LA_T_1138215 - A01 bonafide", "a bona fide utterance with an attack, 'A01'"),
        ("LA_0079 LA_T_1138215 - bonafide spoof", "a spoof whose attack is bonafide"),
    ],
)
def test_a_key_that_contradicts_its_attack_is_refused(
    unpack: Unpack, line: str, complaint: str
) -> None:
    root = unpack("asvspoof2019-la")
    [path] = root.rglob("*.train.trn.txt")
    path.write_text(line)
    with pytest.raises(InputError, match=rf"train\.trn\.txt:1: {complaint}$"):
        read_protocol("asvspoof2019-la", root)


def test_in_the_wild_keeps_the_suffix_in_its_ids_as_score_files_do(unpack: Unpack) -> None:
    trials = by_id("in-the-wild", unpack("in-the-wild"))
    assert trials["0.wav"].attack_id == UNKNOWN_ATTACK
    assert trials["4.wav"].speaker_id == "Christopher Hitchens"
    assert {trial.partition for trial in trials.values()} == {Partition.EVAL}


def test_in_the_wild_finds_audio_beside_a_table_that_was_moved(unpack: Unpack) -> None:
    root = unpack("in-the-wild")
    move(root / "release_in_the_wild/meta.csv", root / "protocols/meta.csv")
    assert by_id("in-the-wild", root)["0.wav"].path.parent.name == "release_in_the_wild"


def test_wavefake_ties_each_copy_to_its_human_original(unpack: Unpack) -> None:
    trials = by_id("wavefake", unpack("wavefake"))
    copies = ["ljspeech_melgan/LJ001-0001_gen", "ljspeech_hifiGAN/LJ001-0001_generated"]
    copies.append("ljspeech_waveglow/LJ001-0001")
    assert {trials[copy].parent for copy in copies} == {"LJ001-0001"}
    assert {trials[copy].partition for copy in copies} == {trials["LJ001-0001"].partition}
    assert trials["jsut_parallel_wavegan/BASIC5000_0001_gen"].language == "ja"


def test_wavefake_without_the_japanese_originals_says_that_they_are_missing(
    unpack: Unpack,
) -> None:
    root = unpack("wavefake")
    for path in (root / "jsut_ver1.1").rglob("BASIC5000*"):
        path.unlink()
    expected = r"8 of \d+ audio files are missing .*first: jsut_ver1.1/basic5000/wav/BASIC5000_0001"
    with pytest.raises(InputError, match=expected):
        read_protocol("wavefake", root)


def test_fake_or_real_tells_real_from_fake_of_the_same_name(unpack: Unpack) -> None:
    trials = by_id("fake-or-real", unpack("fake-or-real"))
    stem = "file1000.wav_16k.wav_norm.wav_mono.wav_silence"
    assert trials[f"training/real/{stem}"].attack_id is None
    assert trials[f"training/fake/{stem}"].attack_id == UNKNOWN_ATTACK
    assert {trial.partition for trial in trials.values()} == set(Partition)


def test_two_versions_of_fake_or_real_are_not_mixed(unpack: Unpack) -> None:
    root = unpack("fake-or-real")
    (root / "for-2sec/for-2seconds/testing/fake").mkdir(parents=True)
    (root / "for-2sec/for-2seconds/testing/fake/1.wav").touch()
    with pytest.raises(InputError, match=r"for-2sec/for-2seconds, for-norm/for-norm .* give the"):
        read_protocol("fake-or-real", root)
    assert len(read_protocol("fake-or-real", root / "for-norm").trials) == 9


def test_folders_name_attack_and_speaker(unpack: Unpack) -> None:
    trials = by_id("folders", unpack("folders"))
    trial = trials["spoof/melgan/anna/1"]
    assert (trial.attack_id, trial.speaker_id) == ("melgan", "anna")
    assert trials["bonafide/anna/2"].speaker_id == "anna"
    assert trials["spoof/of-no-known-attack"].attack_id == UNKNOWN_ATTACK
    assert trial.partition is trials["bonafide/anna/1"].partition


@pytest.mark.parametrize(
    ("parents", "partition"),
    [("train", Partition.TRAIN), ("Validation", Partition.DEV), ("TEST", Partition.EVAL)],
)
def test_folders_above_the_classes_are_partitions(
    tmp_path: Path, parents: str, partition: Partition
) -> None:
    for label in ("REAL", "FAKE"):
        (tmp_path / parents / label).mkdir(parents=True)
        (tmp_path / parents / label / "1.wav").touch()
    assert {trial.partition for trial in read_protocol("folders", tmp_path).trials} == {partition}


def test_folders_partly_in_partitions_are_refused(unpack: Unpack) -> None:
    root = unpack("folders")
    (root / "eval/real").mkdir(parents=True)
    (root / "eval/real/1.wav").touch()
    with pytest.raises(
        InputError, match=r"some audio under .* is in a partition's folder, some not"
    ):
        read_protocol("folders", root)


def test_folders_of_one_class_alone_are_refused(unpack: Unpack) -> None:
    root = unpack("folders")
    (root / "bonafide").rename(root / "humans")
    expected = "no bonafide audio under .*: bonafide/ or bona-fide/ or bona_fide/ or real/ expected"
    with pytest.raises(InputError, match=expected):
        read_protocol("folders", root)
