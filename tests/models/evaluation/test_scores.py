"""Score files and key files, in the formats in which they are published."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from models.errors import InputError
from models.evaluation.scores import Scores, read_scores, write_scores

FOUR = "LA_E_1 A07 spoof -2.5\nLA_E_2 - bonafide 3.25\nLA_E_3 A08 spoof 1e-3\n"
TWO = "LA_E_1 -2.5\nLA_E_2 3.25\nLA_E_3 1e-3\n"
KEYS = {
    "2019": "LA_1 LA_E_1 - A07 spoof\nLA_2 LA_E_2 - - bonafide\nLA_1 LA_E_3 - A08 spoof\n",
    "2021": (
        "LA_1 LA_E_1 alaw ita_tx A07 spoof notrim eval\n"
        "LA_2 LA_E_2 none - bonafide bonafide notrim eval\n"
        "LA_1 LA_E_3 alaw ita_tx A08 spoof notrim eval\n"
    ),
    "2021-df": (
        "LA_1 LA_E_1 mp3m4a asvspoof A07 spoof notrim eval neural_vocoder - - - -\n"
        "LA_2 LA_E_2 nocodec asvspoof - bonafide notrim eval bonafide - - - -\n"
        "LA_1 LA_E_3 nocodec asvspoof A08 spoof notrim eval waveform_concatenation - - - -\n"
    ),
    "asvspoof5": (
        "LA_1 LA_E_1 M C05 2 LA_E_9 AC1 A07 spoof -\n"
        "LA_2 LA_E_2 F - - - - bonafide bonafide -\n"
        "LA_1 LA_E_3 M - - - AC2 A08 spoof -\n"
    ),
    "antiphon": (
        "utterance_id,path,partition,label,attack_id,speaker_id\n"
        "LA_E_1,a.flac,eval,spoof,A07,LA_1\n"
        "LA_E_2,b.flac,eval,bonafide,,LA_2\n"
        "LA_E_3,c.flac,eval,spoof,A08,LA_1\n"
        "LA_E_4,d.flac,train,spoof,A08,LA_3\n"
    ),
}


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def check(scores: Scores, clusters: tuple[str, ...]) -> None:
    assert scores.utterance_ids == ("LA_E_1", "LA_E_2", "LA_E_3")
    assert scores.attack_ids == ("A07", None, "A08")
    assert scores.cm_scores.tolist() == [-2.5, 3.25, 1e-3]
    assert scores.clusters == clusters


def test_four_columns_carry_their_own_keys(tmp_path: Path) -> None:
    check(read_scores(write(tmp_path, "s.txt", FOUR)), ("LA_E_1", "LA_E_2", "LA_E_3"))


@pytest.mark.parametrize("corpus", KEYS)
@pytest.mark.parametrize("text", [TWO, FOUR], ids=["two-columns", "four-columns"])
def test_a_key_file_gives_labels_attacks_and_speakers(
    tmp_path: Path, corpus: str, text: str
) -> None:
    keys = write(tmp_path, "keys.txt", KEYS[corpus])
    check(read_scores(write(tmp_path, "s.txt", text), keys), ("LA_1", "LA_2", "LA_1"))


def test_in_the_wild_keys_match_without_the_ending_and_name_no_attack(tmp_path: Path) -> None:
    keys = write(tmp_path, "key.txt", "- 0.wav - - - spoof\n- 1.wav - - - bonafide\n")
    scores = read_scores(write(tmp_path, "s.txt", "0 -4.1\n1 2.0\n"), keys)
    assert scores.keys == (("0", "unknown"), ("1", None))


def test_the_meta_csv_of_in_the_wild_is_a_key_file(tmp_path: Path) -> None:
    keys = write(tmp_path, "meta.csv", "file,speaker,label\n0.wav,Alec,spoof\n1.wav,Bo,bona-fide\n")
    scores = read_scores(write(tmp_path, "s.txt", "0.wav -4.1\n1.wav 2.0\n"), keys)
    assert scores.attack_ids == ("unknown", None)
    assert scores.clusters == ("Alec", "Bo")


def test_endings_stay_where_they_tell_two_trials_apart(tmp_path: Path) -> None:
    text = "a.wav A1 spoof 1\na.flac - bonafide 2\n"
    assert read_scores(write(tmp_path, "s.txt", text)).utterance_ids == ("a.wav", "a.flac")


@pytest.mark.parametrize("delimiter", [",", "\t", " "])
@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
def test_a_header_names_the_columns_whatever_their_order(
    tmp_path: Path, delimiter: str, zipped: bool
) -> None:
    rows = [
        "cm_score utterance_id label attack_id speaker_id",
        "-2.5 LA_E_1 spoof A07 LA_1",
        "3.25 LA_E_2 bonafide - LA_2",
        "1e-3 LA_E_3 spoof A08 LA_1",
    ]
    data = "\r\n".join(row.replace(" ", delimiter) for row in rows).encode()
    path = tmp_path / "scores.dat"  # told by content, not by name
    path.write_bytes(gzip.compress(data) if zipped else b"\xef\xbb\xbf" + data)
    check(read_scores(path), ("LA_1", "LA_2", "LA_1"))


def test_parquet_is_read_by_its_columns(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    path = tmp_path / "scores"
    table = {
        "utterance_id": ["LA_E_1", "LA_E_2", "LA_E_3"],
        "label": ["spoof", "bonafide", "spoof"],
        "attack_id": ["A07", None, "A08"],
        "cm_score": [-2.5, 3.25, 1e-3],
        "embedding": [[1.0], [2.0], [3.0]],
    }
    pq.write_table(pa.table(table), path)
    check(read_scores(path), ("LA_E_1", "LA_E_2", "LA_E_3"))


def test_the_asvspoof_5_headers_are_known(tmp_path: Path) -> None:
    scores = write(tmp_path, "s.tsv", "filename\tcm-score\nE_1\t-2.5\nE_2\t3.25\n")
    keys = write(tmp_path, "k.tsv", "filename\tcm-label\nE_1\tspoof\nE_2\tbonafide\n")
    assert read_scores(scores, keys).attack_ids == ("unknown", None)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a A1 spoof 1\n\nb - bonafide\n", r"s\.txt:3: 4 fields expected, 3 found"),
        ("a A1 spoof 1\n\n\nb - bonafide x1\n", r"s\.txt:4: a number as cm_score .*'x1'"),
        ("a A1 spoof 1\nb - bonafide nan\n", r"s\.txt:2: a finite number as cm_score .*nan"),
        ("a A1 spoof inf\nb - bonafide 1\n", r"s\.txt:1: a finite number .*inf"),
        ("a A1 spoof 1\na - bonafide 2\n", r"s\.txt:2: utterance a is there twice"),
        ("a A1 fake 1\nb - bonafide 2\n", r"s\.txt:1: label bonafide or spoof .*'fake'"),
        ("a A1 spoof 1\nb A2 bonafide 2\n", r"s\.txt:2: label bonafide contradicts attack A2"),
        ("a A1 spoof 1\nb A2 spoof 2\n", r"s\.txt: trials of both classes .* 2 is bonafide"),
        ("a 1\nb 2\n", r"s\.txt: scores without labels; a key file is expected"),
        ("a A1 spoof\n", r"s\.txt:1: 2 or 4 columns expected, found 3"),
        ("  \n\n", r"s\.txt: the file is empty"),
        ("utterance_id,cm_score\n", r"s\.txt: a header without rows"),
        ("utterance_id,label,cm_score\na,spoof\n", r"s\.txt:2: 3 fields expected, 2 found"),
        ("utterance_id,label\na,spoof\n", r"a column cm_score expected, found utterance_id, label"),
        ("label,cm_score\nspoof,1\n", r"a column utterance_id expected, found label, cm_score"),
    ],
)
def test_a_faulty_file_is_refused_with_its_line(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint) as refusal:
        read_scores(write(tmp_path, "s.txt", text))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", ["file", "filename", "speaker"])
def test_an_utterance_may_be_called_like_a_column(tmp_path: Path, name: str) -> None:
    (tmp_path / "s.txt").write_text(f"{name} - bonafide 1.5\nb A01 spoof -1\n")
    assert read_scores(tmp_path / "s.txt").keys == ((name, None), ("b", "A01"))


@pytest.mark.parametrize(
    "first", ["# made by x", "#", "#utterance_id label cm_score", "# file,label"]
)
def test_comments_are_refused_as_what_they_are(tmp_path: Path, first: str) -> None:
    (tmp_path / "s.txt").write_text(f"{first}\na - bonafide 1.5\nb A01 spoof -1\n")
    with pytest.raises(InputError, match=r"s\.txt: begins with #, comments are not read"):
        read_scores(tmp_path / "s.txt")


def test_a_damaged_gzip_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.txt.gz"
    path.write_bytes(gzip.compress(FOUR.encode() * 50)[:-12])
    with pytest.raises(InputError, match=r"s\.txt\.gz: damaged gzip"):
        read_scores(path)


def test_text_that_is_not_utf_8_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "s.txt"
    path.write_bytes(b"a A1 spoof 1\n\xff\xfe - bonafide 2\n")
    with pytest.raises(InputError, match=r"s\.txt:2: text in UTF-8 expected"):
        read_scores(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_scores(tmp_path / "nowhere.txt")


def test_utterances_missing_on_either_side_are_counted(tmp_path: Path) -> None:
    scores = write(tmp_path, "s.txt", "LA_E_1 1\nLA_E_8 1\nLA_E_9 2\n")
    keys = write(tmp_path, "k.txt", KEYS["2019"])
    complaint = (
        r"2 of 3 scored utterances have no key in .*k\.txt \(the first is LA_E_8\) and "
        r"2 trials of .*k\.txt have no score \(the first is LA_E_2\)"
    )
    with pytest.raises(InputError, match=complaint):
        read_scores(scores, keys)


def test_a_key_file_may_not_contradict_the_scores(tmp_path: Path) -> None:
    keys = write(tmp_path, "k.txt", KEYS["2019"].replace("A08 spoof", "- bonafide"))
    with pytest.raises(InputError, match="LA_E_3 is A08, but bonafide by its key"):
        read_scores(write(tmp_path, "s.txt", FOUR), keys)


def test_other_partitions_than_eval_are_set_aside_and_said(tmp_path: Path) -> None:
    keys = write(tmp_path, "k.csv", KEYS["antiphon"])
    scores = read_scores(write(tmp_path, "s.txt", TWO + "LA_E_4 9\n"), keys)
    assert len(scores.utterance_ids) == 3
    assert scores.notes == ("1 scored trials of other partitions than eval are set aside",)


def test_what_is_written_is_read_back_to_the_bit(tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(size=4)
    before = Scores(("a", "b", "c,d", 'e"'), ("A1", None, None, "B"), values, ("s", "s", "t", "u"))
    for name in ("s.csv", "s.csv.gz"):
        write_scores(tmp_path / name, before)
        after = read_scores(tmp_path / name)
        assert after.keys == before.keys
        assert after.clusters == before.clusters
        assert np.array_equal(after.cm_scores, before.cm_scores)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.csv", "s.csv.gz"]


def test_scores_are_refused_that_contradict_themselves() -> None:
    with pytest.raises(InputError, match="finite cm_score expected, found nan for b"):
        Scores(("a", "b"), (None, "A1"), np.array([1.0, np.nan]), ("a", "b"))
    with pytest.raises(InputError, match="twice"):
        Scores(("a", "a"), (None, "A1"), np.array([1.0, 2.0]), ("a", "b"))
    with pytest.raises(ValueError, match="columns of one length"):
        Scores(("a", "b"), (None,), np.array([1.0, 2.0]), ("a", "b"))


def test_the_trials_hash_forgets_order_and_scores() -> None:
    one = Scores(("a", "b"), (None, "A1"), np.array([1.0, 2.0]), ("a", "b"))
    two = Scores(("b", "a"), ("A1", None), np.array([5.0, 6.0]), ("x", "y"))
    other = Scores(("b", "a"), ("A2", None), np.array([5.0, 6.0]), ("x", "y"))
    assert one.trials_hash == two.trials_hash != other.trials_hash


def test_real_files_of_two_systems_hold_the_same_trials(shared: Path) -> None:
    folder = shared / "scores"
    keys = folder / "asvspoof2019-la.protocol.txt.gz"
    one = read_scores(folder / "asvspoof2019-la.rawgat-st-mul.txt.gz", keys)
    two = read_scores(folder / "asvspoof2019-la.lfcc-resnet18-softmax.txt.gz", keys)
    assert one.trials_hash == two.trials_hash
    assert (one.bonafide.size, one.spoof.size) == (7355, 63882)
    assert len(set(one.clusters)) == 67
