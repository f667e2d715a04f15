"""The table of antiphon's own corpora, as a careful and as a hostile user writes it."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from models.data.protocols.reading import read_protocol
from models.errors import InputError
from models.trials import UNKNOWN_ATTACK, Label, Partition, Trial

Unpack = Callable[[str], Path]


def by_id(root: Path) -> dict[str, Trial]:
    return {trial.utterance_id: trial for trial in read_protocol("antiphon", root).trials}


def rewrite(root: Path, change: Callable[[list[dict[str, str]]], object]) -> None:
    """Change the rows of the table in place."""
    path = root / "protocol.csv"
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    change(rows)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def set_cell(root: Path, column: str, cell: str, row: int = 0) -> None:
    rewrite(root, lambda rows: rows[row].update({column: cell}))


def drop(root: Path, column: str) -> None:
    rewrite(root, lambda rows: [row.pop(column) for row in rows])


def to_parquet(root: Path) -> None:
    import pyarrow.csv
    import pyarrow.parquet

    path = root / "protocol.csv"
    pyarrow.parquet.write_table(pyarrow.csv.read_csv(path), root / "protocol.parquet")
    path.unlink()


def test_known_columns_are_fields_and_the_others_are_kept(unpack: Unpack) -> None:
    trial = by_id(unpack("antiphon"))["h-dev"]
    assert (trial.codec, trial.source, trial.language) == ("g722", "site", "en")
    assert (trial.speaker_id, trial.partition) == ("anna", Partition.DEV)
    assert trial.extra == {"release": "0", "text": "Well, no."}


def test_a_parent_given_as_a_path_becomes_its_utterance_id(unpack: Unpack) -> None:
    assert by_id(unpack("antiphon"))["c-eval"].parent == "h-eval"


def test_a_column_codec_is_preferred_to_the_channel(unpack: Unpack) -> None:
    root = unpack("antiphon")
    rewrite(root, lambda rows: [row.update(codec="opus") for row in rows])
    trial = by_id(root)["h-dev"]
    assert (trial.codec, trial.extra["channel"]) == ("opus", "g722")


def test_a_parquet_table_reads_as_the_csv_does(unpack: Unpack) -> None:
    root = unpack("antiphon")
    before = by_id(root)
    to_parquet(root)
    assert by_id(root) == before


def test_two_tables_are_refused(unpack: Unpack) -> None:
    root = unpack("antiphon")
    (root / "protocol.parquet").touch()
    with pytest.raises(InputError, match=r"protocol.csv and protocol.parquet are both in .*: keep"):
        read_protocol("antiphon", root)


def test_a_parquet_table_that_is_none_is_refused(unpack: Unpack) -> None:
    root = unpack("antiphon")
    (root / "protocol.csv").rename(root / "protocol.parquet")
    with pytest.raises(InputError, match=r"protocol\.parquet: cannot be read as Parquet"):
        read_protocol("antiphon", root)


def test_a_damaged_parquet_table_is_read_or_refused_in_one_sentence(unpack: Unpack) -> None:
    root = unpack("antiphon")
    to_parquet(root)
    whole = (root / "protocol.parquet").read_bytes()
    dice = random.Random(2026)
    for _ in range(100):
        at = dice.randrange(len(whole))
        damaged = whole[:at] + bytes([dice.randrange(256)]) + whole[at + 1 :]
        (root / "protocol.parquet").write_bytes(damaged)
        try:
            assert read_protocol("antiphon", root).trials
        except InputError as error:
            assert "\n" not in str(error)


def test_a_spoof_of_unknown_make_needs_no_attack(unpack: Unpack) -> None:
    root = unpack("antiphon")
    drop(root, "attack_id")
    assert by_id(root)["c-dev"].attack_id == UNKNOWN_ATTACK


@pytest.mark.parametrize("column", ["utterance_id", "path", "label"])
def test_a_table_without_a_required_column_is_refused(unpack: Unpack, column: str) -> None:
    root = unpack("antiphon")
    drop(root, column)
    with pytest.raises(InputError, match=rf"protocol\.csv:1: no column {column}; found: "):
        read_protocol("antiphon", root)


def test_a_column_named_twice_is_refused(unpack: Unpack) -> None:
    root = unpack("antiphon")
    text = (root / "protocol.csv").read_text().replace("release", "label", 1)
    (root / "protocol.csv").write_text(text)
    with pytest.raises(InputError, match=r"protocol\.csv:1: column label is named twice"):
        read_protocol("antiphon", root)


@pytest.mark.parametrize(
    ("column", "cell", "complaint"),
    [
        ("label", "fake", "label: bonafide or spoof expected, found 'fake'"),
        ("label", "", "label: bonafide or spoof expected, found ''"),
        ("attack_id", "world", "label is bonafide but attack_id is 'world'"),
        ("partition", "val", "partition: train, dev, eval expected, found 'val'"),
        ("partition", "", "partition: train, dev, eval expected, found ''"),
        ("utterance_id", "", "utterance_id is empty"),
        ("path", "", "path: a file below .* expected, found ''"),
    ],
)
def test_a_wrong_cell_is_named_by_file_and_line(
    unpack: Unpack, column: str, cell: str, complaint: str
) -> None:
    root = unpack("antiphon")
    set_cell(root, column, cell)
    with pytest.raises(InputError, match=rf"protocol\.csv:2: {complaint}$"):
        read_protocol("antiphon", root)


@pytest.mark.parametrize(
    "cell",
    [
        "/etc/passwd",
        "../secret.flac",
        "bonafide/../../secret.flac",
        "bonafide\\..\\..\\secret.flac",
        "C:\\secret.flac",
        "\\\\server\\share\\secret.flac",
        "file:///etc/passwd",
        "https://example.org/1.flac",
        ".",
        "..",
    ],
)
def test_a_path_that_leads_out_of_the_corpus_is_refused(unpack: Unpack, cell: str) -> None:
    root = unpack("antiphon")
    (root.parent / "secret.flac").touch()
    set_cell(root, "path", cell)
    with pytest.raises(InputError, match=r"protocol\.csv:2: path: a file below .* expected, found"):
        read_protocol("antiphon", root)


def test_a_path_written_on_windows_is_read(unpack: Unpack) -> None:
    root = unpack("antiphon")
    set_cell(root, "path", "bonafide\\train.flac")
    assert by_id(root)["h-train"].path == root / "bonafide/train.flac"


def test_a_path_that_names_a_folder_is_missing_audio(unpack: Unpack) -> None:
    root = unpack("antiphon")
    set_cell(root, "path", "bonafide")
    with pytest.raises(InputError, match=r"1 of 6 audio files are missing .*first: bonafide$"):
        read_protocol("antiphon", root)


def test_a_path_longer_than_any_file_system_allows_is_missing_audio(unpack: Unpack) -> None:
    root = unpack("antiphon")
    set_cell(root, "path", f"{'x' * 5000}/1.flac")
    with pytest.raises(InputError, match="1 of 6 audio files are missing"):
        read_protocol("antiphon", root)


def test_an_open_quotation_mark_is_refused_with_a_line(unpack: Unpack) -> None:
    root = unpack("antiphon")
    text = (root / "protocol.csv").read_text()
    (root / "protocol.csv").write_text(text.replace('"Well, no."', '"Well, no.', 1))
    with pytest.raises(InputError, match=r"protocol\.csv:\d+: "):
        read_protocol("antiphon", root)


def test_a_line_of_a_megabyte_is_refused_with_its_number(unpack: Unpack) -> None:
    root = unpack("antiphon")
    set_cell(root, "text", "x" * 1_000_000)
    with pytest.raises(InputError, match=r"protocol\.csv:2: not CSV"):
        read_protocol("antiphon", root)


def test_a_text_over_two_lines_does_not_shift_the_line_numbers(unpack: Unpack) -> None:
    root = unpack("antiphon")
    set_cell(root, "text", "Well,\nno.")
    assert len(by_id(root)) == 6
    set_cell(root, "label", "fake", row=1)
    with pytest.raises(InputError, match=r"protocol\.csv:4: label"):
        read_protocol("antiphon", root)


def test_audio_that_is_a_link_into_a_cache_is_there(unpack: Unpack) -> None:
    root = unpack("antiphon")
    cached = root.parent / "cache"
    cached.mkdir()
    audio = root / "bonafide/train.flac"
    audio.rename(cached / "0a1b")
    audio.symlink_to(cached / "0a1b")
    assert len(by_id(root)) == 6
    (cached / "0a1b").unlink()
    with pytest.raises(InputError, match="1 of 6 audio files are missing"):
        read_protocol("antiphon", root)


def test_the_real_corpus_is_read_whole(shared: Path) -> None:
    protocol = read_protocol("antiphon", shared / "corpus")
    assert len(protocol.trials) == 2230
    assert sum(trial.label is Label.BONAFIDE for trial in protocol.trials) == 1270
    assert len({trial.attack_id for trial in protocol.trials}) == 10
    assert all(trial.speaker_id for trial in protocol.trials)
    ids = {trial.utterance_id for trial in protocol.trials}
    assert any(trial.parent in ids for trial in protocol.trials)
