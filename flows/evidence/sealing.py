"""The seal of an evidence folder: one altered byte in any of its files is found.

manifest.json   SHA-256 of every other file, the verdict, the run and the key's name
signature       Ed25519 of manifest.json's bytes: 128 hexadecimal digits and a line end
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.signing import Purpose, SigningKey, TrustedKeys
from models.errors import InputError
from models.files.manifest import MANIFEST, file_hash
from models.files.whole_files import write_text

SIGNATURE = "signature"
FORMAT = 1


class BrokenSealError(ValueError):
    """A folder is not as it was signed; the message names the file."""


@dataclass(frozen=True)
class Seal:
    """What a folder says of itself, once every byte of it was checked."""

    verdict: str
    run_id: str
    key_id: str
    files: int
    manifest_sha256: str


def seal(folder: Path, verdict: str, run_id: str, key: SigningKey) -> Seal:
    """Hash every file of a folder, write the manifest and sign it."""
    files = {name: file_hash(folder / name) for name in sorted(_names(folder) - _OWN)}
    document = {
        "format": FORMAT, "key": key.id, "verdict": verdict, "run": run_id, "files": files,
    }  # fmt: skip
    text = json.dumps(document, indent=2, sort_keys=True) + "\n"
    write_text(folder / MANIFEST, text)
    write_text(folder / SIGNATURE, key.sign(Purpose.EVIDENCE, text.encode()) + "\n")
    return Seal(verdict, run_id, key.id, len(files), _hash(text.encode()))


def check_seal(folder: Path, trusted: TrustedKeys) -> Seal:
    """What the folder is, if nothing in it was altered, added or taken away since it was signed.

    Raises BrokenSealError naming the first file that is not as it was, InputError where there is
    no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: an evidence folder expected, nothing is there")
    signed = _read(folder, MANIFEST)
    try:
        document = json.loads(signed)
        if document["format"] != FORMAT:
            raise BrokenSealError(f"{folder}: {MANIFEST} of format {FORMAT} expected")
        files, key_id = dict(document["files"]), str(document["key"])
        unchecked = Seal(str(document["verdict"]), str(document["run"]), key_id, len(files), "")
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, BrokenSealError):
            raise
        raise BrokenSealError(f"{folder}: {MANIFEST} is no manifest of evidence") from error
    objection = trusted.objection(Purpose.EVIDENCE, signed, _signature(folder), key_id)
    if objection:
        raise BrokenSealError(f"{folder}: {MANIFEST} {objection}")
    _check_files(folder, files)
    return Seal(unchecked.verdict, unchecked.run_id, key_id, len(files), _hash(signed))


_OWN = {MANIFEST, SIGNATURE}


def _check_files(folder: Path, files: dict[str, str]) -> None:
    there = _names(folder) - _OWN
    for name in sorted(set(files) - there):
        raise BrokenSealError(f"{folder}: {name} is missing, {MANIFEST} lists it")
    for name in sorted(there - set(files)):
        raise BrokenSealError(f"{folder}: {name} was added, {MANIFEST} does not list it")
    for name, expected in sorted(files.items()):
        if file_hash(folder / name) != expected:
            raise BrokenSealError(f"{folder}: {name} was altered after it was signed")


def _names(folder: Path) -> set[str]:
    """Every file below a folder, whatever its name; what is no plain file is refused."""
    return set(_plain(folder, folder))


def _plain(folder: Path, root: Path) -> Iterator[str]:
    for path in folder.iterdir():
        name = path.relative_to(root).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise BrokenSealError(f"{root}: {name} is no plain file")
        if path.is_dir():
            inside = list(_plain(path, root))
            if not inside:
                raise BrokenSealError(f"{root}: {name} is an empty folder that was added")
            yield from inside
        else:
            yield name


def _signature(folder: Path) -> str:
    """The digits of the signature; another end than one line end is another spelling of it."""
    text = _read(folder, SIGNATURE).decode("ascii", errors="replace")
    return text.removesuffix("\n") if text.endswith("\n") else f"{text} without a line end"


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise BrokenSealError(f"{folder}: {name} cannot be read ({error.strerror})") from error


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
