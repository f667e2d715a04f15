"""Audio inside the zip archives of games, unpacked once beside them."""

from __future__ import annotations

import shutil
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from models.audio.suffixes import is_audio
from models.errors import InputError
from models.files.whole_files import scratch_beside


def unpack_audio(archive: Path, folder: Path, below: str) -> Path:
    """The folder with the archive's audio files whose names begin with `below`, unpacked once.

    Raises InputError where the archive is missing or no zip archive.
    """
    if not folder.is_dir():
        with scratch_beside(folder, shared=True) as scratch:
            scratch.mkdir()
            _unpack(archive, scratch, below)
            if not folder.is_dir():  # another run may have been faster
                scratch.rename(folder)
    return folder


def _unpack(archive: Path, folder: Path, below: str) -> None:
    try:
        with ZipFile(archive) as packed:
            for name in packed.namelist():
                if name.startswith(below) and ".." not in name and is_audio(name):
                    place = folder / name
                    place.parent.mkdir(parents=True, exist_ok=True)
                    with packed.open(name) as content, place.open("wb") as stream:
                        shutil.copyfileobj(content, stream)
    except (OSError, BadZipFile) as error:
        raise InputError(f"{archive}: a zip archive expected, it cannot be read") from error
