"""Common to the tracks of ASVspoof 2021: where the keys lie, and what a phase is."""

from __future__ import annotations

from pathlib import Path

from models.data.protocols.layout import Folder, Layout, spelt
from models.data.protocols.lines import complaint
from models.errors import InputError
from models.trials import Partition

KEYS = "trial_metadata.txt"
PHASES = {
    "eval": Partition.EVAL,
    # Neither to train nor to judge with: the leaderboard's share, and eval with silence trimmed.
    "progress": None,
    "hidden": None,
    "hidden_track": None,
}


def find_keys(layout: Layout, track: str) -> Path:
    """The countermeasure keys of a track, in `keys/LA/CM`, `LA-keys-stage-1/keys/CM` or wherever.

    Raises InputError where there are none.
    """
    # keys/LA/ASV holds a file of the same name, for speaker verification
    folders = [f for f in layout.find(KEYS) if f.parts[-1:] == () or f.parts[-1].upper() != "ASV"]
    if not folders:
        raise InputError(
            f"asvspoof2021-{track.lower()}: {KEYS} (of {track}-keys-full) is missing "
            f"under {layout.root}"
        )
    return spelt(min(folders, key=lambda folder: not _is_of(folder, track)), KEYS)


def _is_of(folder: Folder, track: str) -> bool:
    parts = [part.upper() for part in folder.parts]
    return any(
        part == track or part.startswith(f"{track}-KEYS") or f"2021_{track}" in part
        for part in parts
    )


def read_phase(path: Path, line: int, phase: str) -> Partition | None:
    """The partition of a phase; raises InputError where it is none."""
    if phase not in PHASES:
        raise complaint(path, line, f"phase {', '.join(PHASES)} expected, found {phase!r}")
    return PHASES[phase]


def check_utterance(path: Path, line: int, utterance_id: str, prefix: str) -> None:
    """Raises InputError where these are the keys of another track."""
    if not utterance_id.startswith(prefix):
        raise complaint(path, line, f"an utterance {prefix}… expected, found {utterance_id!r}")
