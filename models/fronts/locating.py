"""Where the weights that `training.pretrained` names lie on this machine, and what they hold."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from models.errors import InputError
from models.files.manifest import file_hash
from models.fronts.publications import PUBLICATIONS, publication
from models.params.environment import setting_here


def fronts_folder() -> Path:
    """The folder of fetched fronts, one folder for each name, inside the state folder."""
    state = Path(setting_here("ANTIPHON_STATE_DIR", ".antiphon"))
    return state.expanduser().absolute() / "fronts"


def locate(name: str) -> Path:
    """The file of a fetched publication, its hash checked.

    Raises InputError where the name is unknown, nothing was fetched, or the file was changed.
    """
    path = fetched_file(name)
    if path is None:
        raise InputError(_missing_sentence([name]))
    file = next(file for file in publication(name).files if file.name == path.name)
    found_hash = file_hash(path)
    if found_hash != file.sha256:
        raise InputError(
            f"{path}: not the published weights of {name} (SHA-256 {file.sha256} expected, found "
            f"{found_hash}): remove the file and run `antiphon fronts fetch {name}`"
        )
    return path


def fetched_file(name: str) -> Path | None:
    """The file of a fetched publication, unchecked; None where nothing was fetched."""
    paths = (fronts_folder() / name / file.name for file in publication(name).files)
    return next((path for path in paths if path.is_file()), None)


def _missing_sentence(names: Sequence[str]) -> str:
    """What to do where weights are not here; `names` are not none."""
    return (
        f"{' and '.join(names)}: weights that are not here: run "
        f"`antiphon fronts fetch {' '.join(names)}`, or train a detector that needs none "
        "(detector.name: aasist)"
    )


def require_fetched(pretrained: Sequence[str]) -> None:
    """Raise InputError where publications among `Params.pretrained` were not fetched."""
    missing = [name for name in pretrained if name in PUBLICATIONS and fetched_file(name) is None]
    if missing:
        raise InputError(_missing_sentence(missing))


def weights_source(pretrained: str) -> str:
    """What `training.pretrained` means here: the path of a published front's file, else itself."""
    return str(locate(pretrained)) if pretrained in PUBLICATIONS else pretrained


def content_hash(pretrained: Sequence[str]) -> str | None:
    """SHA-256 of the weights that `Params.pretrained` names; None where it names none.

    Of a folder: of the names and contents of all its files. Of weights that are not here: the name.
    """
    return "+".join(map(_content_hash, pretrained)) or None


def _content_hash(pretrained: str) -> str:
    fetched = fetched_file(pretrained) if pretrained in PUBLICATIONS else None
    path = fetched or Path(pretrained)
    if path.is_file():
        return file_hash(path)
    if not path.is_dir():
        return pretrained
    files = sorted(file for file in path.rglob("*") if file.is_file())
    lines = (f"{file.relative_to(path)}\n{file_hash(file)}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
