"""Published fronts: where their weights lie, and that nothing else is taken for them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from models.errors import InputError
from models.fronts.locating import content_hash, fetched_file, locate, weights_source
from models.fronts.publications import PUBLICATIONS, Publication, WeightsFile, publication

WEIGHTS = b"weights of a small front"
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a front `tiny` of two files, of which nothing was fetched."""
    files = (
        WeightsFile("tiny.pt", SHA256, "http://127.0.0.1/tiny.pt"),
        WeightsFile("tiny.bin", SHA256, "http://127.0.0.1/tiny.bin"),
    )
    monkeypatch.setitem(PUBLICATIONS, "tiny", Publication("none", "MIT", files))
    monkeypatch.setenv("ANTIPHON_STATE_DIR", str(tmp_path))
    return tmp_path / "fronts" / "tiny"


def test_a_front_that_was_not_fetched_is_refused_with_the_command_that_fetches_it(
    place: Path,
) -> None:
    assert not place.exists()
    sentence = r"^tiny: weights that are not here: run `antiphon fronts fetch tiny`, or train a "
    with pytest.raises(InputError, match=sentence):
        weights_source("tiny")
    assert fetched_file("tiny") is None


def test_either_file_of_a_publication_is_its_weights(place: Path) -> None:
    place.mkdir(parents=True)
    (place / "tiny.bin").write_bytes(WEIGHTS)
    assert locate("tiny") == place / "tiny.bin"
    (place / "tiny.pt").write_bytes(WEIGHTS)
    assert weights_source("tiny") == str(place / "tiny.pt")


def test_a_file_that_was_changed_after_it_was_fetched_is_refused(place: Path) -> None:
    place.mkdir(parents=True)
    (place / "tiny.pt").write_bytes(WEIGHTS[:-1])
    with pytest.raises(InputError, match=rf"tiny\.pt: not the published weights.*{SHA256}"):
        locate("tiny")


def test_paths_and_torchaudio_mean_themselves() -> None:
    assert weights_source("torchaudio") == "torchaudio"
    assert weights_source("/data/xlsr2_300m.pt") == "/data/xlsr2_300m.pt"


def test_weights_are_known_by_their_content_wherever_they_lie(place: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.pt"
    own.write_bytes(WEIGHTS)
    place.mkdir(parents=True)
    (place / "tiny.pt").write_bytes(WEIGHTS)
    assert content_hash(["tiny"]) == content_hash([str(own)]) == SHA256
    own.write_bytes(b"others")
    assert content_hash([str(own)]) != SHA256
    assert content_hash(["torchaudio"]) == "torchaudio"


def test_a_folder_of_weights_has_another_hash_when_one_of_its_files_changes(tmp_path: Path) -> None:
    folder = tmp_path / "front"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(WEIGHTS)
    before = content_hash([str(folder)])
    assert content_hash([str(folder)]) == before
    (folder / "model.safetensors").write_bytes(WEIGHTS + b"!")
    assert content_hash([str(folder)]) != before


def test_an_unknown_front_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="no published front named 'whisper'; known: whisper-tiny"):
        publication("whisper")


def test_every_publication_is_pinned_by_a_hash_and_has_a_publisher() -> None:
    for name, front in PUBLICATIONS.items():
        assert front.files, name
        assert len({file.name for file in front.files}) == len(front.files), name
        for file in front.files:
            assert len(file.sha256) == 64, name
            assert set(file.sha256) <= set("0123456789abcdef"), name
            assert file.address.startswith("https://"), name
