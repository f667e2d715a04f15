"""What is written beside the audio of a built corpus: protocols, licences, and how it was asked."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from flows.demo.corpora.orders import BASE, TRAFFIC, Batch, Order
from models.errors import InputError
from models.files.whole_files import write_json, write_rows
from models.trials import Label

REQUEST = "corpus.json"
RECIPE = 1  # raise it with any change that changes what is heard
ENGINES = ("espeakng-loader", "py-nanotts", "hibari-tts", "pyworld", "av", "soxr", "soundfile")


@dataclass(frozen=True, slots=True)
class UtteranceFile:
    """An order that became a file."""

    order: Order
    seconds: float


@dataclass(frozen=True)
class Summary:
    """What a built folder holds: counts by corpus, then by attack or `bonafide`."""

    out: Path
    counts: Mapping[str, Mapping[str, int]]
    seconds: float


def versions() -> dict[str, Any]:
    """What else decides how a corpus sounds."""
    return {"recipe": RECIPE, **{name: _version(name) for name in ENGINES}}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def read_summary(out: Path, request: Mapping[str, Any]) -> Summary | None:
    """What `out` holds if the same request built it, None where there is nothing.

    Raises InputError where it holds anything else.
    """
    if not out.exists():
        return None
    try:
        document = json.loads((out / REQUEST).read_text(encoding="utf-8"))
        if document["request"] == request:
            return Summary(out, document["counts"], document["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(
            f"{out}: exists and is no corpus built here, name another folder"
        ) from None
    raise InputError(
        f"{out}: holds a corpus built with other arguments or versions, remove it or name another "
        "folder"
    )


def write_tables(
    part: Path,
    request: Mapping[str, Any],
    batches: Sequence[Batch],
    by_batch: Sequence[Sequence[UtteranceFile]],
) -> Summary:
    """Protocol and licences of each corpus, and the request."""
    counts: dict[str, dict[str, int]] = {}
    for corpus in (BASE, TRAFFIC):
        pairs = zip(batches, by_batch, strict=True)
        of_corpus = [file for batch, files in pairs if batch.corpus == corpus for file in files]
        write_rows(part / corpus / "protocol.csv", map(protocol_row, of_corpus))
        (part / corpus / "licences.md").write_text(_licences(of_corpus), encoding="utf-8")
        kinds = Counter(file.order.attack_id or str(Label.BONAFIDE) for file in of_corpus)
        counts[corpus] = dict(kinds)
    seconds = round(sum(file.seconds for files in by_batch for file in files), 1)
    write_json(part / REQUEST, {"request": request, "counts": counts, "seconds": seconds})
    return Summary(part, counts, seconds)


def protocol_row(file: UtteranceFile) -> dict[str, Any]:
    """The line of the protocol for an utterance."""
    order = file.order
    return {
        "utterance_id": order.utterance_id,
        "path": order.path,
        "partition": order.partition,
        "label": Label.BONAFIDE if order.attack_id is None else Label.SPOOF,
        "attack_id": order.attack_id or "",
        "speaker_id": order.speaker_id,
        "language": order.language,
        "source": order.source,
        "channel": order.codec,
        "release": order.release,
        "parent": order.parent,
        "text": order.text,
        "duration_s": f"{file.seconds:.3f}",
        "licence": order.licence,
    }


def _licences(files: Sequence[UtteranceFile]) -> str:
    """A table of what came from where under which licence."""
    kinds = Counter(
        (file.order.attack_id or "human", file.order.source, file.order.licence) for file in files
    )
    lines = [
        "# Licences",
        "",
        "A synthetic utterance also carries the background of a human recording of its source.",
        "",
        "| made by | source | licence | utterances |",
        "|---|---|---|---|",
        *(
            f"| {kind} | {source} | {licence} | {n} |"
            for (kind, source, licence), n in kinds.items()
        ),
    ]
    return "\n".join(lines) + "\n"
