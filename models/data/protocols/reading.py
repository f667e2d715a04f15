"""A corpus by its name and folder: parsed, checked for missing audio, and with partitions."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from models.data.protocols import PROTOCOLS
from models.data.protocols.partitions import draw_partitions
from models.data.protocols.skipped import skipped_files, skipped_sentence
from models.errors import InputError
from models.trials import Protocol, Trial

log = logging.getLogger(__name__)

NO_FOLDER = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP)


def read_protocol(
    name: str,
    root: Path,
    *,
    partition_seed: int = 2026,
    train_share: float = 0.6,
    dev_share: float = 0.2,
    allow_missing: bool = False,
    on_missing: Callable[[Sequence[Trial]], object] | None = None,
) -> Protocol:
    """The trials of the corpus that a person unpacked in `root`.

    A corpus that comes without any partitions gets drawn ones. With `allow_missing`, trials whose
    audio is not there are left out, and `on_missing` is told which. Raises InputError where the
    corpus cannot be used, naming the file and line, or the files that are missing and how many.
    """
    if name not in PROTOCOLS:
        raise InputError(f"no protocol named {name!r}; known: {', '.join(sorted(PROTOCOLS))}")
    if not root.is_dir():
        raise InputError(f"{name}: a folder expected, {root} is none")
    trials = tuple(PROTOCOLS[name](root))
    if not trials:
        raise InputError(f"{name}: no utterances under {root}")
    _refuse_duplicates(name, trials)
    skipped = skipped_files(name, root, trials)
    if skipped:
        log.warning("%s: %s: %s", name, root, skipped_sentence(skipped))
    has_partitions = any(trial.partition for trial in trials)
    trials, missing = _present(name, root, trials, allow_missing)
    if missing and on_missing:
        on_missing(missing)
    if not has_partitions:
        trials = draw_partitions(
            trials,
            origin=f"{name}: {root}",
            seed=partition_seed,
            train_share=train_share,
            dev_share=dev_share,
        )
    return Protocol(name, trials, skipped)


def _refuse_duplicates(name: str, trials: Sequence[Trial]) -> None:
    first: dict[str, Trial] = {}
    for trial in trials:
        other = first.setdefault(trial.utterance_id, trial)
        if other is not trial:
            raise InputError(
                f"{name}: utterance_id {trial.utterance_id!r} is given twice: "
                f"{other.path} and {trial.path}"
            )


def _present(
    name: str, root: Path, trials: tuple[Trial, ...], allow_missing: bool
) -> tuple[tuple[Trial, ...], Sequence[Trial]]:
    """The trials with audio, and those without; each folder is listed once."""
    listed: dict[str, frozenset[str]] = {}
    present: list[Trial] = []
    missing: list[Trial] = []
    for trial in trials:
        folder, file = os.path.split(str(trial.path))
        if folder not in listed:
            listed[folder] = _names(root, folder)
        (present if file in listed[folder] else missing).append(trial)
    if missing and not (allow_missing and present):
        first = os.path.relpath(missing[0].path, root)
        raise InputError(
            f"{name}: {len(missing):,} of {len(trials):,} audio files are missing under {root}, "
            f"first: {first}"
        )
    return tuple(present), missing


def _names(root: Path, folder: str) -> frozenset[str]:
    """The names of the files in a folder; none where it is not below the root."""
    path = Path(folder)
    if not path.is_relative_to(root) or ".." in path.relative_to(root).parts:
        return frozenset()
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries if entry.is_file())
    except OSError as error:
        if error.errno in NO_FOLDER:
            return frozenset()
        raise InputError(f"{folder}: cannot be listed ({error.strerror})") from error
