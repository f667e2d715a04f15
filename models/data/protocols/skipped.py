"""The files of a corpus that no trial uses, so that nothing is left out in silence."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from models.data.protocols.layout import read_layout
from models.trials import Trial

# protocols by which a person makes a corpus; of a published one, other files are other tasks'
OWN = ("antiphon", "folders")
# notes, tables and pictures that lie beside audio
DOCUMENTS = frozenset(
    {
        *(".csv", ".tsv", ".txt", ".md", ".json", ".jsonl", ".parquet", ".yaml", ".yml", ".xml"),
        *(".html", ".log", ".lab", ".textgrid", ".trn", ".trl", ".dvc", ".png", ".jpg", ".jpeg"),
        *(".pdf", ""),
    }
)
NAMED = 3  # in a sentence


def skipped_files(protocol: str, root: Path, trials: Iterable[Trial]) -> tuple[str, ...]:
    """Files below the root that are no trial's audio and no document, as paths below it."""
    if protocol not in OWN:
        return ()
    used = {str(trial.path) for trial in trials}
    skipped: list[str] = []
    for folder in read_layout(root).folders:
        if any(part.startswith(".") for part in folder.parts):
            continue
        for name in (*folder.audio, *folder.others):
            suffix = Path(name).suffix.lower()
            if name.startswith(".") or suffix in DOCUMENTS:
                continue
            if str(folder.path / name) not in used:
                skipped.append("/".join((*folder.parts, name)))
    return tuple(skipped)


def skipped_sentence(skipped: tuple[str, ...]) -> str:
    """How many files are skipped, and the first of them."""
    first = ", ".join(skipped[:NAMED]) + (", …" if len(skipped) > NAMED else "")
    files = "file is" if len(skipped) == 1 else "files are"
    return f"skipped: {len(skipped):,} {files} no audio by name or by the protocol: {first}"
