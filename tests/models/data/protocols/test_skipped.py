"""Files that a corpus does not use are counted and named."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.audio.suffixes import AUDIO_SUFFIXES
from models.data.protocols.reading import read_protocol


def corpus(root: Path, names: list[str]) -> None:
    """Files of each name in both classes."""
    for folder in ("train/bonafide/anna", "train/spoof/melgan/bert"):
        (root / folder).mkdir(parents=True)
        for name in names:
            (root / folder / name).write_bytes(b"audio")


@pytest.mark.parametrize("suffix", sorted(AUDIO_SUFFIXES))
def test_every_suffix_that_is_read_is_found_in_folders(tmp_path: Path, suffix: str) -> None:
    corpus(tmp_path, [f"{n}{suffix.upper() if n % 2 else suffix}" for n in range(9)])
    protocol = read_protocol("folders", tmp_path)
    assert len(protocol.trials) == 18 and protocol.skipped == ()


def test_what_is_skipped_is_counted_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    corpus(tmp_path, [*(f"{n}.webm" for n in range(6)), "7.xyz", "8.xyz", "notes.txt", ".9.wav"])
    protocol = read_protocol("folders", tmp_path)
    assert len(protocol.skipped) == 4 and "train/bonafide/anna/7.xyz" in protocol.skipped
    assert "skipped: 4 files" in caplog.text and "train/bonafide/anna/7.xyz" in caplog.text


def test_audio_that_no_line_of_a_table_names_is_skipped(tmp_path: Path) -> None:
    corpus(tmp_path, [f"{n}.flac" for n in range(4)])
    lines = ["utterance_id,path,label,partition"]
    lines += [f"b{n},train/bonafide/anna/{n}.flac,bonafide,train" for n in range(4)]
    lines += [f"s{n},train/spoof/melgan/bert/{n}.flac,spoof,train" for n in range(3)]
    (tmp_path / "protocol.csv").write_text("\n".join(lines), encoding="utf-8")
    protocol = read_protocol("antiphon", tmp_path)
    assert protocol.skipped == ("train/spoof/melgan/bert/3.flac",)
