"""Several corpora as one dataset."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.data.dataset import corpus_of, count_classes, join_corpora, read_dataset, read_sentinel
from models.errors import InputError
from models.params.data import DataParams
from models.trials import Partition, Protocol, Trial

TRAIN, DEV, EVAL = Partition


def trial(
    name: str,
    partition: Partition | None = TRAIN,
    speaker: str | None = None,
    attack: str | None = None,
    parent: str | None = None,
) -> Trial:
    path = Path(f"{name}.flac")
    return Trial(name, path, attack, partition=partition, speaker_id=speaker, parent=parent)


def joined(**corpora: tuple[Trial, ...]) -> dict[str, Trial]:
    protocol = join_corpora({name: Protocol(name, trials) for name, trials in corpora.items()})
    return {trial.utterance_id: trial for trial in protocol.trials}


def put_corpus(folder: Path, *rows: str, header: str = "utterance_id,path,label,partition") -> None:
    folder.mkdir(parents=True)
    (folder / "protocol.csv").write_text("\n".join([header, *rows, ""]))
    for row in rows:
        (folder / row.split(",")[1]).write_bytes(b"audio")


def test_ids_and_parents_begin_with_the_name_of_their_corpus() -> None:
    trials = joined(
        base=(trial("one"), trial("copy", attack="world", parent="one")), other=(trial("one"),)
    )
    assert set(trials) == {"base/one", "base/copy", "other/one"}
    assert trials["base/copy"].parent == "base/one"
    assert trials["base/one"].parent is None


def test_a_later_corpus_follows_a_speaker_whom_an_earlier_one_has() -> None:
    trials = joined(
        base=(trial("one", EVAL, "anna"),),
        field=(trial("two", TRAIN, "anna"), trial("three", TRAIN, "berta")),
    )
    assert trials["field/two"].partition is EVAL
    assert trials["field/three"].partition is TRAIN


def test_a_third_corpus_follows_what_the_second_became() -> None:
    trials = joined(
        base=(trial("one", DEV, "anna"),),
        second=(trial("two", TRAIN, "anna"),),
        third=(trial("three", EVAL, "anna"),),
    )
    assert {t.partition for t in trials.values()} == {DEV}


def test_a_corpus_keeps_its_own_partitions() -> None:
    published = (trial("a", TRAIN, "anna"), trial("b", EVAL, "anna"), trial("c", DEV))
    trials = joined(base=published)
    assert [t.partition for t in trials.values()] == [TRAIN, EVAL, DEV]


def test_a_speaker_whom_a_published_corpus_has_on_both_sides_is_followed_nowhere() -> None:
    trials = joined(
        base=(trial("a", TRAIN, "anna"), trial("b", EVAL, "anna")), field=(trial("c", DEV, "anna"),)
    )
    assert trials["field/c"].partition is DEV


def test_utterances_without_a_speaker_follow_nobody() -> None:
    trials = joined(base=(trial("a", EVAL),), field=(trial("b", TRAIN),))
    assert trials["field/b"].partition is TRAIN


def test_a_trial_without_a_partition_is_left_out() -> None:
    trials = joined(base=(trial("one", None), trial("two", TRAIN)))
    assert list(trials) == ["base/two"]


@pytest.mark.parametrize("is_there", [True, False], ids=["empty", "absent"])
def test_a_data_folder_without_a_corpus_is_refused_in_one_sentence(
    tmp_path: Path, is_there: bool
) -> None:
    folder = tmp_path / "data"
    if is_there:
        (folder / ".dvc").mkdir(parents=True)
        (folder / "README.md").touch()
    with pytest.raises(InputError, match=r"data: no corpus here; .* bring one$") as refused:
        read_dataset(folder, DataParams())
    assert "\n" not in str(refused.value)


def test_field_samples_are_read_last_whatever_the_alphabet_says(tmp_path: Path) -> None:
    header = "utterance_id,path,label,partition,speaker_id"
    put_corpus(tmp_path / "field", "f,f.wav,bonafide,train,anna", header=header)
    put_corpus(tmp_path / "zoo", "z,z.wav,bonafide,eval,anna", header=header)
    protocol = read_dataset(tmp_path, DataParams())
    assert protocol.name == "zoo+field"
    assert [t.partition for t in protocol.trials] == [EVAL, EVAL]


def test_the_corpora_that_params_name_are_read_by_their_protocol(tmp_path: Path) -> None:
    put_corpus(tmp_path / "base", "a,a.wav,bonafide,train", "b,b.wav,spoof,train")
    for name in ("r1", "r2", "r3"):
        for label in ("bonafide", "spoof/tts"):
            place = tmp_path / "plain" / label / f"{name}.wav"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(b"audio")
    protocol = read_dataset(tmp_path, DataParams(corpora={"plain": "folders"}))
    assert count_classes(protocol.trials) == {"bonafide": 4, "tts": 3, "unknown": 1}
    assert {t.partition for t in protocol.trials} == set(Partition)


def test_a_named_corpus_that_is_not_there_is_refused(tmp_path: Path) -> None:
    put_corpus(tmp_path / "base", "a,a.wav,bonafide,train", "b,b.wav,spoof,train")
    with pytest.raises(InputError, match=r"no folder for plain of data\.corpora"):
        read_dataset(tmp_path, DataParams(corpora={"plain": "folders"}))


def put_two_corpora(folder: Path) -> None:
    put_corpus(folder / "base", "a,a.flac,bonafide,train", "b,b.flac,spoof,eval")
    put_corpus(folder / "watch", "c,c.flac,bonafide,train", "d,d.flac,spoof,dev")


def test_sentinel_corpora_judge_as_a_whole_and_are_in_no_partition(tmp_path: Path) -> None:
    put_two_corpora(tmp_path)
    protocol = read_dataset(tmp_path, DataParams(), ("watch",))
    assert [trial.utterance_id for trial in protocol.trials] == ["base/a", "base/b"]
    trials = read_sentinel(tmp_path, ("watch",), DataParams())
    assert [(t.utterance_id, t.partition) for t in trials] == [("watch/c", None), ("watch/d", None)]
    assert {corpus_of(trial.utterance_id) for trial in trials} == {"watch"}


def test_a_sentinel_that_is_not_there_or_of_one_class_is_refused(tmp_path: Path) -> None:
    put_two_corpora(tmp_path)
    put_corpus(tmp_path / "half", "e,e.flac,bonafide,eval")
    with pytest.raises(InputError, match="no folder for wach of evaluation_sets"):
        read_dataset(tmp_path, DataParams(), ("wach",))
    with pytest.raises(InputError, match="none of the 1 is spoof"):
        read_sentinel(tmp_path, ("half",), DataParams())
