"""What is written beside the audio of the starter corpus: protocol, sources, licences, request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from flows.demo.corpora.starter.unfinished import REQUEST, Row
from flows.demo.corpora.tables import Summary
from models.files.whole_files import write_json, write_rows, write_text

CORPUS = "."  # of the summary: the protocol lies in OUT itself
INTRODUCTION = """\
# Starter corpus

Human speech of Debian packages, copies of it (column `parent`) and synthetic voices, all resampled
to 16 kHz, limited to 60 Hz to 7 kHz, trimmed, at one level and through one codec. A synthetic
utterance is about as long as a human recording and carries the channel, the long-term spectrum and
the background of that recording.
"""


def write_report(
    folder: Path, request: Mapping[str, Any], rows: Sequence[Row], missing: Sequence[str]
) -> Summary:
    """Protocol, README and request in the folder; the summary is also in the request's file."""
    write_rows(folder / "protocol.csv", rows)
    write_text(folder / "README.md", "\n".join(_readme(rows, missing)) + "\n")
    counts = {CORPUS: dict(Counter(_kind(row) for row in rows))}
    seconds = round(sum(float(row["duration_s"]) for row in rows), 1)
    document = {"request": request, "counts": counts, "seconds": seconds, "missing": list(missing)}
    write_json(folder / REQUEST, document)
    return Summary(folder, counts, seconds)


def _kind(row: Row) -> str:
    return str(row["attack_id"] or "bonafide")


def _readme(rows: Sequence[Row], missing: Sequence[str]) -> Iterable[str]:
    yield INTRODUCTION
    if missing:
        yield "Missing, because it could not be had:\n"
        yield from (f"- {sentence}" for sentence in missing)
        yield ""
    human = [row for row in rows if not row["attack_id"]]
    yield from _table(
        ("source", "language", "partition", "speakers", "utterances"),
        human,
        lambda row: (row["source"], row["language"], str(row["partition"])),
        speakers=True,
    )
    spoofs = [row for row in rows if row["attack_id"]]
    yield from _table(
        ("attack", "partition", "voices or speakers", "utterances"),
        spoofs,
        lambda row: (row["attack_id"], str(row["partition"])),
        speakers=True,
    )
    yield "## Licences\n"
    yield "A synthetic utterance also carries the background of a human recording of its source."
    yield "A copy is under the licence of its parent.\n"
    yield from _table(
        ("made by", "source", "licence", "utterances"),
        rows,
        lambda row: (
            row["attack_id"] or "human",
            "any" if row["attack_id"] and not row["parent"] else row["source"],
            row["licence"],
        ),
        speakers=False,
    )


def _table(
    header: Sequence[str], rows: Sequence[Row], key: Any, *, speakers: bool
) -> Iterable[str]:
    """Counts of rows, and of the speakers among them, by a key, as a table of Markdown."""
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    for names, members in groups.items():
        voices = [len({row["speaker_id"] for row in members})] if speakers else []
        yield f"| {' | '.join(map(str, [*names, *voices, len(members)]))} |"
    yield ""
