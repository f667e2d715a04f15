"""What holds for every protocol, whichever corpus it reads; a newcomer needs an example."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from models.audio.suffixes import is_audio
from models.data.protocols import PROTOCOLS
from models.data.protocols.reading import read_protocol
from models.errors import InputError
from models.trials import Label, Partition, Protocol

Unpack = Callable[[str], Path]
every_protocol = pytest.mark.parametrize("name", sorted(PROTOCOLS))
TEXT = [
    ("antiphon", "protocol.csv"),
    ("asvspoof2019-la", "ASVspoof2019.LA.cm.dev.trl.txt"),
    ("asvspoof2021-df", "keys/DF/CM/trial_metadata.txt"),
    ("asvspoof2021-la", "keys/LA/CM/trial_metadata.txt"),
    ("asvspoof5", "ASVspoof5.eval.track_1.tsv"),
    ("in-the-wild", "meta.csv"),
]
every_table = pytest.mark.parametrize(("name", "table"), TEXT)
# one table with a header and one without: all are read by these two readers
every_reader = pytest.mark.parametrize(("name", "table"), [TEXT[1], TEXT[-1]])
DAMAGE = [b"", b",", b'"', b"\n", b"\r", b"\xff", b"\0", b"..", b"/", b"\xe2\x80\xa8", b"x" * 200]


def only(root: Path, tail: str) -> Path:
    [path] = (path for path in root.rglob(Path(tail).name) if path.as_posix().endswith(tail))
    return path


def outline(protocol: Protocol) -> list[tuple[str, Label, Partition | None]]:
    return sorted((t.path.name.lower(), t.label, t.partition) for t in protocol.trials)


@every_protocol
def test_every_trial_has_its_audio_and_its_own_id(unpack: Unpack, name: str) -> None:
    protocol = read_protocol(name, unpack(name))
    assert protocol.name == name
    assert all(trial.path.is_file() and is_audio(trial.path.name) for trial in protocol.trials)
    assert len({trial.utterance_id for trial in protocol.trials}) == len(protocol.trials)


@every_protocol
def test_both_classes_are_in_the_eval_partition(unpack: Unpack, name: str) -> None:
    protocol = read_protocol(name, unpack(name))
    assert {trial.label for trial in protocol.partition(Partition.EVAL)} == set(Label)


@every_protocol
def test_an_archive_nested_twice_more_reads_the_same(unpack: Unpack, name: str) -> None:
    root = unpack(name)
    flat = read_protocol(name, root)
    inner = root.rename(root.with_name("moved"))
    (root / "DS_10283").mkdir(parents=True)
    inner.rename(root / "DS_10283/data")
    assert len(read_protocol(name, root).trials) == len(flat.trials)
    assert {t.label for t in read_protocol(name, root).trials} == set(Label)


@pytest.mark.parametrize("name", sorted(set(PROTOCOLS) - {"antiphon"}))  # its paths are exact
@pytest.mark.parametrize("spell", [str.upper, str.lower])
def test_other_letter_case_of_folders_and_tables_reads_the_same(
    unpack: Unpack, name: str, spell: Callable[[str], str]
) -> None:
    root = unpack(name)
    before = read_protocol(name, root)
    for path in sorted(root.rglob("*"), reverse=True):  # what lies deeper comes first
        if not is_audio(path.name):
            path.rename(path.with_name(spell(path.name)))
    after = read_protocol(name, root)
    assert [(n, label) for n, label, _ in outline(after)] == [
        (n, label) for n, label, _ in outline(before)
    ]


@every_protocol
def test_a_corpus_reads_the_same_through_a_link(unpack: Unpack, name: str) -> None:
    root = unpack(name)
    elsewhere = root.with_name("elsewhere")
    elsewhere.mkdir()
    (elsewhere / name).symlink_to(root, target_is_directory=True)
    (root / "loop").symlink_to(root, target_is_directory=True)
    assert outline(read_protocol(name, elsewhere)) == outline(read_protocol(name, root))


@pytest.mark.parametrize("name", sorted(set(PROTOCOLS) - {"folders", "fake-or-real"}))
def test_missing_audio_is_counted_and_the_first_is_named(unpack: Unpack, name: str) -> None:
    root = unpack(name)
    trials = read_protocol(name, root).trials
    lost = next(trial for trial in trials if trial.attack_id is None)
    lost.path.unlink()
    with pytest.raises(InputError) as caught:
        read_protocol(name, root)
    expected = f"{name}: 1 of {len(trials)} audio files are missing under {root}, first: "
    assert str(caught.value).startswith(expected)
    assert Path(str(caught.value).removeprefix(expected)).name == lost.path.name
    ids = {trial.utterance_id for trial in read_protocol(name, root, allow_missing=True).trials}
    assert ids == {trial.utterance_id for trial in trials} - {lost.utterance_id}


@every_protocol
def test_a_corpus_without_any_audio_is_refused_even_when_some_may_miss(
    unpack: Unpack, name: str
) -> None:
    root = unpack(name)
    for trial in read_protocol(name, root).trials:
        trial.path.unlink()
    with pytest.raises(InputError, match=f"^{name}: .* under {root}"):
        read_protocol(name, root, allow_missing=True)


@every_protocol
def test_an_empty_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=f"^{name}: .*under {tmp_path}"):
        read_protocol(name, tmp_path)


@every_reader
def test_byte_order_mark_crlf_and_blank_lines_are_tolerated(
    unpack: Unpack, name: str, table: str
) -> None:
    root = unpack(name)
    before = read_protocol(name, root)
    path = only(root, table)
    text = path.read_text(encoding="utf-8").replace("\n", "\r\n\r\n")
    path.write_bytes(b"\xef\xbb\xbf\r\n" + text.encode())
    assert outline(read_protocol(name, root)) == outline(before)


@every_table
def test_a_short_line_is_named_by_file_and_number(unpack: Unpack, name: str, table: str) -> None:
    root = unpack(name)
    path = only(root, table)
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*lines, "one,lonely" if ".csv" in table else "one lonely"]))
    with pytest.raises(InputError, match=rf"{path.name}:{len(lines) + 1}: .*\b2 found$"):
        read_protocol(name, root)


@every_table
def test_an_unknown_label_is_named_by_file_and_number(
    unpack: Unpack, name: str, table: str
) -> None:
    root = unpack(name)
    path = only(root, table)
    lines = path.read_text(encoding="utf-8").splitlines()
    separator = "," if ".csv" in table else " "
    cells = lines[-1].split(separator)
    at = max(i for i, cell in enumerate(cells) if cell in ("spoof", "bonafide", "bona-fide"))
    if name == "asvspoof2021-df":
        at = 5
    cells[at] = "genuine"
    path.write_text("\n".join([*lines[:-1], separator.join(cells)]))
    with pytest.raises(InputError, match=rf"{path.name}:{len(lines)}: .*'genuine'$"):
        read_protocol(name, root)


@every_reader
@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\xff\xd8\xff", b"RIFF\0\0\0\0WAVE", b"\n"])
def test_a_table_that_is_not_text_is_refused_in_one_sentence(
    unpack: Unpack, name: str, table: str, content: bytes
) -> None:
    root = unpack(name)
    path = only(root, table)
    path.write_bytes(content)
    with pytest.raises(InputError, match=path.name) as caught:
        read_protocol(name, root)
    assert "\n" not in str(caught.value)


def test_an_utterance_listed_twice_is_refused(unpack: Unpack) -> None:
    name, table = TEXT[-1]
    root = unpack(name)
    path = only(root, table)
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*lines, lines[-1]]))
    with pytest.raises(InputError, match=rf"^{name}: utterance_id '.*' is given twice: "):
        read_protocol(name, root)


@every_table
@pytest.mark.parametrize("climb", ["../outside", "{tmp}/outside"])
def test_no_table_reaches_a_file_outside_the_corpus(
    unpack: Unpack, tmp_path: Path, name: str, table: str, climb: str
) -> None:
    root = unpack(name)
    path = only(root, table)
    for suffix in ("flac", "wav"):
        (tmp_path / f"outside.{suffix}").touch()
        (root.parent / f"outside.{suffix}").touch()
    text = path.read_text(encoding="utf-8")
    for trial in read_protocol(name, root).trials:
        stem = trial.path.with_suffix("").relative_to(root).as_posix()
        cell = stem if name == "antiphon" else trial.path.stem
        if cell in text and "_E_" not in cell:
            text = text.replace(cell, climb.format(tmp=tmp_path))
            break
    else:
        text = text.replace("_E_", "_E_/../../../../../", 1)
    path.write_text(text)
    with pytest.raises(InputError, match=r"missing under|below"):
        read_protocol(name, root)


@every_table
def test_a_damaged_table_is_read_or_refused_in_one_sentence(
    unpack: Unpack, name: str, table: str
) -> None:
    root = unpack(name)
    path = only(root, table)
    whole = path.read_bytes()
    dice = random.Random(2026)
    for _ in range(60):
        at = dice.randrange(len(whole))
        path.write_bytes(whole[:at] + dice.choice(DAMAGE) + whole[at + dice.randrange(4) :])
        try:
            assert read_protocol(name, root).trials
        except InputError as error:
            assert "\n" not in str(error)


def test_an_unknown_protocol_is_named_beside_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^no protocol named 'asvspof5'; known: antiphon, asv"):
        read_protocol("asvspof5", tmp_path)


def test_a_file_where_a_folder_is_expected_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "LA.zip"
    archive.touch()
    with pytest.raises(InputError, match=rf"a folder expected, {archive} is none"):
        read_protocol("asvspoof2019-la", archive)


def test_counts_of_missing_files_are_grouped_by_thousands(tmp_path: Path) -> None:
    rows = [f"{n}.wav,Alec Guinness,{'spoof' if n % 2 else 'bona-fide'}" for n in range(1200)]
    (tmp_path / "meta.csv").write_text("\n".join(["file,speaker,label", *rows]))
    with pytest.raises(InputError, match=r"1,200 of 1,200 audio files are missing .*first: 0\.wav"):
        read_protocol("in-the-wild", tmp_path)
